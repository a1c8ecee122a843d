package charlcd

import "github.com/encoderbox/encoderbox/board/panel"

// glyph is what a display draws for some characters that no ROM has: 8 rows of 5 pixels.
type glyph struct {
	runes string
	rows  [8]byte
}

// glyphs are in the display's eight places for own characters, by their codes.
var glyphs = [8]glyph{
	{"↑▲▴", [8]byte{0b00100, 0b01110, 0b10101, 0b00100, 0b00100, 0b00100, 0b00100, 0}},
	{"↓▼▾", [8]byte{0b00100, 0b00100, 0b00100, 0b00100, 0b10101, 0b01110, 0b00100, 0}},
	{"←◀◂◄", [8]byte{0b00010, 0b00110, 0b01110, 0b11110, 0b01110, 0b00110, 0b00010, 0}},
	{"→▶▸►", [8]byte{0b01000, 0b01100, 0b01110, 0b01111, 0b01110, 0b01100, 0b01000, 0}},
	{"✓✔☑", [8]byte{0, 0b00001, 0b00011, 0b10110, 0b11100, 0b01000, 0, 0}},
	{"●◉", [8]byte{0, 0b01110, 0b11111, 0b11111, 0b11111, 0b01110, 0, 0}},
	{"○◌", [8]byte{0, 0b01110, 0b10001, 0b10001, 0b10001, 0b01110, 0, 0}},
	{"█▓", [8]byte{0b11111, 0b11111, 0b11111, 0b11111, 0b11111, 0b11111, 0b11111, 0b11111}},
}

// code is the display's code for a character. Codes above '}' differ from ROM to ROM: the
// usual one has arrows where ASCII has ~ and DEL, and a yen sign for \.
func code(r rune) byte {
	for i, g := range glyphs {
		for _, own := range g.runes {
			if own == r {
				return byte(i)
			}
		}
	}
	switch c := panel.ASCII(r); c {
	case '\\':
		return '?'
	case '~':
		return '-'
	default:
		return c
	}
}
