package rate

import "time"

// group works out which paths share an uplink with which, over others too, and
// writes it into their shares.
func (u *uplinks) group(paths []*path) {
	for _, p := range paths {
		u.member[p.slot] = int8(p.slot)
	}
	for again := true; again; {
		again = false
		for i, a := range paths {
			for _, b := range paths[i+1:] {
				if u.member[a.slot] == u.member[b.slot] || !u.pair(a, b).shared {
					continue
				}
				least := min(u.member[a.slot], u.member[b.slot])
				u.member[a.slot], u.member[b.slot], again = least, least, true
			}
		}
	}
	for _, p := range paths {
		p.shares = nil
		for _, other := range paths {
			if other != p && u.together(p, other) {
				p.shares = append(p.shares, other.name)
			}
		}
	}
}

// shares: the path goes over the uplink of another one, nil for none.
func (s *Stream) shares(p, with *path) bool { return with != nil && s.uplinks.together(p, with) }

func (u *uplinks) together(a, b *path) bool { return u.member[a.slot] == u.member[b.slot] }

// pass lets one path of each uplink probe; all, where a turn is of use to none.
func (u *uplinks) pass(paths []*path, decider *path, now time.Duration) {
	u.steps++
	for _, p := range paths {
		if len(p.shares) == 0 {
			p.mayProbe(true)
			continue
		}
		t := &u.turns[u.member[p.slot]]
		if t.step != u.steps {
			t.step = u.steps
			if t.holder == nil || now >= t.until || !probes(t.holder) || !u.together(t.holder, p) {
				t.next(u, paths, p, decider)
				t.until = now + turnTime
			}
		}
		p.mayProbe(t.holder == nil || t.holder == p || float64(p.advice.Target) < farUnder*float64(p.advice.Estimate))
	}
}

// probes reports whether a turn is of use to a path.
func probes(p *path) bool {
	return p.present && p.connected && p.shedding.state == following && p.outage == 0 &&
		p.advice.Target < p.limits.Max
}

// next gives the turn to the path that decides, and the one after it to the next of
// the others.
func (t *turn) next(u *uplinks, paths []*path, of, decider *path) {
	usable := decider != nil && u.together(of, decider) && probes(decider)
	t.other = !t.other || !usable
	if !t.other {
		t.holder = decider
		return
	}
	// The next higher slot, or the lowest.
	var after, first *path
	for _, p := range paths {
		if p == decider || !u.together(of, p) || !probes(p) {
			continue
		}
		if first == nil || p.slot < first.slot {
			first = p
		}
		if p.slot > t.last && (after == nil || p.slot < after.slot) {
			after = p
		}
	}
	if after == nil {
		after = first
	}
	t.holder = after
	switch {
	case after != nil:
		t.last = after.slot
	case usable:
		t.holder = decider
	}
}

// share is the video bit rate that the uplink of the path that decides bears: all of
// its paths are given the same, so that it is the mean of what they want. Those that
// have shed take nothing but sound. Those that have just come back do not know yet what
// they want, but take their part.
func (u *uplinks) share(paths []*path, decider *path, s *Stream) float64 {
	most := float64(s.config.Max)
	if len(decider.shares) == 0 {
		return most
	}
	sum, n := 0., 0.
	for _, p := range paths {
		if !u.together(p, decider) || !s.decides(p) || p.shedding.state != following {
			continue
		}
		n++
		if p.shedding.grace == 0 || p == decider {
			sum += s.carries(p)
		}
	}
	if sum == 0 {
		return most
	}
	return sum / n
}
