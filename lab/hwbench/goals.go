package main

import "fmt"

// limit is the share of ffmpeg's CPU time that the hardware path may take.
const limit = 0.5

// goal is a figure and what it may be at most.
type goal struct {
	Name  string  `json:"name"`
	Title string  `json:"title"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	OK    bool    `json:"ok"`
	Low   float64 `json:"low"` // of the rounds, each reckoned by itself
	High  float64 `json:"high"`
}

// goals of the measured cases; one whose cases were not measured is left out.
func goals(r *report) []goal {
	var all []goal
	for _, p := range pictures {
		for _, g := range []struct{ name, title, ours, job string }{
			{"cpu-hls-of-ffmpeg", "encoderd with HLS", encoderd, jobHLS},
			{"cpu-path-of-ffmpeg", "the path alone, to nowhere", pathOnly, jobPath},
		} {
			us, them := r.row(g.ours, g.job, p.size()), r.row(ffmpeg, g.job, p.size())
			if us == nil || them == nil {
				continue
			}
			rounds := make([]float64, len(us.Trials))
			for i := range rounds {
				rounds[i] = us.Trials[i].MS / them.Trials[i].MS
			}
			s := spreadOf(rounds)
			all = append(all, goal{
				Name:  g.name + "-" + p.size(),
				Title: fmt.Sprintf("CPU time a coded picture as a part of ffmpeg's, %s, %s", g.title, p.size()),
				Value: s.Median, Low: s.Low, High: s.High, Limit: limit, OK: s.Median <= limit,
			})
		}
	}
	return all
}

// String is the line that every benchmark ends with.
func (g goal) String() string {
	verdict := "short"
	if g.OK {
		verdict = "ok"
	}
	return fmt.Sprintf("goal %s %.3f %.3g %s", g.Name, g.Value, g.Limit, verdict)
}

func (g goal) margin() string {
	if g.OK {
		return "met"
	}
	return fmt.Sprintf("**missed** by %.0f %%", 100*(g.Value/g.Limit-1))
}
