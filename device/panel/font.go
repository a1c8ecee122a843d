package panel

import (
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The typeface: 5 columns of 7 pixels a character, the top one the lowest bit, in the
// form that character displays have. x/image's bitmap faces begin at 7x13, which is four
// lines on a screen of 64: too few for a menu.
const (
	glyphWidth  = 5
	glyphHeight = 7
	cell        = glyphWidth + 1
)

// glyphOrder are the characters that glyphs has, in its order.
const glyphOrder = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~…↑↓→●○█"

const glyphs = "" +
	"000000000000005f00000007000700147f147f14242a7f2a12231308646236495620500005030000" +
	"001c2241000041221c0014083e081408083e08080050300000080808080800606000002010080402" +
	"3e5149453e00427f4000625149494622414949361814127f1027454545393c4a4949300171090503" +
	"3649494936064949291e003636000000563600000814224100141414141400412214080201510906" +
	"3e415d551e7e1111117e7f494949363e414141227f4141221c7f494949417f090909013e4149497a" +
	"7f0808087f00417f41002040413f017f081422417f404040407f020c027f7f0408107f3e4141413e" +
	"7f090909063e4151215e7f09192946464949493101017f01013f4040403f1f2040201f3f4038403f" +
	"631408146307087008076151494543007f41410002040810200041417f0004020102044040404040" +
	"000102040020545454787f484444383844444420384444487f3854545418087e0901020c5252523e" +
	"7f0804047800447d40002040443d007f1028440000417f40007c041804787c080404783844444438" +
	"7c24242418182424247c7c080404084854545420043f4440203c4040207c1c2040201c3c4030403c" +
	"44281028440c5050503c4464544c44000836410000007f0000004136080008040810084000400040" +
	"04027f020410207f201008082a1c081c3e3e3e1c1c2222221c7f7f7f7f7f"

// typeface is the glyphs by character.
type typeface map[rune][glyphWidth]byte

func newTypeface() typeface {
	data, err := hex.DecodeString(glyphs)
	if err != nil {
		panic("panel: the typeface's table is damaged: " + err.Error())
	}
	face := typeface{}
	for i, r := range []rune(glyphOrder) {
		face[r] = [glyphWidth]byte(data[i*glyphWidth:])
	}
	return face
}

// on says whether a pixel of a character is.
func (f typeface) on(r rune, x, y int) bool {
	if x < 0 || y < 0 || x >= glyphWidth || y >= glyphHeight {
		return false
	}
	g, ok := f[r]
	if !ok {
		g = f['?']
	}
	return g[x]>>y&1 != 0
}

// fold writes text in the characters that every display has: accents go, and what has
// no likeness is a question mark.
func fold(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return text
	}
	text = strings.NewReplacer("ß", "ss", "ø", "o", "Ø", "O", "æ", "ae", "Æ", "AE", "œ", "oe", "ł", "l", "Ł", "L", "đ", "d",
		"“", `"`, "”", `"`, "‘", "'", "’", "'", "–", "-", "—", "-", "×", "x", "·", "-", "\u00a0", " ", "\n", " ", "\t", " ").Replace(text)
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case strings.ContainsRune(glyphOrder, r):
			return r
		}
		return '?'
	}, norm.NFKD.String(strings.ReplaceAll(text, "…", "\x00")))
}
