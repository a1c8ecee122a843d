package link

import (
	"errors"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/trace"
	"github.com/encoderbox/encoderbox/lab/link/tun"
)

// Direction is one way through a link. What is changed while the link runs holds for
// packets that leave the queue from then on. Its methods may be called from any
// goroutine.
type Direction struct {
	name string
	pump *pump
	from *tun.Interface // where packets come from
	to   *tun.Interface
	log  *Log

	// Guarded by pump.mu:
	model  *bottleneck.Link
	config bottleneck.Config
	flows  map[Flow]int
	ids    uint64
	free   [][]byte // buffers of packets that were delivered
	stats  DirectionStats
}

// maxFree bounds the buffers kept.
const maxFree = 4096

// take offers the bottleneck what waits at the interface, up to a batch.
func (d *Direction) take() error {
	d.pump.mu.Lock()
	defer d.pump.mu.Unlock()
	for range readBatch {
		n, err := d.from.Read(d.pump.buffer)
		if errors.Is(err, tun.ErrEmpty) {
			return nil
		}
		if err != nil {
			return err
		}
		d.offer(d.pump.now(), d.pump.buffer[:n])
	}
	return nil
}

func (d *Direction) offer(now time.Duration, b []byte) {
	flow, ok := parseFlow(b)
	if !ok {
		d.stats.Foreign++
		return
	}
	index, ok := d.flows[flow]
	if !ok {
		index = len(d.flows)
		d.flows[flow] = index
		d.log.name(flow)
	}
	d.ids++
	d.stats.Offered.add(len(b))
	packet := bottleneck.Packet{Flow: index, Size: len(b), ID: d.ids, Data: append(d.get(), b...)}
	if d.model.Offer(now, packet) == bottleneck.Dropped {
		d.stats.Tail.add(len(b))
		d.put(packet.Data)
	}
}

// deliver hands over what has arrived by now.
func (d *Direction) deliver() {
	for {
		due, _ := d.model.Next()
		p, ok := d.model.Take(d.pump.now())
		if !ok {
			return
		}
		if err := d.to.Write(p.Data); err != nil {
			d.stats.Refused++
		}
		d.stats.Delivered.add(p.Size)
		d.stats.Late.add(d.pump.now() - due)
		d.put(p.Data)
	}
}

func (d *Direction) get() []byte {
	if n := len(d.free); n > 0 {
		b := d.free[n-1]
		d.free = d.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, 2048)
}

func (d *Direction) put(b []byte) {
	if len(d.free) < maxFree {
		d.free = append(d.free, b)
	}
}

// begin is Link.Begin for this direction.
func (d *Direction) begin(now time.Duration) error {
	if err := d.model.SetTrace(now, d.config.Trace); err != nil {
		return err
	}
	if err := d.model.SetDelay(now, d.config.Delay, d.config.Jitter); err != nil {
		return err
	}
	d.model.SetDelays(now, d.config.Delays)
	return d.model.SetLoss(now, d.config.Loss)
}

func (d *Direction) change(f func(now time.Duration) error) error {
	d.pump.mu.Lock()
	defer d.pump.mu.Unlock()
	defer d.pump.wake()
	if err := f(d.pump.now()); err != nil {
		return fmt.Errorf("link: %s: %w", d.name, err)
	}
	return nil
}

// SetTrace has the direction carry what t says from now on, t's moment 0 being now.
func (d *Direction) SetTrace(t *trace.Trace) error {
	return d.change(func(now time.Duration) error { return d.model.SetTrace(now, t) })
}

// SetBitrate has the direction carry so many bits per second from now on; 0 is a
// blackout of the kind of a radio cell that is gone: the queue fills, then drops.
func (d *Direction) SetBitrate(bitrate float64) error { return d.SetTrace(trace.Constant(bitrate)) }

// SetDelay sets the one-way delay behind the queue and what jitter adds to it at most.
func (d *Direction) SetDelay(delay, jitter time.Duration) error {
	return d.change(func(now time.Duration) error { return d.model.SetDelay(now, delay, jitter) })
}

// SetLoss sets the loss behind the queue; Loss{Rate: 1} is a blackout in which
// packets use the link and vanish.
func (d *Direction) SetLoss(loss bottleneck.Loss) error {
	return d.change(func(now time.Duration) error { return d.model.SetLoss(now, loss) })
}

// Backlog is what waits in the queue now.
func (d *Direction) Backlog() (packets, bytes int) {
	d.pump.mu.Lock()
	defer d.pump.mu.Unlock()
	return d.model.Backlog()
}
