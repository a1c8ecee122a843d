package encode

import (
	"context"

	"github.com/encoderbox/encoderbox/media"
)

// Puller is an Encoder that can take its frames out of a Feed itself, where it
// is the only one: a picture then goes from the source's goroutine to the
// encoder's without another one, and its wake-ups, in between.
type Puller interface {
	Encoder
	// RunFeed is Run and the feed's Run at once.
	RunFeed(ctx context.Context, feed *Feed, w media.Writer) error
}

// Pull makes the caller the feed's one encoder, instead of Run. wake is called,
// from any goroutine, when Take may have news; it must not block. Stop follows.
// After Resume it is called again, by another encoder or the same.
func (f *Feed) Pull(wake func()) { f.pulled.Store(&wake) }

// Take returns the newest frame with its reference, marked as Run marks it. done
// says that none will come: Close or Break was called. One goroutine calls it.
func (f *Feed) Take() (frame media.Frame, ok, done bool) {
	for {
		if frame, ok, done = f.next(); !ok {
			return media.Frame{}, false, done
		}
		if frame.PTS > f.last {
			break
		}
		f.refuse(frame)
	}
	frame.ForceKey = f.marked(frame, f.wantKey.Swap(false))
	f.commit(frame.PTS)
	f.delivered.Add(1)
	return frame, true, false
}

// Stop refuses further frames and frees the slot, as the end of Run does. After
// Break it does nothing.
func (f *Feed) Stop() { f.shut() }
