package rate

import "time"

// train finds stretches in which bytes waited all the time: what was acknowledged in
// them is what the link carries, however little the encoder puts out on average. A
// key picture makes such a stretch, and so does a queue.
type train struct {
	on          bool
	begin, last point
}

const (
	// leastTrain: shorter stretches are bunched acknowledgements.
	leastTrain = 60 * time.Millisecond
	mostTrain  = 3 * leastTrain
	// trainDelay, beyond base, is the sign of bytes that wait.
	trainDelay = 30 * time.Millisecond
)

// take returns the rate of a stretch that ends with this point, and how long it was; 0
// where none does.
func (t *train) take(p *point, v measure) (rate float64, long time.Duration) {
	if v.repair > 0 { // what held the acknowledgements up was a gap
		t.on = false
		return 0, 0
	}
	waits := p.delay >= v.base+trainDelay
	if t.on {
		if waits {
			t.last = *p
		}
		long = t.last.at - t.begin.at
		if long >= mostTrain || !waits && long >= leastTrain {
			rate = bitRate(t.last.acked-t.begin.acked, long)
			t.on = false
		}
	}
	if !waits {
		t.on = false
	} else if !t.on {
		*t = train{true, *p, *p}
	}
	return rate, long
}

// jam is the same where gaps have acknowledgements come in jumps: there, a stretch must
// be longer, and is told by the queue.
type jam struct {
	on          bool
	begin, last point
}

const (
	leastJam = 300 * time.Millisecond
	mostJam  = 1200 * time.Millisecond
	jamQueue = 20 * time.Millisecond
)

// take returns the rate of a stretch that ends with this sample, 0 where none does; and
// that of the stretch so far, and how long it is.
func (j *jam) take(ready *point, v measure) (full, sofar float64, long time.Duration) {
	waits := v.queue > jamQueue && v.repair > 0
	if waits {
		if !j.on {
			j.on, j.begin = true, *ready
		}
		j.last = *ready
	}
	long = j.last.at - j.begin.at
	if !j.on || long < leastJam {
		j.on = j.on && waits
		return 0, 0, 0
	}
	sofar = bitRate(j.last.acked-j.begin.acked, long)
	if waits && long < mostJam {
		return 0, sofar, long
	}
	j.on = false
	return sofar, sofar, long
}
