package measure

import "slices"

// Spread of repeated measurements.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// SpreadOf is zero where nothing was measured.
func SpreadOf(all []float64) Spread {
	if len(all) == 0 {
		return Spread{}
	}
	return Spread{Median(all), slices.Min(all), slices.Max(all)}
}

// Median is the middle one, or between the middle two; 0 of none.
func Median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(all))
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

// Pick is one figure of each.
func Pick[T any](all []T, f func(T) float64) []float64 {
	var out []float64
	for _, t := range all {
		out = append(out, f(t))
	}
	return out
}

// Order is that of the cases in a round, counted from 0: every other goes
// backwards, so that a machine that slows down or warms up treats all alike.
func Order[T any](cases []T, round int) []T {
	cases = slices.Clone(cases)
	if round%2 == 1 {
		slices.Reverse(cases)
	}
	return cases
}
