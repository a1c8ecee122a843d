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
func (f *Feed) Pull(wake func()) { f.pulled.Store(&wake) }

// Take returns the newest frame with its reference, marked as Run marks it. done
// says that none will come: Close was called. One goroutine calls it.
func (f *Feed) Take() (frame media.Frame, ok, done bool) {
	for {
		if frame, ok = f.take(); !ok {
			f.mu.Lock()
			defer f.mu.Unlock()
			return media.Frame{}, false, f.closed && !f.full
		}
		if frame.PTS > f.last {
			break
		}
		f.refuse(frame)
	}
	asked := f.wantKey.Swap(false)
	frame.ForceKey = frame.ForceKey || asked || f.due(frame.PTS)
	f.cadence.Commit(frame.PTS)
	f.last = frame.PTS
	f.delivered.Add(1)
	return frame, true, false
}

// Stop refuses further frames and frees the slot, as the end of Run does.
func (f *Feed) Stop() { f.shut() }
