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
	aligned bool
	anchor  time.Duration // of the multiples
	next    time.Duration // the boundary not yet served
	last    time.Duration // the picture coded last
}

// NewCadence returns a Cadence with a boundary every gop. Zero means that only
// the first picture is a key picture.
func NewCadence(gop time.Duration) Cadence { return Cadence{gop: gop} }

// Align puts the boundaries on multiples of the GOP duration before and after
// anchor, instead of the first picture, from the next one on.
func (c *Cadence) Align(anchor time.Duration) {
	c.anchor, c.aligned = anchor, true
	if c.started {
		c.next = c.after(c.last)
	}
}

// Restart has the next picture be a key picture, and the boundaries lie on multiples
// of the GOP duration from it, where they are not aligned: another encoder begins.
func (c *Cadence) Restart() { c.started = false }

// after is the first boundary that a picture of this time does not serve.
func (c *Cadence) after(pts time.Duration) time.Duration {
	if c.gop <= 0 {
		return 0
	}
	since := pts + cadenceSlack - c.anchor
	passed := since / c.gop
	if since%c.gop < 0 {
		passed--
	}
	return c.anchor + (passed+1)*c.gop
}

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
	due := c.Due(pts)
	if !c.started && !c.aligned {
		c.anchor = pts
	}
	c.started, c.last = true, pts
	if due {
		c.next = c.after(pts)
	}
}
