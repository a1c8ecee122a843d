package encode

import (
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Thinning says which of its pictures a Feed leaves out, so that fewer are coded.
// The zero value leaves out none.
type Thinning struct {
	// Divider: of the pictures of the source's rate, every Divider-th is coded. It
	// goes by the pictures' times where FrameTime is known, so that a source that
	// jitters, or leaves some out itself, still comes to that rate; else by counting.
	// A picture that is to be a key picture is always coded, and the division goes on
	// from it. Zero means 1.
	Divider   int
	FrameTime time.Duration // between the source's pictures; 0: not known
	// Skip: no picture for now. What follows goes on in the same GOP, from the picture
	// coded last; a key picture that was due or asked for comes first then.
	Skip bool
	// Stop: no pictures until further notice. What follows begins with a key picture.
	Stop bool
}

// held says that no picture passes.
func (t Thinning) held() bool { return t.Skip || t.Stop }

// divider is the decision which pictures pass. It is pure.
type divider struct {
	next  time.Duration // when the next one is due
	count int           // pictures since the last that passed
	begun bool
}

// passes says whether the picture passes. key: it does anyway.
func (d *divider) passes(t Thinning, pts time.Duration, key bool) bool {
	if t.Divider <= 1 {
		*d = divider{}
		return true
	}
	d.count++
	interval := time.Duration(t.Divider) * t.FrameTime
	switch {
	case !d.begun, key, t.FrameTime <= 0 && d.count >= t.Divider:
		d.next = pts + interval
	case t.FrameTime <= 0:
		return false
	default:
		// Half a picture's time is the jitter that is taken for none. The times that are
		// due follow the pictures' slowly: a source is never exactly at its rate.
		const follow = 8
		late := pts - d.next
		if late < -t.FrameTime/2 {
			return false
		}
		if late > t.FrameTime/2 {
			d.next = pts + interval
		} else {
			d.next += interval + late/follow
		}
	}
	d.begun, d.count = true, 0
	return true
}

// Thin changes what is left out, from the next picture that is put on. The same
// again does nothing. It may be called from any goroutine and does not block.
func (f *Feed) Thin(t Thinning) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.thin == t {
		return
	}
	if f.thin.Stop && !t.Stop {
		f.wantKey.Store(true)
	}
	f.thin = t
}

// leftOut decides on a picture, and counts it where it is left out. A key that it
// was to be is owed by the next that is coded. f.mu is held.
func (f *Feed) leftOut(frame media.Frame) bool {
	if f.thin.held() {
		f.skipped.Add(1)
		if frame.ForceKey {
			f.wantKey.Store(true)
		}
		return true
	}
	if frame.PTS <= f.newest {
		return false // it is refused where the others are
	}
	// One that waits for an encoder becomes the key picture, if any is due.
	waits := f.full && (f.wantKey.Load() || f.due(f.slot.PTS))
	key := frame.ForceKey || !waits && (f.wantKey.Load() || f.due(frame.PTS))
	if !f.divider.passes(f.thin, frame.PTS, key) {
		f.divided.Add(1)
		return true
	}
	f.newest = frame.PTS
	return false
}
