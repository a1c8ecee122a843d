package pattern

import (
	"fmt"
	"math"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// painter draws the moving parts over copies of a background. Only luma moves,
// and only in the band and the ramp.
type painter struct {
	format media.VideoFormat
	layout layout
	back   []byte                 // a whole I420 picture
	lit    map[*media.Buffer]bool // which pictures last showed the flash

	dial         *dial
	large, small *typeface
	textX        int
	lines        [3]int // where the lines of text begin
	label        []byte // the third line
	row          []byte // scratch: one row of the ramp
	text         []byte // scratch: one line
}

func newPainter(cfg Config) (*painter, error) {
	w, h := cfg.Width, cfg.Height
	p := &painter{
		format: media.VideoFormat{Width: w, Height: h, FrameRate: cfg.FrameRate, Pixel: media.I420, Color: bt709},
		layout: newLayout(h),
		back:   make([]byte, w*h*3/2),
		label:  fmt.Appendf(nil, "%dx%d %v fps", w, h, cfg.FrameRate),
		row:    make([]byte, w),
		lit:    make(map[*media.Buffer]bool, capture.PoolSize),
	}
	if !cfg.NoSound {
		p.label = fmt.Appendf(p.label, " %d Hz %d ch", cfg.SampleRate, cfg.Channels)
	}
	drawBackground(capture.I420(p.format, p.back), w, h, p.layout)

	bandTop, bandHeight := p.layout.band, p.layout.ramp-p.layout.band
	margin := bandHeight / 10
	size := min(bandHeight-2*margin, w/4)
	p.dial = newDial(margin, bandTop+(bandHeight-size)/2, size)
	p.textX = 2*margin + size
	return p, p.setText(bandTop, bandHeight, w-margin-p.textX)
}

// setText chooses the fonts: the clock as large as the band lets it be, the
// other lines beneath it.
func (p *painter) setText(top, height, width int) (err error) {
	const aspect = 0.61 // a cell's width over the font's size, with rounding
	fit := func(share float64, chars int) int {
		return max(6, int(min(share*float64(height), float64(width)/float64(chars)/aspect)))
	}
	if p.large, err = newTypeface(fit(0.42, len("00:00:00.000"))); err != nil {
		return err
	}
	if p.small, err = newTypeface(fit(0.16, max(len(p.label), len("2006-01-02 UTC  #00000000")))); err != nil {
		return err
	}
	free := height - p.large.height - 2*p.small.height
	gap := max(0, free) / 4
	p.lines[0] = top + gap
	p.lines[1] = p.lines[0] + p.large.height + gap
	p.lines[2] = p.lines[1] + p.small.height + gap
	return nil
}

// paint brings a picture to frame n. The picture showed the background or an
// earlier frame.
func (p *painter) paint(b *media.Buffer, l timeline, n int64) {
	luma, pts, s := b.Planes[0], l.frame(n), onDark
	lit := l.lit(n)
	if lit {
		s = onLit
	}
	if lit != p.lit[b] {
		p.fillBand(luma, lit)
		p.lit[b] = lit
	}
	turn := float64(pts%time.Second) / float64(time.Second)
	if p.dial.size > 0 {
		p.dial.draw(luma, turn, s)
	}
	p.writeText(luma, l, n, s)
	p.sweep(luma, pts)
}

func (p *painter) fillBand(luma media.Plane, lit bool) {
	band := luma.Data[p.layout.band*luma.Stride : p.layout.ramp*luma.Stride]
	v := byte(dark)
	if lit {
		v = white
	}
	band[0] = v
	for done := 1; done < len(band); done *= 2 { // doubling copies
		copy(band[done:], band[:done])
	}
}

// writeText writes the wall clock (the stream's own clock while the system's
// is not set), the date and the frame's number, and the format.
func (p *painter) writeText(luma media.Plane, l timeline, n int64, s style) {
	pts, limit := l.frame(n), p.format.Width
	wall, set := l.clock.Wall(pts)
	if set {
		p.text = wall.AppendFormat(p.text[:0], "15:04:05.000")
	} else {
		p.text = time.UnixMilli(pts.Milliseconds()).UTC().AppendFormat(p.text[:0], "15:04:05.000")
	}
	p.put(luma, p.large, 0, limit, s, p.text)
	if set {
		p.text = wall.AppendFormat(p.text[:0], "2006-01-02 UTC  #")
	} else {
		p.text = append(p.text[:0], "---------- ---  #"...)
	}
	p.text = fmt.Appendf(p.text, "%08d", n)
	p.put(luma, p.small, 1, limit, s, p.text)
	p.put(luma, p.small, 2, limit, s, p.label)
}

func (p *painter) put(luma media.Plane, t *typeface, line, limit int, s style, text []byte) {
	if y := p.lines[line]; y+t.height <= p.layout.ramp {
		t.write(luma, p.textX, y, limit, s, text)
	}
}

// sweep draws the ramp with a bright mark that crosses the picture every four
// seconds at constant speed, placed to a fraction of a pixel.
func (p *painter) sweep(luma media.Plane, pts time.Duration) {
	const period = 4 * time.Second
	w := p.format.Width
	copy(p.row, p.back[(p.format.Height-1)*w:])
	half := math.Max(4, float64(w)/40)
	at := float64(pts%period)/float64(period)*(float64(w)+2*half) - half
	p.mark(at, half, black)
	p.mark(at, half/2, white)
	for y := p.layout.ramp; y < p.format.Height; y++ {
		copy(luma.Data[y*luma.Stride:], p.row)
	}
}

// mark blends v over the columns within half of the place at, by how much of
// each lies inside.
func (p *painter) mark(at, half float64, v float64) {
	from, to := at-half, at+half
	for x := max(0, int(from)); x < min(len(p.row), int(math.Ceil(to))); x++ {
		in := max(0, min(to, float64(x+1))-max(from, float64(x)))
		p.row[x] = byte(math.Round(float64(p.row[x])*(1-in) + v*in))
	}
}
