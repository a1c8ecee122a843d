package avsync

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	minContrast = 40.0 // of 255, between a flash and the usual picture
	minLoudness = 0.02 // of full scale, between a beep and the usual sound
	// quiet is how long it must have been dark, or silent, before a new onset:
	// a beep's own ripple is none.
	quiet = 200 * time.Millisecond
)

// level is how bright, or how loud, it is from a time on.
type level struct {
	at    time.Duration
	value float64
}

func fromDecibels(db float64) float64 { return math.Pow(10, db/20) } // 0 for -Inf

// readLevels reads what ffmpeg's metadata filter printed: pairs of lines,
// "frame:N pts:N pts_time:SECONDS" and "KEY=VALUE". The seconds have six digits only;
// pts is in the microseconds that the filters were told to count in.
func readLevels(file string, scale func(float64) float64) ([]level, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []level
	var at time.Duration
	for s := bufio.NewScanner(f); s.Scan(); {
		if _, t, ok := strings.Cut(s.Text(), " pts:"); ok {
			us, err := strconv.ParseInt(strings.Fields(t)[0], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("time of a frame: %w", err)
			}
			at = time.Duration(us) * time.Microsecond
		} else if _, v, ok := strings.Cut(s.Text(), "="); ok {
			value, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return nil, fmt.Errorf("level at %v: %w", at, err)
			}
			all = append(all, level{at, scale(value)})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("nothing decoded")
	}
	return all, nil
}

// onsets finds when the level rises past half way between what is usual and
// what is on for a fiftieth of the time. A first level that is already high is
// no onset.
func onsets(levels []level, minRise float64) ([]time.Duration, error) {
	if len(levels) == 0 {
		return nil, fmt.Errorf("nothing to look at")
	}
	values := make([]float64, len(levels))
	for i, l := range levels {
		values[i] = l.value
	}
	slices.Sort(values)
	usual, high := values[len(values)/2], values[len(values)*98/100]
	if high-usual < minRise {
		return nil, fmt.Errorf("none: the level stays between %.3g and %.3g", usual, high)
	}
	half := (usual + high) / 2
	var found []time.Duration
	lastOn := levels[0].at // nothing is known of what was before
	for _, l := range levels {
		if l.value < half {
			continue
		}
		if l.at-lastOn >= quiet {
			found = append(found, l.at)
		}
		lastOn = l.at
	}
	return found, nil
}

// pair gives each flash the beep nearest to it, within half a period. What is left
// over counts as unpaired if its partner would have lain between from and to.
func pair(flashes, beeps []time.Duration, period, from, to time.Duration) Result {
	var r Result
	used := make([]bool, len(beeps))
	for _, f := range flashes {
		best := -1
		for i, b := range beeps {
			if d := (b - f).Abs(); !used[i] && d < period/2 && (best < 0 || d < (beeps[best]-f).Abs()) {
				best = i
			}
		}
		if best >= 0 {
			used[best] = true
			r.Events = append(r.Events, Event{Flash: f, Beep: beeps[best]})
		} else if inside(f, period, from, to) {
			r.Unpaired++
		}
	}
	for i, b := range beeps {
		if !used[i] && inside(b, period, from, to) {
			r.Unpaired++
		}
	}
	return r
}

func inside(at, period, from, to time.Duration) bool {
	return at-period/2 >= from && at+period/2 <= to
}
