package main

import (
	"fmt"

	"github.com/encoderbox/encoderbox/lab/measure"
)

// limit is the share of ffmpeg's CPU time that the hardware path may take.
const limit = 0.5

// goals of the measured cases; one whose cases were not measured is left out.
func goals(r *report) []measure.Goal {
	var all []measure.Goal
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
			all = append(all, measure.AtMost(g.name+"-"+p.size(),
				fmt.Sprintf("CPU time a coded picture as a part of ffmpeg's, %s, %s", g.title, p.size()),
				limit, measure.Median(rounds), rounds))
		}
	}
	return all
}
