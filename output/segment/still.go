package segment

import (
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// ConditionStill (a warning): no pictures are coded for now, and segments have sound
// and the last key picture.
const ConditionStill = "segment.still"

// stillPatience is how much later than its sound a picture may come: as long is
// waited for one before another is put in its place.
const stillPatience = 500 * time.Millisecond

// still has segments go on while the encoder holds its pictures back: each that
// sound has filled ends, and the next begins with the last key picture again, which
// is what players need to go on with the sound. The first real picture after that is
// a key picture too, so that nothing refers across.
func (c *cutter) still() {
	if c.picturesHeld == nil || !c.picturesHeld() || c.leadKind != media.Video {
		return
	}
	c.heldUntil = c.queued
	if len(c.queue) == 0 {
		return
	}
	for len(c.open) > 0 && !c.needKey {
		l := c.lead()
		at := max(c.grid, l.last+l.nominal()) // the last pictures may lie behind where the segment was to end
		if c.queued < at+stillPatience || c.key.Track != l.init.Track {
			return
		}
		p := c.key
		p.PTS, p.DTS, p.Gap = at, at, false
		p.At = c.queue[len(c.queue)-1].At
		c.stills++
		c.report(ConditionStill, fmt.Sprintf(
			"no pictures are coded, since a link does not carry them: segments show the last key picture, %d so far", c.stills))
		before := c.newest()
		c.addLead(p)
		c.drain()
		if len(c.open) == 0 || c.newest() == before {
			return // it was not taken as the begin of a segment
		}
	}
}

// leftOut says that pictures are held back, or were at a time and after it: what was
// captured then is no measure of how late anything is.
func (c *cutter) leftOut(at time.Duration) bool {
	return at <= c.heldUntil || c.picturesHeld()
}

// real notes a picture that the encoder made. false: it cannot be decoded here, since
// it refers to pictures before the one that was shown again. A key picture is asked for.
func (c *cutter) real(p media.Packet) bool {
	if c.leadKind != media.Video {
		return true
	}
	switch {
	case p.Key:
		c.key, c.begged = p, false
	case c.stills > 0:
		if !c.begged {
			c.begged = true
			c.requestKey()
		}
		return false
	}
	if c.stills > 0 {
		c.stills = 0
		c.clear(ConditionStill)
	}
	return true
}
