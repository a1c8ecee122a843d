package panel

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Colour is what a light mixes, each 0 to 1.
type Colour struct{ Red, Green, Blue float64 }

// colours are the names a pattern may use.
func colours() map[string]Colour {
	return map[string]Colour{
		"off":    {},
		"red":    {Red: 1},
		"green":  {Green: 1},
		"blue":   {Blue: 1},
		"amber":  {Red: 1, Green: 0.4},
		"cyan":   {Green: 1, Blue: 1},
		"violet": {Red: 0.7, Blue: 1},
		"white":  {Red: 1, Green: 1, Blue: 1},
	}
}

// Pattern is what a light does, over and over: a sequence of steps. As text, a step is
//
//	[~]COLOUR[*BRIGHTNESS]/DURATION
//
// "red/250ms off/250ms" blinks, "~blue/1s ~off/1s" swells and fades (~ goes there over
// the step's duration instead of at once), and a single step without a duration,
// "green*0.3", is steady.
type Pattern struct {
	steps []step
	total time.Duration // 0: steady
}

type step struct {
	colour Colour
	fade   bool
	during time.Duration
}

// fadeStep is how finely a light swells.
const fadeStep = 40 * time.Millisecond

// ParsePattern reads a Pattern's text.
func ParsePattern(text string) (Pattern, error) {
	words := strings.Fields(text)
	var p Pattern
	for _, word := range words {
		s, err := parseStep(word)
		if err == nil && s.during == 0 && len(words) > 1 {
			err = fmt.Errorf("a duration is missing, such as %s/500ms", word)
		}
		if err != nil {
			return Pattern{}, fmt.Errorf("pattern %q: step %q: %w", text, word, err)
		}
		p.steps = append(p.steps, s)
		p.total += s.during
	}
	if len(p.steps) == 0 {
		return Pattern{}, fmt.Errorf("pattern %q: no steps; \"off\" is dark", text)
	}
	return p, nil
}

func parseStep(word string) (s step, err error) {
	word, s.fade = strings.CutPrefix(word, "~")
	colour, during, timed := strings.Cut(word, "/")
	name, brightness, dimmed := strings.Cut(colour, "*")
	s.colour, timed = colours()[name], timed || s.fade
	if _, known := colours()[name]; !known {
		return s, fmt.Errorf("%q is no colour", name)
	}
	if dimmed {
		b, err := strconv.ParseFloat(brightness, 64)
		if err != nil || !(b >= 0 && b <= 1) {
			return s, fmt.Errorf("brightness %q is not between 0 and 1", brightness)
		}
		s.colour = s.colour.times(b)
	}
	if timed {
		s.during, err = time.ParseDuration(during)
		if err != nil || s.during < 20*time.Millisecond || s.during > time.Minute {
			return s, fmt.Errorf("duration %q is not between 20ms and 1m", during)
		}
	}
	return s, nil
}

// At is the colour at a time since the pattern began, and when the next one is due; 0
// for never.
func (p Pattern) At(since time.Duration) (now Colour, next time.Duration) {
	if len(p.steps) == 0 {
		return Colour{}, 0
	}
	if p.total == 0 || len(p.steps) == 1 {
		return p.steps[0].colour, 0
	}
	begin := since / p.total * p.total
	for i, s := range p.steps {
		end := begin + s.during
		if since >= end {
			begin = end
			continue
		}
		if !s.fade {
			return s.colour, end
		}
		from := p.steps[(i+len(p.steps)-1)%len(p.steps)].colour
		done := (since - begin) / fadeStep * fadeStep
		return from.towards(s.colour, float64(done+fadeStep)/float64(s.during)), min(begin+done+fadeStep, end)
	}
	return Colour{}, 0 // not reached: since lies in one of the steps
}

func (c Colour) times(f float64) Colour { return Colour{c.Red * f, c.Green * f, c.Blue * f} }

func (c Colour) towards(to Colour, part float64) Colour {
	part = min(part, 1)
	mix := func(a, b float64) float64 { return a + (b-a)*part }
	return Colour{mix(c.Red, to.Red), mix(c.Green, to.Green), mix(c.Blue, to.Blue)}
}

func (c Colour) brightness() float64 { return max(c.Red, c.Green, c.Blue) }
