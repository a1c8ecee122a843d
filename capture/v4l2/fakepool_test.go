package v4l2capture

import (
	"sync"
	"testing"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// dmaPool is an encoder's memory.
type dmaPool struct {
	t      *testing.T
	layout capture.Layout
	freed  capture.Freed

	mu     sync.Mutex // guards the fields below
	gen    uint64
	free   []*media.Buffer
	out    int // of this generation
	allOut int // of all
	most   int
}

func newDMAPool(t *testing.T, l capture.Layout) *dmaPool {
	p := &dmaPool{t: t, layout: l}
	p.renew()
	return p
}

// renew makes the memory anew, as an encoder does that was reopened.
func (p *dmaPool) renew() {
	p.mu.Lock()
	p.gen++
	p.free, p.out = nil, p.layout.Count
	p.allOut += p.layout.Count
	var fresh []*media.Buffer
	for i := range p.layout.Count {
		fresh = append(fresh, p.make(i))
	}
	p.mu.Unlock()
	for _, b := range fresh {
		giveBack(b)
	}
}

func (p *dmaPool) make(i int) *media.Buffer {
	d := &media.DMA{Index: i, Generation: p.gen}
	var planes [3]media.Plane
	offset := 0
	for j := range p.layout.Format.Pixel.Planes() {
		planes[j].Stride = p.layout.Strides[j]
		if len(p.layout.Memory) > 1 {
			d.Planes[j] = media.DMAPlane{Memory: j}
			continue
		}
		d.Planes[j].Offset = offset
		rows := p.layout.Rows
		if j > 0 {
			rows /= 2
		}
		offset += p.layout.Strides[j] * rows
	}
	for j, n := range p.layout.Memory {
		d.Memory = append(d.Memory, media.DMAMemory{FD: 1000*int(p.gen) + 10*i + j, Length: n})
	}
	b := media.NewBuffer(p.layout.Format, planes, p.put)
	b.DMA = d
	return b
}

func (p *dmaPool) put(b *media.Buffer) {
	p.mu.Lock()
	p.allOut--
	if b.DMA.Generation == p.gen {
		p.out--
		p.free = append(p.free, b)
	}
	p.mu.Unlock()
	p.freed.Call()
}

func (p *dmaPool) Layout() capture.Layout { return p.layout }

func (p *dmaPool) Get() *media.Buffer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return nil
	}
	b := p.free[0]
	p.free = p.free[1:]
	if b.DMA.Generation == p.gen {
		p.out++
		p.allOut++
		p.most = max(p.most, p.out)
	}
	b.Reuse()
	return b
}

func (p *dmaPool) OnFree(f func()) (remove func()) { return p.freed.Add(f) }
