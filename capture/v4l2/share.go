package v4l2capture

import (
	"errors"
	"fmt"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// feeder is a device's running queue with its memory. It belongs to the
// goroutine of Run.
type feeder interface {
	// fill gives the device what memory there is for it.
	fill() error
	// hungry says that fill would have given the device more.
	hungry() bool
	// queued is how many pictures the device may write now.
	queued() int
	// streaming says that the device was started: until then there is nothing to
	// wait for.
	streaming() bool
	// take makes the pool's picture of a finished buffer. It is nil where the
	// pool has no memory, and where what came is damaged (then with the reason).
	take(b *v4l2.Buffer) (pic *media.Buffer, damage, err error)
	// again gives a finished buffer to the device once more.
	again(b *v4l2.Buffer) error
	// close stops the device; then all the pool's pictures are back in it.
	close() error
}

// errRefused is that the device does not take the pool's memory.
var errRefused = errors.New("it does not take the encoder's memory")

// recovering is what Run returns when the pool's memory was made anew.
func recovering() error {
	return &capture.SignalError{Signal: capture.SignalRecovering, Detail: "the encoder was restarted"}
}

// shared has the device write the pool's own pictures.
type shared struct {
	queue   queue
	pool    capture.Pool
	plan    plan
	held    []*media.Buffer // by index: what the device has
	n       int             // of held that are there
	most    int             // pictures the device may have at once
	begin   int             // how many it has before it is started
	started bool
	came    bool // a picture has come
	gen     uint64
	known   bool // gen is
}

func newShared(q queue, p plan, pool capture.Pool, begin int) (*shared, error) {
	l := pool.Layout()
	count, err := q.Request(v4l2.DMABUF, l.Count)
	if err != nil {
		return nil, refused(err)
	}
	most := min(l.Count-least, count)
	if most < 1 {
		return nil, fmt.Errorf("%w: the driver has room for %d pictures", errRefused, count)
	}
	return &shared{queue: q, pool: pool, plan: p, held: make([]*media.Buffer, count), most: most, begin: min(begin, most)}, nil
}

// refused marks an error as a refusal, unless the device is gone.
func refused(err error) error {
	if v4l2.IsGone(err) {
		return err
	}
	return fmt.Errorf("%w: %w", errRefused, cause(err))
}

func (f *shared) hungry() bool    { return f.n < f.most }
func (f *shared) queued() int     { return f.n }
func (f *shared) streaming() bool { return f.started }

func (f *shared) fill() error {
	for f.n < f.most {
		b := f.pool.Get()
		if b == nil {
			break
		}
		if err := f.give(b); err != nil {
			giveBack(b)
			return err
		}
	}
	if f.started || f.n < f.begin {
		return nil
	}
	if err := f.queue.Start(); err != nil {
		return refused(err)
	}
	f.started = true
	return nil
}

// give queues a picture, and takes over its reference unless it fails.
func (f *shared) give(b *media.Buffer) error {
	d := b.DMA
	switch {
	case d == nil || !f.fits(b):
		return fmt.Errorf("%w: it is not as the pool's layout says", errRefused)
	case f.known && d.Generation != f.gen:
		return recovering()
	}
	i, ok := f.slot(d.Index)
	if !ok {
		return fmt.Errorf("%w: all %d places are taken", errRefused, len(f.held))
	}
	if err := f.enqueue(i, d); err != nil {
		return err
	}
	f.gen, f.known = d.Generation, true
	f.held[i] = b
	f.n++
	return nil
}

func (f *shared) enqueue(i int, d *media.DMA) error {
	b := v4l2.Buffer{Index: i, NPlanes: len(d.Memory)}
	for j, m := range d.Memory {
		b.Planes[j] = v4l2.PlaneUse{FD: m.FD, Length: m.Length}
	}
	if err := f.queue.QueueBuffer(b); err != nil {
		if f.came {
			return err
		}
		return refused(err)
	}
	return nil
}

// slot is the place of a pool's picture in the device's queue: its own, so that
// the kernel maps it once, or where the driver has fewer, any that is free.
func (f *shared) slot(index int) (int, bool) {
	if index >= 0 && index < len(f.held) && f.held[index] == nil {
		return index, true
	}
	for i, b := range f.held {
		if b == nil {
			return i, true
		}
	}
	return 0, false
}

// fits checks that the samples of a picture lie where the device writes them.
func (f *shared) fits(b *media.Buffer) bool {
	if len(b.DMA.Memory) != len(f.plan.format.Planes) {
		return false
	}
	for i, e := range f.plan.extents() {
		at := b.DMA.Planes[i]
		if at.Memory != e.memory || at.Offset != e.offset || b.Planes[i].Stride != e.stride {
			return false
		}
	}
	return true
}

func (f *shared) take(b *v4l2.Buffer) (pic *media.Buffer, damage, err error) {
	pic, err = f.release(b)
	f.came = f.came || err == nil
	return pic, nil, err
}

// release takes a finished picture from the device's places.
func (f *shared) release(b *v4l2.Buffer) (*media.Buffer, error) {
	if b.Index < 0 || b.Index >= len(f.held) || f.held[b.Index] == nil {
		return nil, fmt.Errorf("the driver finished picture %d, which it was not given", b.Index)
	}
	pic := f.held[b.Index]
	f.held[b.Index] = nil
	f.n--
	return pic, nil
}

func (f *shared) again(b *v4l2.Buffer) error {
	pic, err := f.release(b)
	if err != nil {
		return err
	}
	if err := f.give(pic); err != nil {
		giveBack(pic)
		return err
	}
	return nil
}

func (f *shared) close() error {
	err := f.queue.Close()
	for i, b := range f.held {
		if b != nil {
			f.held[i] = nil
			giveBack(b)
		}
	}
	f.n = 0
	return err
}

// giveBack drops a reference that became no frame.
func giveBack(b *media.Buffer) { media.Frame{Buffer: b}.Release() }
