package panel

import (
	"maps"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
)

// PressKind is what somebody does with a key.
type PressKind int

// The kinds. A short press is Down, Up, Short; a second one soon after the first ends in
// Double instead of Short. A long one is Down, Held…, Long, Held…, Up.
const (
	Down   PressKind = iota // it went down
	Short                   // it went up again soon
	Double                  // for the second time in a row; Short came the first time
	Long                    // it has been down for longPress
	Held                    // it is still down: comes every holdStep
	Repeat                  // it is still down, and its use comes again: Up, Down, Left, Right alone
	Up                      // it went up
)

func (k PressKind) String() string {
	return [...]string{"down", "short", "double", "long", "held", "repeat", "up"}[k]
}

// Press is one step of a press.
type Press struct {
	Key  panel.Key
	Kind PressKind
	For  time.Duration // how long the key has been down
}

const (
	settle      = 12 * time.Millisecond // contacts that still bounce are not believed for so long
	longPress   = 700 * time.Millisecond
	doublePress = 350 * time.Millisecond // from one release to the next
	holdStep    = 50 * time.Millisecond
	repeatAfter = 500 * time.Millisecond
	repeatEvery = 120 * time.Millisecond
	fastAfter   = 2500 * time.Millisecond // of being held
	fastEvery   = 60 * time.Millisecond
	// stuck is a key that something lies on: it does nothing more until it goes up.
	stuck = 30 * time.Second
)

// Presses makes presses of what keys do. It is a pure state machine: time is what it is
// given, and nothing is delivered late for waiting whether more comes. Not safe for
// concurrent use.
type Presses struct {
	keys map[panel.Key]*contact
}

type contact struct {
	level   bool // as last told
	down    bool // as believed
	changed time.Time
	since   time.Time // that it is down
	long    bool
	step    time.Time // of the next Held
	repeat  time.Time // of the next Repeat
	short   time.Time // when the last Short ended
}

// Event takes what a driver delivers.
func (p *Presses) Event(e panel.Event) []Press {
	if p.keys == nil {
		p.keys = map[panel.Key]*contact{}
	}
	c := p.keys[e.Key]
	if c == nil {
		c = &contact{}
		p.keys[e.Key] = c
	}
	out := c.advance(e.Key, e.At)
	c.level = e.Down
	if c.level != c.down && e.At.Sub(c.changed) >= settle {
		out = append(out, c.turn(e.Key, e.At)...)
	}
	return out
}

// Advance gives what has come about until now without an event.
func (p *Presses) Advance(now time.Time) (out []Press) {
	for _, key := range slices.Sorted(maps.Keys(p.keys)) {
		out = append(out, p.keys[key].advance(key, now)...)
	}
	return out
}

// Next is when Advance is wanted, zero for not before the next event.
func (p *Presses) Next() (at time.Time) {
	for _, c := range p.keys {
		if t := c.next(); !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// Release forgets all that is down, since the keys are gone: nothing comes of it.
func (p *Presses) Release() { p.keys = nil }

func (c *contact) next() (at time.Time) {
	if c.down && c.step.Sub(c.since) <= stuck {
		at = c.step
		if !c.repeat.IsZero() && c.repeat.Before(at) {
			at = c.repeat
		}
	}
	if t := c.changed.Add(settle); c.level != c.down && (at.IsZero() || t.Before(at)) {
		at = t
	}
	return at
}

// advance delivers what is due at now, in order.
func (c *contact) advance(key panel.Key, now time.Time) (out []Press) {
	for {
		t := c.next()
		if t.IsZero() || t.After(now) {
			return out
		}
		switch {
		case c.level != c.down && !t.Before(c.changed.Add(settle)):
			out = append(out, c.turn(key, t)...)
		case !c.repeat.IsZero() && !t.Before(c.repeat):
			every := repeatEvery
			if t.Sub(c.since) >= fastAfter {
				every = fastEvery
			}
			c.repeat = t.Add(every)
			out = append(out, Press{key, Repeat, t.Sub(c.since)})
		default:
			c.step = t.Add(holdStep)
			held := t.Sub(c.since)
			if !c.long && held >= longPress {
				c.long = true
				out = append(out, Press{key, Long, held})
			}
			out = append(out, Press{key, Held, held})
		}
	}
}

// turn believes the contact's level.
func (c *contact) turn(key panel.Key, t time.Time) []Press {
	c.down, c.changed = c.level, t
	if c.down {
		c.since, c.long, c.step, c.repeat = t, false, t.Add(holdStep), time.Time{}
		switch key {
		case panel.Up, panel.Down, panel.Left, panel.Right:
			c.repeat = t.Add(repeatAfter)
		}
		return []Press{{key, Down, 0}}
	}
	held := t.Sub(c.since)
	out := []Press{{key, Up, held}}
	if c.long {
		return out
	}
	if !c.short.IsZero() && t.Sub(c.short) <= doublePress {
		c.short = time.Time{}
		return append(out, Press{key, Double, held})
	}
	c.short = t
	return append(out, Press{key, Short, held})
}
