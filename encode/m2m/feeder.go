package m2m

import (
	"context"

	"github.com/encoderbox/encoderbox/media"
)

// feeder brings frames from a channel to the goroutine that waits in the
// kernel. It takes one from the channel only when there is room in the encoder,
// so that the newest wins while there is none.
type feeder struct {
	room chan struct{}    // capacity 1: a frame may be taken
	slot chan media.Frame // capacity 1; closed when there are no more
	wake func()
	owed bool // room was granted and not used: the loop's alone
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
				f.wake()
				<-ctx.Done() // the end of ctx wakes a drain
				return
			}
			f.slot <- frame // there is room: the last one was taken
			f.wake()
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

// take returns a frame that came, if any. closed says that none will.
func (f *feeder) take() (frame media.Frame, ok, closed bool) {
	select {
	case frame, ok = <-f.slot:
		f.owed = false
		return frame, ok, !ok
	default:
		return media.Frame{}, false, false
	}
}

// drop releases a frame that nobody took, after run has returned.
func (f *feeder) drop() {
	if frame, ok, _ := f.take(); ok {
		frame.Release()
	}
}
