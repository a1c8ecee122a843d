package capture

import (
	"bytes"

	"github.com/encoderbox/encoderbox/media"
)

// Pool hands out a bounded number of I420 pictures and takes each back when
// its last reference is released, on whatever goroutine that happens. Memory
// is taken only when the demand is there. Get belongs to one goroutine.
type Pool struct {
	format media.VideoFormat
	fresh  []byte
	made   int
	free   chan *media.Buffer
}

// PoolSize bounds the pictures in flight from one source: one being written,
// one in the slot before each encoder, one inside it, and some for previews
// and stills.
const PoolSize = 6

// NewPool returns a pool of pictures in format, which is I420. What fresh
// holds, if anything, is what a picture that was never used shows.
func NewPool(format media.VideoFormat, fresh []byte) *Pool {
	return &Pool{format: format, fresh: fresh, free: make(chan *media.Buffer, PoolSize)}
}

// Get returns a picture with one reference, as its last user left it, or nil
// when all are in flight.
func (p *Pool) Get() *media.Buffer {
	select {
	case b := <-p.free:
		b.Reuse()
		return b
	default:
	}
	if p.made == PoolSize {
		return nil
	}
	p.made++
	mem := bytes.Clone(p.fresh)
	if mem == nil {
		mem = make([]byte, I420Size(p.format))
	}
	return media.NewBuffer(p.format, I420(p.format, mem), func(b *media.Buffer) { p.free <- b })
}

// I420Size is the number of bytes of a picture without padding.
func I420Size(f media.VideoFormat) int { return f.Width * f.Height * 3 / 2 }

// I420 lays the three planes of a picture, one behind the other, over mem.
func I420(f media.VideoFormat, mem []byte) [3]media.Plane {
	luma := f.Width * f.Height
	return [3]media.Plane{
		{Data: mem[:luma:luma], Stride: f.Width},
		{Data: mem[luma : luma+luma/4 : luma+luma/4], Stride: f.Width / 2},
		{Data: mem[luma+luma/4:], Stride: f.Width / 2},
	}
}
