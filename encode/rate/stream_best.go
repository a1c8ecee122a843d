package rate

import "time"

// best is best-for-most: of the rates that the paths carry, the one whose product
// with the number of paths that carry it is highest.
//
// What a path could carry beyond what it is given is not known. So while some path
// seems to have room, the rate of those is tried at times, at the cost of the slow
// ones; a try that did not pay makes the wait for the next one twice as long.
type best struct {
	path   *path
	better time.Duration // for how long another would have been better
	room   time.Duration // for how long some path has had room
	trial  time.Duration // left of a try
	from   *path         // that the try goes back to
	fails  int
}

const (
	// bestFrom and bestAfter: another path decides where it is better by so much for
	// so long.
	bestFrom  = 1.1
	bestAfter = 2 * time.Second
	// roomFrom is what a path must want of what it is given to seem to have room.
	roomFrom = 1.2
	// enough: a path that wants nearly the rate is no worse off for the rest.
	enough     = .97
	trialTime  = 8 * time.Second
	trialAfter = 30 * time.Second
	mostFails  = 5 // 16 minutes
)

func (b *best) forget(p *path) {
	if b.path == p {
		b.path = nil
	}
	if b.from == p {
		b.from, b.trial = nil, 0
	}
}

func (b *best) choose(s *Stream, dt time.Duration) choice {
	b.tries(s, dt)
	above := 0.
	if b.trial > 0 && b.from != nil {
		above = s.carries(b.from) * bestFrom
	}
	p, sum := b.highest(s, above)
	if p == nil && above > 0 {
		b.trial = 0
		p, sum = b.highest(s, 0)
	}
	if p == nil {
		b.path = nil
		return s.next()
	}
	stay := b.path != nil && s.decides(b.path) && b.path.shedding.state == following && s.carries(b.path) >= above
	switch {
	case !stay:
		b.path, b.better = p, 0
	case b.path == p || sum < b.sum(s, s.carries(b.path))*bestFrom:
		b.better = 0
	default:
		if b.better += dt; b.better >= bestAfter || b.trial > 0 {
			b.path, b.better = p, 0
		}
	}
	return s.on(b.path)
}

// tries begins and ends tries.
func (b *best) tries(s *Stream, dt time.Duration) {
	if b.trial > 0 {
		if b.trial -= dt; b.trial <= 0 {
			b.judge(s)
			b.trial, b.from = 0, nil
		}
		return
	}
	room := false
	for _, p := range s.paths {
		room = room || (b.path != nil && p != b.path && b.counts(s, p) && p.clean() &&
			s.carries(p) >= s.carries(b.path)*roomFrom)
	}
	if !room {
		b.room = max(0, b.room-dt)
		return
	}
	if b.room += dt; b.room >= trialAfter<<b.fails {
		b.room, b.trial, b.from, b.better = 0, trialTime, b.path, 0
	}
}

// judge compares what a try came to with what it began from, which counts although
// it has shed meanwhile.
func (b *best) judge(s *Stream) {
	if b.from == nil || !s.decides(b.from) {
		return
	}
	p, sum := b.highest(s, 0)
	if p != b.from && sum >= b.sum(s, b.worth(s, b.from))*bestFrom {
		b.fails = 0
		return
	}
	b.fails = min(b.fails+1, mostFails)
	b.path = b.from // comes back at once, too: whoever decides does not shed
	if b.from.shedding.state != following {
		b.from.shedding.back()
		s.wantKey = true
	}
}

// counts: the path gets video, or would if the rate suited it.
func (b *best) counts(s *Stream, p *path) bool {
	return s.decides(p) && (p.shedding.state == following ||
		(p.shedding.state == shed && p.shedding.ready(true)) || p == b.from && b.trial <= 0)
}

// worth is the video bit rate that a path counts with. The one that decides shows
// what it carries; of the others, what they want is believed as far as they have shown
// it, or a little beyond what they are given.
func (b *best) worth(s *Stream, p *path) float64 {
	video := s.carries(p)
	switch {
	case p == b.path:
		return video
	case p.advice.Estimate == 0:
		return min(video, s.target*roomFrom)
	}
	return min(video, p.video(max(p.advice.Estimate, p.advice.Acked), s))
}

// highest is the path whose rate has the highest sum, of those over a rate.
func (b *best) highest(s *Stream, above float64) (most *path, sum float64) {
	for _, p := range s.paths {
		if !b.counts(s, p) || s.carries(p) < above {
			continue
		}
		video := b.worth(s, p)
		if at := b.sum(s, video); most == nil || at > sum {
			most, sum = p, at
		}
	}
	return most, sum
}

// sum is what all paths together get at a video bit rate.
func (b *best) sum(s *Stream, video float64) float64 {
	sum := 0.
	for _, p := range s.paths {
		if b.counts(s, p) && b.worth(s, p) >= video*enough {
			sum += video
		}
	}
	return sum
}
