package encode

import "time"

// cadenceSlack lets a picture count as on a boundary that it misses by less:
// PTS are rounded down to a nanosecond, and capture times jitter.
const cadenceSlack = 2 * time.Millisecond

// Cadence decides which pictures become key pictures, by their time alone: the
// first one, and from then on the first at or after each multiple of the GOP
// duration since the first. The multiples never move, whatever the frame rate
// and however many extra keys are forced, so that segments do not drift from
// their target and differ from it by at most one frame.
//
// It is pure: Due asks, Commit records. A picture that is dropped between the
// two takes no key with it.
type Cadence struct {
	gop     time.Duration
	started bool
	anchor  time.Duration // of the multiples
	next    time.Duration // the boundary not yet served
}

// NewCadence returns a Cadence with a boundary every gop. Zero means that only
// the first picture is a key picture.
func NewCadence(gop time.Duration) Cadence { return Cadence{gop: gop} }

// Due says whether a picture of this time, were it the next one coded, is to be
// a key picture.
func (c *Cadence) Due(pts time.Duration) bool {
	if !c.started {
		return true
	}
	return c.gop > 0 && pts+cadenceSlack >= c.next
}

// Commit records that the picture of this time is coded next.
func (c *Cadence) Commit(pts time.Duration) {
	if !c.started {
		c.started, c.anchor, c.next = true, pts, pts+c.gop
		return
	}
	if !c.Due(pts) {
		return
	}
	passed := (pts + cadenceSlack - c.anchor) / c.gop
	c.next = c.anchor + (passed+1)*c.gop
}
