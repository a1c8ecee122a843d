// Package measure is what the benchmarks have in common: what a process costs,
// the medians and spreads of repeats, goals, and how all of it is shown and kept.
package measure

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Goal is a figure and what it may be at most, or must be at least.
type Goal struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	OK    bool    `json:"ok"`
	Least bool    `json:"least,omitempty"` // Limit is what it must be at least
	Title string  `json:"title"`
	Low   float64 `json:"low"` // of the repeats, each reckoned by itself
	High  float64 `json:"high"`
	// Unknown says that the measurements give no value: nothing to judge by.
	Unknown bool `json:"unknown,omitempty"`
}

// AtMost is a goal of a value that may be limit at most. A value that is not a
// number is unknown, and misses; repeats that are none are left out.
func AtMost(name, title string, limit, value float64, repeats []float64) Goal {
	s := SpreadOf(slices.DeleteFunc(slices.Clone(repeats), math.IsNaN))
	g := Goal{Name: name, Title: title, Value: value, Limit: limit, OK: value <= limit, Low: s.Low, High: s.High}
	if math.IsNaN(value) {
		g.Value, g.Unknown = 0, true // JSON knows no NaN
	}
	return g
}

// AtLeast is a goal of a value that must be limit at least; the rest is as of AtMost.
func AtLeast(name, title string, limit, value float64, repeats []float64) Goal {
	g := AtMost(name, title, limit, value, repeats)
	g.Least, g.OK = true, value >= limit
	return g
}

// Measured is the value and what the repeats say of its certainty.
func (g Goal) Measured() string {
	return fmt.Sprintf("%s (repeats: %s – %s)", g.value(), Figure(g.Low), Figure(g.High))
}

// String is the line that every benchmark ends with.
func (g Goal) String() string {
	verdict := "short"
	if g.OK {
		verdict = "ok"
	}
	return fmt.Sprintf("goal %s %s %s %s", g.Name, g.value(), Figure(g.Limit), verdict)
}

func (g Goal) value() string {
	if g.Unknown {
		return "unknown"
	}
	return Figure(g.Value)
}

// Margin says for people how the value stands to the limit.
func (g Goal) Margin() string {
	by := 100 * (g.Value/g.Limit - 1)
	if g.Least {
		by = 100 * (1 - g.Value/g.Limit)
	}
	switch {
	case g.OK:
		return "met"
	case g.Unknown:
		return "**not known**: the measurement was too noisy"
	case g.Limit == 0:
		return "**missed**"
	case by < 1:
		return "**missed**, by less than 1 %"
	default:
		return fmt.Sprintf("**missed** by %.0f %%", by)
	}
}

// Figure has three digits that count, and no exponent.
func Figure(v float64) string {
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

// PrintGoals writes a line for each.
func PrintGoals(w io.Writer, goals []Goal) {
	for _, g := range goals {
		fmt.Fprintln(w, g)
	}
}

// GoalTable is the table of goals in a document.
func GoalTable(goals []Goal) Table {
	t := Table{Columns: []string{"goal", "measured", "at most", ""}}
	for _, g := range goals {
		limit := Figure(g.Limit)
		if g.Least {
			limit = "at least " + limit
		}
		t.Rows = append(t.Rows, []string{g.Title, g.Measured(), limit, g.Margin()})
	}
	return t
}
