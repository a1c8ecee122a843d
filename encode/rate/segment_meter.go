package rate

import "time"

// segments measures a path that is given whole segments, of which it is idle between:
// what counts is what an upload comes to while it lasts. The zero value is ready.
type segments struct {
	length  time.Duration // from one to the next, as seen or as told
	wrote   time.Duration // when the last one was written; 0: none was
	granted float64       // bytes that the targets since have made
	use     float64       // what was written, as a share of that
	uses    int           // segments that use is of

	rate float64       // of an upload that is up to speed, bits per second; 0: not known
	of   time.Duration // the time that rate is of
	lost time.Duration // what an upload takes longer than at rate: the request, the slow start

	// The upload that goes on, which may be of several segments.
	begun  time.Duration
	moved  time.Duration // when its first byte was acknowledged; 0: none was
	size   uint64        // acknowledged of it
	upload time.Duration // of which rate was measured
	still  time.Duration // since the last acknowledgement
}

const (
	// leastUpload is what is long enough to tell a rate by itself.
	leastUpload = leastTrain
	// A connection that was idle begins anew with a few packets, twice as many each round
	// trip: after rampTrips, it is up to speed.
	rampTrips = 4
	// lostMemory is the share of the newest in segments.lost, lostMost its share of a segment.
	lostMemory, lostMost = 0.3, 0.3
)

// restart forgets the counters and keeps what is known of the path.
func (g *segments) restart() {
	g.wrote, g.granted = 0, 0
	g.ended()
}

// ended: nothing is on the way.
func (g *segments) ended() { g.moved, g.size, g.upload, g.still = 0, 0, 0, 0 }

// take takes the point after last, of sample s. held: no pictures were coded since, as
// was asked for.
func (g *segments) take(v *measure, s Sample, last, p point, target float64, held bool) {
	told := min(s.Segment, longestSegment)
	if g.length <= 0 || g.length > 2*told {
		g.length = told
	}
	if !held {
		g.granted += target / 8 * v.since.Seconds()
	}
	g.acknowledged(v, s.MinRTT, last, p)
	if p.written > last.written {
		g.written(last, p, told)
	}
	v.segment, v.carries, v.lost = g.length, g.rate, g.lost
	v.use, v.useKnown, v.useSpan = 1, g.uses > 1, 2*g.length
	if g.uses > 0 {
		v.use = g.use
	}
	// What was written when nothing was on the way was not due before.
	v.silence = min(v.silence, v.at-v.heard)
	v.full, v.jammed, v.repair = 0, 0, 0
	v.queue = 0
	if g.rate > 0 {
		v.acked, v.flow = g.rate, g.rate
		v.queue = g.late(v)
	}
}

// late is for how long what waits will still be on its way when the next segment comes.
func (g *segments) late(v *measure) time.Duration {
	if v.waiting == 0 {
		return 0
	}
	left := seconds(float64(v.waiting) * 8 / g.rate)
	return max(left-max(g.wrote+g.length-v.at, 0), 0)
}

// acknowledged learns how fast an upload goes.
func (g *segments) acknowledged(v *measure, trip time.Duration, last, p point) {
	if last.written <= last.gone {
		return
	}
	bytes := p.acked - last.acked
	g.size += bytes
	g.still += v.since
	switch {
	case g.moved == 0:
		if bytes > 0 {
			g.moved, g.still = p.at, 0
		}
	case bytes == 0 || p.gone == p.written: // in which case it ended at some time since last
	default:
		g.measured(bitRate(bytes, g.still), g.still, p.at-g.moved < min(rampTrips*trip, g.length/3))
		g.still = 0
	}
	if p.gone == p.written {
		g.sent(p.at - g.begun)
		g.ended()
	}
}

// measured takes what a moment tells. One of a slow start tells the least that the link
// carries; one in which nothing came for long is an outage.
func (g *segments) measured(rate float64, in time.Duration, ramp bool) {
	if in > mostSilence || ramp && (g.rate == 0 || rate < g.rate) {
		return
	}
	memory := max(g.length/2, leastUpload)
	g.upload += in
	g.of = min(g.of+in, memory)
	g.rate += (rate - g.rate) * min(in.Seconds()/g.of.Seconds(), 1)
}

// sent takes an upload that has ended.
func (g *segments) sent(took time.Duration) {
	if g.upload < leastUpload { // too short to be looked at: it carries at least that
		g.rate = max(g.rate, bitRate(g.size, took))
	}
	if g.rate == 0 || g.size == 0 {
		return
	}
	lost := took - seconds(float64(g.size)*8/g.rate)
	lost = min(max(lost, 0), time.Duration(lostMost*float64(g.length)))
	g.lost += time.Duration(lostMemory * float64(lost-g.lost))
}

// written takes in a segment.
func (g *segments) written(last, p point, told time.Duration) {
	if last.written <= last.gone {
		g.begun = p.at
		if p.gone == p.written { // and it is there already
			g.rate = max(g.rate, bitRate(p.acked-last.acked, p.at-last.at))
		}
	}
	since := p.at - g.wrote
	if g.wrote > 0 && since < told/4 { // another part of the same
		g.granted = 0
		return
	}
	if g.wrote > 0 && g.granted > 0 {
		use := float64(p.written-last.written) / g.granted
		if g.uses == 0 {
			g.use = use
		}
		g.use += (use - g.use) / 2
		g.uses = min(g.uses+1, 2)
		g.length = min(max(since, told/4), 2*told)
	}
	g.wrote, g.granted = p.at, 0
}
