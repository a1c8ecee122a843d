package segment

import (
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// enqueue takes a packet of the follower. It waits in the queue until the lead
// has come so far that its segment is known.
func (c *cutter) enqueue(p media.Packet) {
	if len(c.open) == 0 || len(c.queue) > 0 && p.DTS <= c.queued {
		c.unplaced++
		return
	}
	// A lead that has stalled must not fill the memory.
	if len(c.queue) > 0 && p.PTS-c.queue[0].PTS > 2*c.limits.target {
		c.unplaced++
		c.pop()
	}
	c.queue = append(c.queue, p)
	c.queued = p.DTS
}

func (c *cutter) pop() media.Packet {
	p := c.queue[0]
	n := copy(c.queue, c.queue[1:])
	c.queue[n] = media.Packet{}
	c.queue = c.queue[:n]
	return p
}

// drain places the queued packets whose segment is known.
func (c *cutter) drain() {
	for len(c.queue) > 0 && len(c.open) > 0 {
		b, p := c.open[0], c.queue[0]
		switch {
		case b.leadDone && p.PTS >= b.end:
			end := p.DTS
			// Behind a loss, its last sample would last until after it.
			if p.Gap || len(c.open) > 1 && c.open[1].seg.Discontinuity || p.Track != c.followerTrack() {
				end = 0
			}
			c.closeFollower(b, end)
		case !b.leadDone && p.PTS > c.lead().last:
			return // the lead may still cut before it: a cut lies after the lead's newest decode time
		default:
			c.place(b, c.pop())
		}
	}
}

func (c *cutter) followerTrack() *media.Track {
	if i := c.follower().init; i != nil {
		return i.Track
	}
	return nil
}

// place puts a packet of the follower into the segment it belongs to.
func (c *cutter) place(b *building, p media.Packet) {
	l := c.follower()
	if p.PTS < b.seg.Start || l.media != nil && p.DTS <= l.last {
		c.unplaced++ // sound from before the first picture, or too late for its segment
		return
	}
	if l.media == nil {
		if l.init != nil && l.init.Track != p.Track && !b.seg.Discontinuity {
			c.breakAt = true // a new track can begin where the lead is cut next
			c.unplaced++
			return
		}
		if !c.header(l, p.Track) {
			return
		}
		l.begin(b, fileName(l.kind, c.naming, b.seg.Sequence), p)
	}
	if p.Track != l.init.Track {
		c.breakAt = true
		c.unplaced++
		return
	}
	l.add(p, c.cfg.Chunk)
}

// closeFollower ends the follower's part of a segment: end is the decode time
// of its next packet, or zero when that does not continue it.
func (c *cutter) closeFollower(b *building, end time.Duration) {
	l := c.follower()
	var m *Media
	var err error
	if l.media != nil {
		m, err = l.close(end)
	} else {
		m = &Media{
			Name: fileName(l.kind, c.naming, b.seg.Sequence), Init: l.init,
			Start: b.seg.Start, Duration: b.seg.Duration, Gap: true,
		}
	}
	b.followerDone = true
	b.add(l.kind, m, err)
	c.retire(b)
}
