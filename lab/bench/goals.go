package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// goal is a figure and what it may be at most.
type goal struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	OK    bool    `json:"ok"`
	Title string  `json:"title"`
	Low   float64 `json:"low"` // of the repeats, each reckoned by itself
	High  float64 `json:"high"`
	// Unknown says that the measurements give no value: nothing to judge by.
	Unknown bool `json:"unknown,omitempty"`
}

func atMost(name, title string, limit, value float64, repeats []float64) goal {
	s := spreadOf(slices.DeleteFunc(repeats, math.IsNaN))
	g := goal{Name: name, Title: title, Value: value, Limit: limit, OK: value <= limit, Low: s.Low, High: s.High}
	if math.IsNaN(value) {
		g.Value, g.Unknown = 0, true // JSON knows no NaN
	}
	return g
}

// measured is the value and what the repeats say of its certainty.
func (g goal) measured() string {
	return fmt.Sprintf("%s (repeats: %s – %s)", g.value(), figure(g.Low), figure(g.High))
}

// String is the line that every benchmark ends with.
func (g goal) String() string {
	return fmt.Sprintf("goal %s %s %s %s", g.Name, g.value(), figure(g.Limit), g.verdict())
}

func (g goal) value() string {
	if g.Unknown {
		return "unknown"
	}
	return figure(g.Value)
}

func (g goal) verdict() string {
	if g.OK {
		return "ok"
	}
	return "short"
}

// margin says for people how the value stands to the limit.
func (g goal) margin() string {
	switch by := 100 * (g.Value/g.Limit - 1); {
	case g.OK:
		return "met"
	case g.Unknown:
		return "**not known**: the measurement was too noisy"
	case by < 1:
		return "**missed**, by less than 1 %"
	default:
		return fmt.Sprintf("**missed** by %.0f %%", by)
	}
}

// figure has three digits that count, and no exponent.
func figure(v float64) string {
	digits := 0
	for limit := 100.0; digits < 3 && math.Abs(v) < limit; limit /= 10 {
		digits++
	}
	s := fmt.Sprintf("%.*f", digits, v)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// goals of the measured cases; one whose cases were not measured is left out.
func goals(r *report) []goal {
	us, them, libsrt := r.row(ours, allThree), r.row(theirs, allThree), r.row(bare, srtOnly)
	var all []goal
	if us != nil && them != nil && libsrt != nil {
		var rounds []float64
		for i, t := range us.Trials {
			rounds = append(rounds, beyond(t.CPU, them.Trials[i].CPU, libsrt.Trials[i].CPU))
		}
		all = append(all, atMost("cpu-all-three-of-ffmpeg", "CPU of HLS, RTMP and SRT together beyond libsrt's own, as a part of ffmpeg's",
			0.5, beyond(us.CPU.Median, them.CPU.Median, libsrt.CPU.Median), rounds))
	}
	if us != nil {
		all = append(all,
			atMost("memory-all-three-mb", "Peak resident memory with all three, MB, the worst repeat",
				31, us.Peak.High, us.pick(func(t trial) float64 { return t.Peak })),
			atMost("p99-rtmp-ms", "Encoder output to socket write with all three, RTMP, p99 in ms, median",
				5, us.P99["rtmp"], us.pick(func(t trial) float64 { return t.P99["rtmp"] })),
			atMost("p99-srt-ms", "Encoder output to socket write with all three, SRT, p99 in ms, median",
				5, us.P99["srt"], us.pick(func(t trial) float64 { return t.P99["srt"] })))
	}
	return all
}

// beyond is a's cost as a part of b's, of what each costs beyond base. Where b
// costs no more than base it says nothing, and is NaN.
func beyond(a, b, base float64) float64 {
	if b <= base {
		return math.NaN()
	}
	return (a - base) / (b - base)
}
