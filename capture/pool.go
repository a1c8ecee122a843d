package capture

import (
	"bytes"
	"sync"

	"github.com/encoderbox/encoderbox/media"
)

// Pool is picture memory that somebody owns, an encoder or a source, and that
// sources draw into. Its methods may be called from any goroutine.
type Pool interface {
	// Layout is the format of the pictures and how they lie in memory. It holds
	// for the life of the pool, generations included.
	Layout() Layout
	// Get returns a picture with one reference, its samples as the last user
	// left them, or nil when all are in flight.
	Get() *media.Buffer
	// OnFree adds a function that is called each time a picture came back or
	// the memory was made anew, until remove is called. It runs on any goroutine
	// and must not block, nor call the pool.
	OnFree(f func()) (remove func())
}

// Layout is how a pool's pictures lie in memory.
type Layout struct {
	Format media.VideoFormat
	Count  int // pictures
	// Strides are the bytes from row to row of each plane of samples.
	Strides [3]int
	// Rows is the luma rows that each plane has room for, at least
	// Format.Height: in memory of one piece the chroma begins behind them.
	Rows int
	// Memory is the length of each dma-buf of a picture; nil where the memory
	// is the process's own.
	Memory []int
}

// PoolUser is a source that draws into memory it is given. UsePool is called
// once, before Run.
type PoolUser interface{ UsePool(Pool) }

// PoolSize bounds the pictures in flight from one source: one being written,
// one in the slot before each encoder, one inside it, and some for previews
// and stills.
const PoolSize = 6

// MemoryPool is a Pool of I420 pictures in the process's own memory, taken
// only when the demand is there.
type MemoryPool struct {
	format media.VideoFormat
	fresh  []byte

	freed Freed

	mu   sync.Mutex // guards the fields below
	free []*media.Buffer
	made int
}

var _ Pool = (*MemoryPool)(nil)

// NewPool returns a pool of pictures in format, which is I420. What fresh
// holds, if anything, is what a picture that was never used shows.
func NewPool(format media.VideoFormat, fresh []byte) *MemoryPool {
	return &MemoryPool{format: format, fresh: fresh}
}

// Layout implements Pool.
func (p *MemoryPool) Layout() Layout {
	return Layout{
		Format: p.format, Count: PoolSize, Rows: p.format.Height,
		Strides: [3]int{p.format.Width, p.format.Width / 2, p.format.Width / 2},
	}
}

// Get implements Pool.
func (p *MemoryPool) Get() *media.Buffer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		b.Reuse()
		return b
	}
	if p.made == PoolSize {
		return nil
	}
	p.made++
	mem := bytes.Clone(p.fresh)
	if mem == nil {
		mem = make([]byte, I420Size(p.format))
	}
	return media.NewBuffer(p.format, I420(p.format, mem), p.put)
}

func (p *MemoryPool) put(b *media.Buffer) {
	p.mu.Lock()
	p.free = append(p.free, b)
	p.mu.Unlock()
	p.freed.Call()
}

// OnFree implements Pool.
func (p *MemoryPool) OnFree(f func()) (remove func()) { return p.freed.Add(f) }

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
