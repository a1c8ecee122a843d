package panel

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
)

// player has lights follow patterns. All of them begin at the same moment, so that lamps
// blink in step and waits that end late add up to nothing. Not safe for concurrent use.
type player struct {
	lights   map[string]panel.Light
	patterns map[string]Pattern // by sense
	lamps    map[string][]string
	senses   map[string]string
	shown    map[string]float64
	began    time.Time
}

func newPlayer(lights map[string]panel.Light, patterns map[string]Pattern, began time.Time) *player {
	p := &player{
		lights: lights, patterns: patterns, began: began,
		lamps: map[string][]string{}, senses: map[string]string{}, shown: map[string]float64{},
	}
	for _, name := range slices.Sorted(maps.Keys(lights)) {
		p.lamps[lampOf(name)] = append(p.lamps[lampOf(name)], name)
	}
	return p
}

// says is which lamp's meaning a lamp has: one that is alone says all.
func (p *player) says(lamp string) string {
	if len(p.lamps) == 1 {
		return StatusLamp
	}
	return lamp
}

// patterns are those of all senses.
func patterns() (map[string]Pattern, error) {
	all := map[string]Pattern{}
	for _, s := range Senses() {
		p, err := ParsePattern(s.Pattern)
		if err != nil {
			return nil, err
		}
		all[s.Name] = p
	}
	return all, nil
}

// play sets what has changed until now, and says when the next change is due; zero for
// not before a lamp says something else.
func (p *player) play(now time.Time) (next time.Time, err error) {
	for lamp, lights := range p.lamps {
		colour, in := p.patterns[p.senses[lamp]].At(now.Sub(p.began))
		if at := p.began.Add(in); in > 0 && (next.IsZero() || at.Before(next)) {
			next = at
		}
		for name, level := range levels(lights, colour) {
			if was, ok := p.shown[name]; ok && was == level {
				continue
			}
			if err := p.lights[name].Set(level); err != nil {
				return next, fmt.Errorf("panel: set light %s: %w", name, err)
			}
			p.shown[name] = level
		}
	}
	return next, nil
}

// close leaves all lights off.
func (p *player) close() (err error) {
	for name, l := range p.lights {
		if e := l.Close(); e != nil && err == nil {
			err = fmt.Errorf("panel: close light %s: %w", name, e)
		}
	}
	return err
}
