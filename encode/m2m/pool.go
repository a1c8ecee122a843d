package m2m

import (
	"slices"
	"sync"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// pool is the encoder's input as a capture.Pool. It outlives the device: each
// time that is opened anew, the pool gets a new generation of memory.
type pool struct {
	freed capture.Freed

	mu     sync.Mutex // guards the fields below, and those of every generation
	layout capture.Layout
	gen    *generation // nil while there is none
	free   []*media.Buffer
	count  uint64 // generations so far
}

var _ capture.Pool = (*pool)(nil)

// generation is the memory of one opened device.
type generation struct {
	number  uint64
	index   map[*media.Buffer]int // read-only once installed
	idle    []*media.Buffer       // free when it was detached
	holders int                   // buffers that have their memory, and the session
	ended   bool
	// freeBuffer gives up what belongs to one buffer, freeAll what is left, after
	// the last holder let go.
	freeBuffer func(index int)
	freeAll    func()
}

// Layout implements capture.Pool.
func (p *pool) Layout() capture.Layout {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.layout
}

// Get implements capture.Pool.
func (p *pool) Get() *media.Buffer {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return nil
	}
	b := p.free[n-1]
	p.free = p.free[:n-1]
	b.Reuse()
	return b
}

// OnFree implements capture.Pool.
func (p *pool) OnFree(f func()) (remove func()) { return p.freed.Add(f) }

// install makes a generation's memory the pool's. It is refused when it lies
// differently from the last: the pool's users hold on to the layout. buffers
// makes layout.Count buffers of a generation's number and free function.
func (p *pool) install(g *generation, layout capture.Layout, buffers func(number uint64, free func(*media.Buffer)) []*media.Buffer) bool {
	p.mu.Lock()
	if p.count > 0 && !sameLayout(p.layout, layout) {
		p.mu.Unlock()
		return false
	}
	p.count++
	g.number = p.count
	made := buffers(g.number, func(b *media.Buffer) { p.put(g, b) })
	g.index = make(map[*media.Buffer]int, len(made))
	for i, b := range made {
		g.index[b] = i
	}
	g.holders = len(made) + 1
	p.layout, p.gen, p.free = layout, g, p.free[:0]
	p.mu.Unlock()
	for _, b := range made {
		media.Frame{Buffer: b}.Release() // into the list
	}
	return true
}

func sameLayout(a, b capture.Layout) bool {
	return a.Format == b.Format && a.Count == b.Count && a.Strides == b.Strides && a.Rows == b.Rows && slices.Equal(a.Memory, b.Memory)
}

// detach ends a generation: from now on none of its buffers is handed out.
func (p *pool) detach(g *generation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g.ended = true
	if p.gen == g {
		g.idle = append(g.idle, p.free...)
		p.free, p.gen = p.free[:0], nil
	}
}

// discard frees a detached generation's memory, each buffer that is in use with
// its last Release.
func (p *pool) discard(g *generation) {
	p.mu.Lock()
	idle := g.idle
	g.idle = nil
	p.mu.Unlock()
	for _, b := range idle {
		p.drop(g, b)
	}
	p.drop(g, nil)
}

// put takes a buffer back whose last reference is gone.
func (p *pool) put(g *generation, b *media.Buffer) {
	p.mu.Lock()
	if g.ended {
		p.mu.Unlock()
		p.drop(g, b)
		return
	}
	p.free = append(p.free, b)
	p.mu.Unlock()
	p.freed.Call()
}

// drop is a holder of an ended generation that lets go; nil is the session.
func (p *pool) drop(g *generation, b *media.Buffer) {
	if b != nil {
		g.freeBuffer(g.index[b])
	}
	p.mu.Lock()
	g.holders--
	last := g.holders == 0
	p.mu.Unlock()
	if last {
		g.freeAll()
	}
}

// own is the place of a buffer in the present generation.
func (p *pool) own(b *media.Buffer) (index int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gen == nil {
		return 0, false
	}
	index, ok = p.gen.index[b]
	return index, ok
}
