package rate

import "time"

// choice is whose path decides, and on what.
type choice struct {
	path  *path   // nil for none
	video float64 // the video bit rate it comes to; under Min leads down the ladder
	keep  bool    // the path never sheds: the encoder goes down with it
}

// choose says whose path decides, by the policy.
func (s *Stream) choose(dt time.Duration) choice {
	var c choice
	switch {
	case s.config.Fixed:
	case s.config.Policy == ProtectAll:
		c = s.slowest()
	case s.config.Policy == BestForMost:
		c = s.best.choose(s, dt)
	default:
		c = s.primary()
	}
	s.decider = c.path
	return c
}

// on makes the choice of a path that the encoder goes down with.
func (s *Stream) on(p *path) choice {
	if p == nil {
		return choice{}
	}
	return choice{path: p, video: p.video(p.advice.Target, s), keep: true}
}

func (s *Stream) primary() choice {
	for _, p := range s.paths {
		if p.primary && s.decides(p) {
			return s.on(p)
		}
	}
	return s.next()
}

// next is the path that decides where the policy's choice does not: the one that
// carries most, for as long as no other carries far more.
func (s *Stream) next() choice {
	for state := following; state <= paused; state++ {
		p := s.fastest(state)
		if p == nil {
			continue
		}
		d := s.decider
		if d != nil && s.decides(d) && d.shedding.state == state && s.carries(p) < farMore*s.carries(d) {
			p = d
		}
		return s.on(p)
	}
	return choice{}
}

const farMore = 1.5

func (s *Stream) fastest(state shedState) *path {
	var most *path
	for _, p := range s.paths {
		if s.decides(p) && p.shedding.state == state && (most == nil || s.carries(p) > s.carries(most)) {
			most = p
		}
	}
	return most
}

// carries is the video bit rate that a path has room for. One that has shed cannot
// show it: what it carried before counts.
func (s *Stream) carries(p *path) float64 {
	rate := p.advice.Target
	if p.shedding.state != following {
		rate = max(rate, p.advice.Estimate/10*9)
	}
	return p.video(rate, s)
}

// decides reports whether a path may decide: it is connected, and has acknowledged
// something lately, unless no other has.
func (s *Stream) decides(p *path) bool {
	if !p.present || !p.connected {
		return false
	}
	if p.outage < outageLong {
		return true
	}
	for _, other := range s.paths {
		if other.present && other.connected && other.outage == 0 {
			return false
		}
	}
	return true
}

// slowest is protect-all: the slowest path that carries Min. Those that do not shed,
// unless none does: then the ladder serves the best of them.
func (s *Stream) slowest() choice {
	least := float64(s.config.Min)
	c := choice{}
	var under *path
	for _, p := range s.paths {
		if !s.decides(p) || p.shedding.state != following {
			continue
		}
		video, keep := s.carries(p), true
		if video < least {
			if p.shedding.grace == 0 {
				if under == nil || video < s.carries(under) {
					under = p
				}
				continue
			}
			video, keep = least, false // it comes back, and may go up from there
		}
		// Nearly the same: whoever decided goes on, for the reader's sake.
		if c.path == nil || video < c.video*.98 || (p == s.decider && video < c.video*1.02) {
			c = choice{path: p, video: video, keep: keep}
		}
	}
	switch {
	case c.path == nil:
		return s.next()
	case under != nil: // until that one sheds, or is better
		c = choice{path: under, video: least}
	}
	return c
}
