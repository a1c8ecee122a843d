package slate

import (
	"image"
	"image/color"
	"strings"
	"time"

	"golang.org/x/image/font"

	"github.com/encoderbox/encoderbox/media"
)

// palette is the slate's colours as samples of the stream.
type palette struct {
	ground, rule, accent, bar ycc
	bright, plain, soft, dim  byte // luma of text
}

func newPalette(c media.Color) palette {
	luma := func(v uint8) byte { return samples(color.RGBA{v, v, v, 255}, c).y }
	return palette{
		ground: samples(color.RGBA{17, 22, 30, 255}, c),
		rule:   samples(color.RGBA{45, 54, 66, 255}, c),
		accent: samples(color.RGBA{236, 160, 40, 255}, c),
		bar:    samples(color.RGBA{96, 158, 214, 255}, c),
		bright: luma(245), plain: luma(205), soft: luma(165), dim: luma(140),
	}
}

// design is where things are on a slate of one size.
type design struct {
	left, right int // of the text
	unit        int // a gap, about 1/90 of the height
	top, bottom int // between these the message is set
	footer      [2]int
	track       image.Rectangle // of the moving bar
	clock       image.Rectangle // empty on a picture too small for a footer
	layout      string          // of the time
	fonts       *fonts
}

// How the time is written, where there is room and where there is not.
const longTime, shortTime = "2006-01-02 15:04:05 UTC", "15:04:05"

func newDesign(w, h int) (*design, error) {
	side := min(float64(h), float64(w)*9/16)
	f, err := newFonts(max(12, side*0.125), max(9, side*0.062), max(8, side*0.05))
	if err != nil {
		return nil, err
	}
	d := &design{fonts: f, unit: max(2, int(side/90))}
	d.left = max(4, w*7/100) &^ 1
	d.right = w - d.left
	bar := max(2, d.unit) &^ 1
	bottom := h - max(4, int(side*0.06))&^1
	d.track = even(image.Rect(d.left, bottom-bar, d.right, bottom)).Intersect(image.Rect(0, 0, w, h))
	small := lineHeight(f.small)
	d.footer[1] = d.track.Min.Y - 2*d.unit - small
	d.footer[0] = d.footer[1] - small - d.unit/2
	d.top, d.bottom = 3*d.unit, d.footer[0]-3*d.unit
	if d.bottom-d.top < lineHeight(f.title)+5*d.unit {
		d.bottom = d.track.Min.Y - d.unit
		return d, nil
	}
	d.layout = longTime
	if width(f.small, longTime) > d.right-d.left {
		d.layout = shortTime
	}
	clock := image.Rect(d.right-width(f.small, d.layout), d.footer[1], d.right, d.footer[1]+small)
	d.clock = even(clock).Intersect(image.Rect(0, 0, w, h))
	return d, nil
}

// block is one line of the message.
type block struct {
	face  font.Face
	text  string
	luma  byte
	above int // the gap to the line before
}

// message sets title, detail and help between the design's top and bottom,
// leaving out from the end what there is no room for.
func (d *design) message(s *screen, p palette, t Text) {
	limit := d.right - d.left
	title := wrap(d.fonts.title, t.Title, limit, 2)
	detail := wrap(d.fonts.body, t.Detail, limit, 2)
	help := wrap(d.fonts.body, t.Help, limit, 2)
	var blocks []block
	add := func(face font.Face, lines []string, luma byte, gap int) {
		for _, text := range lines {
			blocks = append(blocks, block{face, text, luma, gap})
			gap = 0
		}
	}
	add(d.fonts.title, title, p.bright, 4*d.unit)
	add(d.fonts.body, detail, p.plain, 2*d.unit)
	add(d.fonts.body, help, p.soft, 2*d.unit)
	height := func() (sum int) {
		for _, b := range blocks {
			sum += b.above + lineHeight(b.face)
		}
		return sum + d.unit
	}
	for len(blocks) > 1 && height() > d.bottom-d.top {
		blocks = blocks[:len(blocks)-1]
	}
	y := (d.top + max(0, d.bottom-d.top-height())/2) &^ 1
	s.fill(image.Rect(d.left, y, d.left+14*d.unit, y+max(2, d.unit)), p.accent)
	y += d.unit
	for _, b := range blocks {
		y += b.above
		s.text(draw(b.face, b.text), d.left, y, p.ground.y, b.luma)
		y += lineHeight(b.face)
	}
}

// below sets the footer: stream and device, and the address beside the clock.
// The address gives way to the clock.
func (d *design) below(s *screen, p palette, t Text) {
	face := d.fonts.small
	if d.clock.Empty() {
		return
	}
	about := t.Device
	if t.Stream != "" {
		about = strings.Trim(t.Stream+"  ·  "+t.Device, " ·")
	}
	rule := (d.footer[0] - 2*d.unit) &^ 1
	s.fill(image.Rect(d.left, rule, d.right, rule+2), p.rule)
	s.text(draw(face, shorten(face, about, d.right-d.left)), d.left, d.footer[0], p.ground.y, p.dim)
	s.text(draw(face, shorten(face, t.Address, d.clock.Min.X-d.left-2*d.unit)), d.left, d.footer[1], p.ground.y, p.dim)
}

// tell draws the clock.
func (d *design) tell(s *screen, p palette, clock string) {
	if d.clock.Empty() {
		return
	}
	s.fill(d.clock, p.ground)
	mask := draw(d.fonts.small, shorten(d.fonts.small, clock, d.clock.Dx()))
	s.text(mask, max(0, d.right-mask.Bounds().Dx()), d.footer[1], p.ground.y, p.plain)
}

// move draws the bar where it is at a time: it goes to and fro in 4 s.
func (d *design) move(s *screen, p palette, at time.Duration) {
	const period = 4 * time.Second
	phase := float64(at%period) / float64(period) * 2
	if phase > 1 {
		phase = 2 - phase
	}
	length := d.track.Dx() / 6 &^ 1
	x := d.track.Min.X + int(phase*float64(d.track.Dx()-length))&^1
	s.fill(d.track, p.rule)
	s.fill(image.Rect(x, d.track.Min.Y, x+length, d.track.Max.Y), p.bar)
}
