package dash

import (
	"errors"
	"slices"
	"time"
)

// period is a section with its place in the presentation.
type period struct {
	*section
	origin
	length    time.Duration // zero: it goes on
	connected bool          // what decoded the one before decodes it
}

// origin is what a Period must keep as long as players know it, even after the
// segments it began with have gone: its name, and which stream time lies where.
type origin struct {
	id    string
	heads inits         // which tell the run too
	first uint64        // sequence number
	start time.Duration // since availabilityStartTime; whole milliseconds
	at    time.Duration // stream time at start
}

// errClock says that no segment knows its wall-clock time.
var errClock = errors.New("dash: wall-clock time is not known")

// live places sections by wall-clock time. Times count from the Unix epoch,
// which is thereby the availabilityStartTime: a fixed one needs no memory, and
// players stay through restarts of the box.
//
// known are the origins of the periods made of the window before. A period that
// is none of theirs and the oldest of its run is taken to begin with the run, at
// stream time zero: that, too, is found again after a restart.
func live(sections []*section, known []origin) ([]period, error) {
	zeros := zerosOf(sections)
	var out []period
	for i, c := range sections {
		zero, ok := zeros[c.run]
		if !ok {
			continue
		}
		o, ok := remembered(known, c, i == 0)
		if !ok {
			o = c.begins(zero)
			if i == 0 || c.run != sections[i-1].run && followed(out, zero) {
				o = c.beginsRun(zero)
			}
		}
		for len(out) > 0 && out[len(out)-1].collides(o.start) {
			out = out[:len(out)-1]
		}
		p := period{section: c, origin: o}
		if len(out) > 0 {
			before := &out[len(out)-1]
			p.connected = before.inits() == c.inits()
			before.close(o.start)
		}
		out = append(out, p)
	}
	if len(out) == 0 || len(sections) > 0 && out[len(out)-1].section != sections[len(sections)-1] {
		return nil, errClock
	}
	return out, nil
}

// collides says whether a Period that begins at start leaves no room for this
// one: the clock was set back between them. What is newer counts. Short of a
// second, players cut the older one off.
func (p *period) collides(start time.Duration) bool {
	return p.start >= start || p.ends() > start+time.Second
}

// close ends a Period where its segments do, and not where the next begins:
// dash.js waits for more of them otherwise.
func (p *period) close(next time.Duration) {
	p.length = min((p.ends() - p.start).Round(time.Millisecond), next-p.start)
}

// ends is in the presentation's time.
func (p *period) ends() time.Duration { return p.start + p.section.end() - p.at }

// zerosOf is the wall-clock time of stream time zero, as time since the epoch, of
// each run. One clock maps all of a run.
func zerosOf(sections []*section) map[string]time.Duration {
	zeros := map[string]time.Duration{}
	for _, c := range slices.Backward(sections) {
		if _, ok := zeros[c.run]; ok {
			continue
		}
		for _, p := range c.parts {
			if p == nil {
				continue
			}
			for _, m := range p.list {
				if !m.Wall.IsZero() {
					zeros[c.run] = time.Duration(m.Wall.UnixNano()) - m.Start
				}
			}
		}
	}
	return zeros
}

// followed says whether stream time zero of a run comes after all that is placed.
func followed(placed []period, zero time.Duration) bool {
	if len(placed) == 0 {
		return true
	}
	return placed[len(placed)-1].ends() <= zero
}

// remembered finds the section's origin among the known ones. The oldest section
// of a window may have lost its beginning.
func remembered(known []origin, c *section, oldest bool) (origin, bool) {
	for _, o := range slices.Backward(known) {
		if o.heads.have(c.inits()) && (o.first == c.first || oldest && o.first < c.first) {
			return o, true
		}
	}
	return origin{}, false
}

// begins is the origin of a section that begins in the middle of its run.
func (c *section) begins(zero time.Duration) origin {
	return c.origin(c.id(), zero, c.begin())
}

// beginsRun is the origin of a run's first section.
func (c *section) beginsRun(zero time.Duration) origin {
	return c.origin(c.run, zero, min(0, c.begin()))
}

// origin is rounded down to what an MPD can say of a Period's start.
func (c *section) origin(id string, zero, at time.Duration) origin {
	start := (zero + at).Truncate(time.Millisecond)
	return origin{id: id, heads: c.inits(), first: c.first, start: start, at: start - zero}
}

// finished places sections one after the other from zero on, without the time
// that is lost between them: nobody waits for what will not come.
func finished(sections []*section) (out []period) {
	var start time.Duration
	for i, c := range sections {
		p := period{section: c, length: (c.lead().end() - c.begin()).Round(time.Millisecond)}
		p.origin = origin{id: c.id(), heads: c.inits(), first: c.first, start: start, at: c.begin()}
		p.connected = i > 0 && sections[i-1].inits() == c.inits()
		if p.length > 0 {
			out = append(out, p)
			start += p.length
		}
	}
	return out
}

// origins are to be remembered for the next window.
func origins(ps []period) (out []origin) {
	for _, p := range ps {
		out = append(out, p.origin)
	}
	return out
}
