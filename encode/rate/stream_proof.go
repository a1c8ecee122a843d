package rate

import "time"

// proof is that a path carries the least that it is given: for a while it has, and no
// queue has stood since. A law that was misled, by acknowledgements that a busy box
// held up or by a moment of the link, would else begin again from next to nothing,
// while far more is sent, and arrives.
type proof struct {
	clean time.Duration // for how long there has been no queue
	full  time.Duration // for how long there has been one, less what was not
	given float64       // bits per second that arrived meanwhile
}

const (
	proofAfter = time.Second
	proofEnds  = 400 * time.Millisecond
	// proofMargin keeps what is made of it over the least of the step.
	proofMargin = 1.02
)

// given is what a path is given at the least; 0 where that shows nothing.
func (p *path) given(s *Stream) float64 {
	if p.shedding.state != following || s.setting.AudioOnly || s.setting.Skip {
		return 0
	}
	return p.with(min(s.ladder.floor(float64(s.config.Min)), s.encoder.output), s.encoder.audio())
}

func (r *proof) step(dt time.Duration, clean bool, given float64) {
	switch {
	case given <= 0: // what was proven may still hold
	case clean:
		r.clean += dt
		r.full = max(0, r.full-dt)
		r.given = given
	default:
		r.full += dt
	}
	if r.full >= proofEnds {
		*r = proof{}
	}
}

// rate is what the path carries at least, bits per second; 0: nothing is proven.
func (r *proof) rate() float64 {
	if r.clean < proofAfter {
		return 0
	}
	return r.given * proofMargin
}
