package main

import (
	"math"

	"github.com/encoderbox/encoderbox/lab/measure"
)

// goals of the measured cases; one whose cases were not measured is left out.
func goals(r *report) []measure.Goal {
	us, them, libsrt := r.row(ours, allThree), r.row(theirs, allThree), r.row(bare, srtOnly)
	var all []measure.Goal
	if us != nil && them != nil && libsrt != nil {
		var rounds []float64
		for i, t := range us.Trials {
			rounds = append(rounds, beyond(t.CPU, them.Trials[i].CPU, libsrt.Trials[i].CPU))
		}
		all = append(all, measure.AtMost("cpu-all-three-of-ffmpeg", "CPU of HLS, RTMP and SRT together beyond libsrt's own, as a part of ffmpeg's",
			0.5, beyond(us.CPU.Median, them.CPU.Median, libsrt.CPU.Median), rounds))
	}
	if us != nil {
		all = append(all,
			measure.AtMost("memory-all-three-mb", "Peak resident memory with all three, MB, the worst repeat",
				31, us.Peak.High, us.pick(func(t trial) float64 { return t.Peak })),
			measure.AtMost("p99-rtmp-ms", "Encoder output to socket write with all three, RTMP, p99 in ms, median",
				5, us.P99["rtmp"], us.pick(func(t trial) float64 { return t.P99["rtmp"] })),
			measure.AtMost("p99-srt-ms", "Encoder output to socket write with all three, SRT, p99 in ms, median",
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
