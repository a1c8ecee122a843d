package panel

import (
	"image"
	"image/color"
	"strings"
	"unicode/utf8"

	"github.com/skip2/go-qrcode"

	"github.com/encoderbox/encoderbox/board/panel"
)

// artist draws views on displays of one size.
type artist struct {
	size panel.Size
	face typeface
}

func newArtist(size panel.Size) *artist { return &artist{size: size, face: newTypeface()} }

// rowHeight is the height of a line of pixels: with a pixel between lines where there is
// room for it.
func (a *artist) rowHeight() int {
	if a.size.Height < 64 {
		return glyphHeight + 1
	}
	return glyphHeight + 2
}

// grid is what the display has room for.
func (a *artist) grid() grid {
	if a.size.Columns > 0 {
		return grid{columns: a.size.Columns, lines: a.size.Rows}
	}
	return grid{columns: (a.size.Width - 1) / cell, lines: a.size.Height / a.rowHeight(), pixels: true}
}

// draw makes a view's picture. shift moves pixels a little, so that none is lit for ever.
func (a *artist) draw(v view, shift image.Point) panel.Picture {
	if a.size.Columns > 0 {
		return panel.Picture{Lines: a.characters(v)}
	}
	c := &canvas{face: a.face, to: image.NewGray(image.Rect(0, 0, a.size.Width, a.size.Height))}
	switch {
	case v.restful:
		a.rest(c, v)
	case v.qr != "":
		a.code(c, v)
	default:
		a.lines(c, v)
	}
	return panel.Picture{Pixels: c.shifted(shift)}
}

// characters are the lines of a character display.
func (a *artist) characters(v view) []string {
	g := a.grid()
	out := make([]string, g.lines)
	if v.qr != "" {
		v = view{title: v.title, text: v.address, turn: v.turn}
	}
	for i, l := range g.lay(v) {
		switch {
		case i >= len(out):
		case l.bar:
			out[i] = textBar(l.done, g.columns, v.turn)
		case l.cursor > 0:
			out[i] = l.text
			if i+1 < len(out) && g.lines > 2 { // the sign below stands where a line is free
				defer func() { out[i+1] = strings.Repeat(" ", l.cursor-1) + "^" }()
			} else if at := l.cursor - 1; at < len(l.text) {
				out[i] = bracket(l.text, at, g.columns)
			}
		default:
			out[i] = l.text
		}
	}
	for i := range out {
		out[i] = plain(out[i])
	}
	return out
}

// plain are characters that every display has in its own typeface.
func plain(text string) string {
	return strings.NewReplacer("↑", "^", "↓", "v", "→", ">", "●", "*", "○", "o", "…", "~", "█", "#").Replace(text)
}

// bracket shows in a line of its own which character is being changed: "1>9<2".
func bracket(text string, at, columns int) string {
	out := text[:at] + ">" + text[at:at+1] + "<" + text[at+1:]
	if over := len(out) - columns; over > 0 && at > columns/2 {
		return out[over:]
	}
	return out[:min(len(out), columns)]
}

func textBar(done float64, columns, turn int) string {
	inside := columns - 2
	if inside < 1 {
		return ""
	}
	if done < 0 {
		at := turn % inside
		return "[" + strings.Repeat(" ", at) + "#" + strings.Repeat(" ", inside-at-1) + "]"
	}
	full := int(min(done, 1)*float64(inside) + 0.5)
	return "[" + strings.Repeat("#", full) + strings.Repeat(" ", inside-full) + "]"
}

func (a *artist) lines(c *canvas, v view) {
	height := a.rowHeight()
	y := 0
	for i, l := range a.grid().lay(v) {
		if i == 0 && l.inverse && a.size.Height >= 64 {
			c.fill(image.Rect(0, 0, a.size.Width, height))
			c.text(1, 1, l.text, true)
			y = height + 2 // a line between the title and what is chosen
			continue
		}
		switch {
		case l.big:
			text, corner, _ := strings.Cut(l.text, "\t")
			c.large(1, y+1, text)
			c.text(a.size.Width-1-cell*utf8.RuneCountInString(corner), y+5, corner, false)
			y += height
		case l.bar:
			c.bar(image.Rect(1, y, a.size.Width-2, y+glyphHeight), l.done, v.turn)
		case l.inverse && i == 0: // too low a screen for a light title
			c.text(1, y, l.text, false)
			c.fill(image.Rect(0, y+glyphHeight, a.size.Width, y+glyphHeight+1))
		case l.inverse:
			c.fill(image.Rect(0, y-1, a.size.Width, y+glyphHeight+1))
			c.text(1, y, l.text, true)
		default:
			c.text(1, y, l.text, false)
			if x := 1 + (l.cursor-1)*cell; l.cursor > 0 {
				c.fill(image.Rect(x-1, y-1, x+glyphWidth+1, y+glyphHeight+1))
				c.text(x, y, string([]rune(l.text + " ")[l.cursor-1]), true)
			}
		}
		y += height
	}
}

// code draws an address for telephones at the left, dark on light as all of them read it,
// and what it is at the right.
func (a *artist) code(c *canvas, v view) {
	side := min(a.size.Height, a.size.Width/2)
	if c.code(v.qr, side) == 0 {
		a.lines(c, view{title: v.title, text: v.address, turn: v.turn})
		return
	}
	g := grid{columns: (a.size.Width - side - 3) / cell, pixels: true}
	y := 0
	for _, r := range append([]row{{left: v.title}}, v.rows...) {
		for _, l := range g.wrap(r.left) {
			c.text(side+3, y, l, false)
			y += a.rowHeight()
		}
	}
}

// rest draws the little that is shown when nobody looks, each time at another place.
func (a *artist) rest(c *canvas, v view) {
	width := max(utf8.RuneCountInString(v.big), utf8.RuneCountInString(v.corner)) * cell
	free := image.Pt(max(a.size.Width-width, 1), max(a.size.Height-2*a.rowHeight(), 1))
	x, y := v.turn*37%free.X, v.turn*23%free.Y
	c.text(x, y, v.big, false)
	c.text(x, y+a.rowHeight(), v.corner, false)
}

// canvas is a picture that is being drawn; what lies outside is left out.
type canvas struct {
	face typeface
	to   *image.Gray
}

func (c *canvas) set(x, y int, on bool) {
	var level uint8
	if on {
		level = 255
	}
	c.to.SetGray(x, y, color.Gray{Y: level})
}

func (c *canvas) fill(r image.Rectangle) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c.set(x, y, true)
		}
	}
}

// text draws the pixels of characters; dark ones where the background is light.
func (c *canvas) text(x, y int, text string, dark bool) {
	for _, r := range text {
		for dx := range glyphWidth {
			for dy := range glyphHeight {
				if c.face.on(r, dx, dy) {
					c.set(x+dx, y+dy, !dark)
				}
			}
		}
		x += cell
	}
}

// large draws characters twice as large, their corners rounded (Scale2x).
func (c *canvas) large(x, y int, text string) {
	for _, r := range text {
		for dx := range glyphWidth {
			for dy := range glyphHeight {
				for i, on := range c.face.double(r, dx, dy) {
					if on {
						c.set(x+2*dx+i%2, y+2*dy+i/2, true)
					}
				}
			}
		}
		x += 2 * cell
	}
}

// double are the four pixels for one of a character, row by row.
func (f typeface) double(r rune, x, y int) [4]bool {
	up, down, left, right, on := f.on(r, x, y-1), f.on(r, x, y+1), f.on(r, x-1, y), f.on(r, x+1, y), f.on(r, x, y)
	pick := func(a, b, c, d, value bool) bool {
		if a == b && a != c && b != d {
			return value
		}
		return on
	}
	return [4]bool{
		pick(left, up, down, right, left), pick(up, right, left, down, right),
		pick(down, left, right, up, left), pick(right, down, up, left, right),
	}
}

func (c *canvas) bar(r image.Rectangle, done float64, turn int) {
	for x := r.Min.X; x < r.Max.X; x++ {
		c.set(x, r.Min.Y, true)
		c.set(x, r.Max.Y-1, true)
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		c.set(r.Min.X, y, true)
		c.set(r.Max.X-1, y, true)
	}
	inside := r.Inset(2)
	if done >= 0 {
		inside.Max.X = inside.Min.X + int(min(done, 1)*float64(inside.Dx())+0.5)
	} else {
		width := inside.Dx() / 6
		inside.Min.X += turn * width / 2 % max(inside.Dx()-width, 1)
		inside.Max.X = inside.Min.X + width
	}
	c.fill(inside)
}

// code draws a QR code into a square at the left, as large as goes, with a margin of at
// least two modules. It returns the pixels of a module; 0: it does not fit.
func (c *canvas) code(address string, side int) int {
	q, err := qrcode.New(address, qrcode.Low)
	if err != nil {
		return 0
	}
	q.DisableBorder = true
	bits := q.Bitmap()
	scale := side / (len(bits) + 3)
	if scale == 0 {
		return 0
	}
	c.fill(image.Rect(0, 0, side, side))
	margin := (side - scale*len(bits)) / 2
	for y, bitRow := range bits {
		for x, dark := range bitRow {
			for i := range scale * scale {
				if dark {
					c.set(margin+x*scale+i%scale, margin+y*scale+i/scale, false)
				}
			}
		}
	}
	return scale
}

// shifted is the picture moved; what leaves it is lost.
func (c *canvas) shifted(by image.Point) *image.Gray {
	if by == (image.Point{}) {
		return c.to
	}
	out := image.NewGray(c.to.Rect)
	for y := range c.to.Rect.Dy() {
		for x := range c.to.Rect.Dx() {
			out.SetGray(x+by.X, y+by.Y, c.to.GrayAt(x, y))
		}
	}
	return out
}
