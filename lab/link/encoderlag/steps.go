package main

import "time"

// step is a change of the bit rate that the encoder is given.
type step struct {
	at      time.Duration // first picture that is coded with it
	bitrate int
}

// coded is one coded picture.
type coded struct {
	pts  time.Duration
	bits int
	key  bool
}

// response is what an encoder made of one step, in the pictures' own time.
type response struct {
	from, to int
	// after is how long until a quarter of a second's pictures were within a tenth
	// of the new rate, or beyond it on its far side; negative: never.
	after time.Duration
	// worst is the highest rate of any second that began after the step, over the new one.
	worst float64
	// debt is how much was coded beyond the new rate, at its highest, in seconds of it.
	debt time.Duration
	// steady is the rate from one second after the step to the next, over the new one.
	steady float64
}

const (
	shortWindow = 250 * time.Millisecond
	longWindow  = time.Second
	settled     = time.Second
)

// respond measures every step but the first, which only begins. end is that of
// the pictures.
func respond(pictures []coded, steps []step, end time.Duration) []response {
	var out []response
	for i := 1; i < len(steps); i++ {
		until := end
		if i+1 < len(steps) {
			until = steps[i+1].at
		}
		out = append(out, measure(pictures, steps[i-1].bitrate, steps[i], until))
	}
	return out
}

func measure(pictures []coded, from int, s step, until time.Duration) response {
	r := response{from: from, to: s.bitrate, after: -1}
	target := float64(s.bitrate)
	sum := 0
	for _, p := range pictures {
		if p.pts < s.at || p.pts >= until {
			continue
		}
		sum += p.bits
		passed := p.pts - s.at
		r.debt = max(r.debt, time.Duration(float64(sum)/target*1e9)-passed)
		if passed >= shortWindow && r.after < 0 {
			is := rate(pictures, p.pts-shortWindow, p.pts) / target
			if s.bitrate < from && is <= 1.1 || s.bitrate > from && is >= 0.9 {
				r.after = passed
			}
		}
		if p.pts+longWindow <= until {
			r.worst = max(r.worst, rate(pictures, p.pts, p.pts+longWindow)/target)
		}
	}
	r.steady = rate(pictures, s.at+settled, until) / target
	return r
}

// rate is what was coded from one time to another, in bits per second.
func rate(pictures []coded, from, to time.Duration) float64 {
	bits := 0
	for _, p := range pictures {
		if p.pts >= from && p.pts < to {
			bits += p.bits
		}
	}
	return float64(bits) / (to - from).Seconds()
}
