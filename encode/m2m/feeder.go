package m2m

import (
	"context"
	"sync/atomic"

	"github.com/encoderbox/encoderbox/media"
)

// feeder brings frames from a channel to the loop, which may be waiting in the
// kernel. It takes one from the channel only when there is room in the encoder,
// so that the newest wins while there is none. While the encoder is empty the
// loop waits for it here, and the kernel has nothing to do with it.
type feeder struct {
	room chan struct{}    // capacity 1: a frame may be taken
	slot chan media.Frame // capacity 1; closed when there are no more
	wake func()
	// inKernel: the loop waits there, or is about to, and has to be woken.
	inKernel atomic.Bool

	// The loop's alone:
	owed   bool // room was granted and not used
	next   media.Frame
	got    bool // next is to be taken
	closed bool
}

func newFeeder(wake func()) *feeder {
	return &feeder{room: make(chan struct{}, 1), slot: make(chan media.Frame, 1), wake: wake}
}

// run feeds until the channel is closed or ctx ends; both wake the loop.
func (f *feeder) run(ctx context.Context, frames <-chan media.Frame) {
	defer f.wake()
	for {
		select {
		case <-f.room:
		case <-ctx.Done():
			return
		}
		select {
		case frame, ok := <-frames:
			if !ok {
				close(f.slot)
				f.notify()
				<-ctx.Done() // the end of ctx wakes a drain
				return
			}
			f.slot <- frame // there is room: the last one was taken
			f.notify()
		case <-ctx.Done():
			return
		}
	}
}

// grant lets the feeder take one frame; again before that does nothing.
func (f *feeder) grant() {
	if !f.owed {
		f.owed = true
		f.room <- struct{}{}
	}
}

func (f *feeder) notify() {
	if f.inKernel.Load() {
		f.wake()
	}
}

// enter says that the loop is about to wait in the kernel; false: something came
// and it is not to. leave follows.
func (f *feeder) enter() bool {
	f.inKernel.Store(true)
	f.fetch()
	return !f.got && !f.closed
}

func (f *feeder) leave() { f.inKernel.Store(false) }

// await waits for a frame, the last one, or the end of ctx.
func (f *feeder) await(ctx context.Context) bool {
	if f.got || f.closed {
		return true
	}
	select {
	case frame, ok := <-f.slot:
		f.next, f.got, f.closed = frame, ok, !ok
	case <-ctx.Done():
	}
	return true
}

func (f *feeder) fetch() {
	if f.got || f.closed {
		return
	}
	select {
	case frame, ok := <-f.slot:
		f.next, f.got, f.closed = frame, ok, !ok
	default:
	}
}

// take returns a frame that came, if any. closed says that none will.
func (f *feeder) take() (frame media.Frame, ok, closed bool) {
	f.fetch()
	if !f.got {
		return media.Frame{}, false, f.closed
	}
	frame, f.next, f.got, f.owed = f.next, media.Frame{}, false, false
	return frame, true, false
}

// drop releases a frame that nobody took, after run has returned.
func (f *feeder) drop() {
	if frame, ok, _ := f.take(); ok {
		frame.Release()
	}
}
