package sim

import (
	"math/rand/v2"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/score"
)

// path is what a transport has of the network: the way to its receiver, and back.
type path struct {
	clock   *clock
	forward *bottleneck.Link
	back    *back
	flow    int
	frames  *frames
	receive func(bottleneck.Packet) // what arrives of the flow
}

// base is the delay of the way to the receiver, now and without a queue.
func (p *path) base() time.Duration { return p.forward.DelayAt(p.clock.now) }

// back is the way back, which carries acknowledgements in their order, and loses none
// but in an outage.
type back struct {
	clock  *clock
	delay  time.Duration
	jitter time.Duration
	random *rand.Rand
	link   *bottleneck.Link // where the way back is narrow; else nil
	broken []scenario.Outage
	last   time.Duration

	waiting map[uint64]func() // of packets in link
	serial  uint64
	flow    int
}

func (b *back) send(size int, do func()) {
	for _, o := range b.broken {
		if b.clock.now >= o.From && b.clock.now < o.To {
			return
		}
	}
	if b.link != nil {
		b.serial++
		id := b.serial<<8 | uint64(b.flow)
		if b.link.Offer(b.clock.now, bottleneck.Packet{Flow: b.flow, Size: size, ID: id}) == bottleneck.Queued {
			b.waiting[id] = do
		}
		return
	}
	at := b.clock.now + b.delay
	if b.jitter > 0 {
		at += time.Duration(b.random.Int64N(int64(b.jitter) + 1))
	}
	b.last = max(b.last, at)
	b.clock.at(b.last, do)
}

// arrived is a packet of ours at the end of the narrow way back.
func (b *back) arrived(p bottleneck.Packet) {
	if do, ok := b.waiting[p.ID]; ok {
		delete(b.waiting, p.ID)
		do()
	}
}

// frames is what became of the pictures.
type frames struct {
	all  []score.Frame
	left []int // bytes that have not arrived
}

// next counts a picture that the camera gives.
func (f *frames) next(now time.Duration) (number int) {
	f.all = append(f.all, score.Frame{At: now, Arrived: score.Never})
	f.left = append(f.left, 0)
	return len(f.all) - 1
}

func (f *frames) begin(n, size int) { f.left[n] = size }

func (f *frames) arrived(n, size int, now time.Duration) {
	if f.left[n] -= size; f.left[n] == 0 {
		f.all[n].Arrived = now
	}
}
