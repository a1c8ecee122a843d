package slate

import (
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// Painter draws one slate into the pictures of a pool. It remembers what each
// picture shows and draws the difference. It belongs to one goroutine.
type Painter struct {
	clock  *media.Clock
	text   Text
	screen *screen // everything, as it is now
	design *design
	colors palette

	version    int // of the text, from 1
	second     int64
	generation uint64
	pictures   map[*media.Buffer]*picture
}

// picture is what a buffer shows.
type picture struct {
	mapping *v4l2.Mapping
	version int // 0: something else than the slate
	second  int64
}

// New returns a painter for the pictures of a pool. The clock gives the time
// that is shown. Close frees what it maps.
func New(l capture.Layout, clock *media.Clock, text Text) (*Painter, error) {
	f := l.Format
	switch {
	case f.Width < 16 || f.Height < 16 || f.Width%2 != 0 || f.Height%2 != 0:
		return nil, fmt.Errorf("slate: size %dx%d: must be even and at least 16x16", f.Width, f.Height)
	case f.Pixel < media.I420 || f.Pixel > media.UYVY:
		return nil, fmt.Errorf("slate: cannot draw %v", f.Pixel)
	}
	design, err := newDesign(f.Width, f.Height)
	if err != nil {
		return nil, fmt.Errorf("slate: %w", err)
	}
	p := &Painter{
		clock: clock, screen: newScreen(f), design: design, colors: newPalette(f.Color),
		pictures: make(map[*media.Buffer]*picture, l.Count),
	}
	p.set(text)
	return p, nil
}

// SetText changes what the slate says, from the next Paint on. The same text
// again does nothing.
func (p *Painter) SetText(t Text) {
	if t != p.text {
		p.set(t)
	}
}

func (p *Painter) set(t Text) {
	p.text = t
	p.version++
	p.second = -1
	p.screen.fill(p.whole(), p.colors.ground)
	p.design.message(p.screen, p.colors, t)
	p.design.below(p.screen, p.colors, t)
}

func (p *Painter) whole() image.Rectangle {
	return image.Rect(0, 0, p.screen.format.Width, p.screen.format.Height)
}

// Paint makes the buffer show the slate at a time. Nobody else may use the
// buffer meanwhile. After an error it is not known what it shows.
func (p *Painter) Paint(b *media.Buffer, pts time.Duration) error {
	pic, err := p.picture(b)
	if err != nil {
		return fmt.Errorf("slate: %w", err)
	}
	p.update(pts)
	version, second := pic.version, pic.second
	pic.version = 0 // should the next lines fail
	if err := pic.mapping.Begin(true); err != nil {
		return fmt.Errorf("slate: %w", err)
	}
	planes := &pic.mapping.Planes
	if version != p.version {
		p.screen.copyTo(planes, p.whole())
	} else {
		if second != p.second {
			p.screen.copyTo(planes, p.design.clock)
		}
		p.screen.copyTo(planes, p.design.track)
	}
	if err := pic.mapping.End(); err != nil {
		return fmt.Errorf("slate: %w", err)
	}
	pic.version, pic.second = p.version, p.second
	return nil
}

// update brings the screen to a time.
func (p *Painter) update(pts time.Duration) {
	if s := int64(pts / time.Second); s != p.second {
		p.second = s
		p.design.tell(p.screen, p.colors, p.time(pts))
	}
	p.design.move(p.screen, p.colors, pts)
}

// time is the wall clock, or, while the system's is not set, the stream's own.
func (p *Painter) time(pts time.Duration) string {
	if wall, ok := p.clock.Wall(pts.Truncate(time.Second)); ok {
		return wall.Format(p.design.layout)
	}
	return time.Unix(int64(pts/time.Second), 0).UTC().Format(shortTime)
}

func (p *Painter) picture(b *media.Buffer) (*picture, error) {
	if b.DMA != nil && b.DMA.Generation != p.generation {
		if err := p.forget(); err != nil { // the old memory is of no use any more
			return nil, err
		}
		p.generation = b.DMA.Generation
	}
	if pic := p.pictures[b]; pic != nil {
		return pic, nil
	}
	mapping, err := v4l2.MapBuffer(b)
	if err != nil {
		return nil, err
	}
	pic := &picture{mapping: mapping}
	p.pictures[b] = pic
	return pic, nil
}

// Touched says that something else was written into the buffer.
func (p *Painter) Touched(b *media.Buffer) {
	if pic := p.pictures[b]; pic != nil {
		pic.version = 0
	}
}

// Close ends all mappings. Paint may be called again and maps anew.
func (p *Painter) Close() error {
	if err := p.forget(); err != nil {
		return fmt.Errorf("slate: %w", err)
	}
	return nil
}

func (p *Painter) forget() error {
	var errs []error
	for b, pic := range p.pictures {
		errs = append(errs, pic.mapping.Close())
		delete(p.pictures, b)
	}
	return errors.Join(errs...)
}
