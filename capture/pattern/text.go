package pattern

import (
	"image"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/encoderbox/encoderbox/media"
)

// alphabet is every character the pattern shows.
const alphabet = "0123456789:.+-#/× TZUCfpskHzch"

// typeface is a monospaced font at one size, each character a ready cell of
// luma for either state of the band, so that writing is copying rows.
type typeface struct {
	width, height int // of a cell
	cells         [2]map[rune][]byte
}

// style indexes typeface.cells.
type style int

const (
	onDark style = iota
	onLit
)

func newTypeface(pixels int) (*typeface, error) {
	f, err := opentype.Parse(gomonobold.TTF)
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: float64(pixels), DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, err
	}
	defer face.Close()
	m := face.Metrics()
	advance, _ := face.GlyphAdvance('0')
	t := &typeface{width: advance.Ceil(), height: (m.Ascent + m.Descent).Ceil()}
	for s := range t.cells {
		t.cells[s] = make(map[rune][]byte)
	}
	for _, r := range alphabet {
		mask := image.NewAlpha(image.Rect(0, 0, t.width, t.height))
		d := font.Drawer{Dst: mask, Src: image.Opaque, Face: face, Dot: fixed.Point26_6{Y: m.Ascent}}
		d.DrawString(string(r))
		t.cells[onDark][r] = blend(mask.Pix, dark, white)
		t.cells[onLit][r] = blend(mask.Pix, white, darkOn)
	}
	return t, nil
}

// blend maps coverage to luma between two levels.
func blend(mask []byte, from, to int) []byte {
	out := make([]byte, len(mask))
	for i, a := range mask {
		out[i] = byte(from + (to-from)*int(a)/255)
	}
	return out
}

// write puts text at x, y. What would leave the plane's width is left out.
func (t *typeface) write(p media.Plane, x, y, limit int, s style, text []byte) {
	for len(text) > 0 && x+t.width <= limit {
		r := rune(text[0])
		text = text[1:]
		if r == 'x' { // sizes are written with a real multiplication sign
			r = '×'
		}
		cell := t.cells[s][r]
		for row := 0; row < t.height && cell != nil; row++ {
			copy(p.Data[(y+row)*p.Stride+x:], cell[row*t.width:(row+1)*t.width])
		}
		x += t.width
	}
}
