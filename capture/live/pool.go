package live

import (
	"sync"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// sharedPool is the pool as a session sees it. While the slate is on it notes
// which pictures the device may have written into, so that the slate, which
// redraws only what changed, draws those anew.
type sharedPool struct {
	capture.Pool

	mu         sync.Mutex                 // guards the fields below
	touched    map[*media.Buffer]struct{} // nil: the slate is off
	generation uint64
}

// Get implements capture.Pool for the session.
func (p *sharedPool) Get() *media.Buffer {
	b := p.Pool.Get()
	if b == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.touched == nil {
		return b
	}
	if b.DMA != nil && b.DMA.Generation != p.generation {
		clear(p.touched) // that memory does not come back
		p.generation = b.DMA.Generation
	}
	p.touched[b] = struct{}{}
	return b
}

// watch begins to note, or ends it.
func (p *sharedPool) watch(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.touched = nil
	if on {
		p.touched = make(map[*media.Buffer]struct{})
	}
}

// wasTouched says whether the device had the picture since it was asked last.
func (p *sharedPool) wasTouched(b *media.Buffer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, was := p.touched[b]
	delete(p.touched, b)
	return was
}
