package slate

import (
	"fmt"
	"image"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// fonts are the sizes a slate is set in.
type fonts struct{ title, body, small font.Face }

func newFonts(title, body, small float64) (*fonts, error) {
	bold, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return nil, fmt.Errorf("read the bold font: %w", err)
	}
	regular, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("read the font: %w", err)
	}
	f := new(fonts)
	for _, want := range []struct {
		face *font.Face
		font *opentype.Font
		size float64
	}{{&f.title, bold, title}, {&f.body, regular, body}, {&f.small, regular, small}} {
		*want.face, err = opentype.NewFace(want.font, &opentype.FaceOptions{Size: want.size, DPI: 72, Hinting: font.HintingFull})
		if err != nil {
			return nil, fmt.Errorf("size a font to %.0f pixels: %w", want.size, err)
		}
	}
	return f, nil
}

// lineHeight is from one line to the next.
func lineHeight(f font.Face) int {
	m := f.Metrics()
	return (m.Ascent + m.Descent).Ceil()
}

func width(f font.Face, s string) int { return font.MeasureString(f, s).Ceil() }

// draw is the coverage of a line of text.
func draw(f font.Face, s string) *image.Alpha {
	mask := image.NewAlpha(image.Rect(0, 0, width(f, s), lineHeight(f)))
	d := font.Drawer{Dst: mask, Src: image.Opaque, Face: f, Dot: fixed.Point26_6{Y: f.Metrics().Ascent}}
	d.DrawString(s)
	return mask
}

// shorten cuts a line to a width; what is missing shows as "…".
func shorten(f font.Face, s string, limit int) string {
	if width(f, s) <= limit {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 {
		runes = runes[:len(runes)-1]
		if cut := strings.TrimRight(string(runes), " ") + "…"; width(f, cut) <= limit {
			return cut
		}
	}
	return ""
}

// wrap breaks text at spaces into at most n lines.
func wrap(f font.Face, s string, limit, n int) (lines []string) {
	rest := strings.Fields(s)
	for len(rest) > 0 {
		if len(lines) == n-1 {
			return append(lines, shorten(f, strings.Join(rest, " "), limit))
		}
		take := 1
		for take < len(rest) && width(f, strings.Join(rest[:take+1], " ")) <= limit {
			take++
		}
		lines = append(lines, shorten(f, strings.Join(rest[:take], " "), limit))
		rest = rest[take:]
	}
	return lines
}
