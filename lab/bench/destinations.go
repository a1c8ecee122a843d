package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// fewest and most are the destinations of the cases that goals speak of.
const fewest, most = 1, 16

var counts = []int{fewest, 4, most}

func rtmpTo(n int) job { return job{rtmp: true, copies: n} }
func srtTo(n int) job  { return job{srt: true, copies: n} }

// destinationCases are one encode to many receivers of one protocol.
func destinationCases() (all []benchCase) {
	for _, n := range counts {
		all = append(all, benchCase{ours, rtmpTo(n)}, benchCase{theirs, rtmpTo(n)})
	}
	for _, n := range counts {
		all = append(all, benchCase{bare, srtTo(n)}, benchCase{ours, srtTo(n)}, benchCase{theirs, srtTo(n)})
	}
	return all
}

// startFanned starts the program with all destinations of a fan.
func (b *bench) startFanned(tb peer.TB, c benchCase, f *fan) (p *peer.Process, daemon *encoderd.Daemon) {
	tb.Helper()
	switch c.program {
	case ours:
		d := encoderd.Start(tb, b.encoderd, b.fanConfiguration(f))
		return d.Process, d
	case theirs:
		return peer.FFmpeg(tb, b.teeArgs(f)...), nil
	default:
		args := []string{b.bare, "-latency", fmt.Sprint(srtLatency.Milliseconds()), b.ts}
		for i := range c.job.copies {
			args = append(args, f.addr(i))
		}
		return peer.Start(tb, peer.Command{Args: args}), nil
	}
}

// fanConfiguration is encoderd's: the file passed through, nothing served.
func (b *bench) fanConfiguration(f *fan) string {
	var t strings.Builder
	t.WriteString(b.source(job{}))
	for i := range f.job.copies {
		fmt.Fprintf(&t, "[streams.main.destinations.d%02d]\nurl = %q\n", i+1, f.url(i))
		if f.job.srt {
			fmt.Fprintf(&t, "latency = %q\n", srtLatency)
		}
	}
	return t.String()
}

// teeArgs are one ffmpeg that copies both tracks to all outputs by its tee.
// The source is Matroska: from MP4, the FLV legs silently stay empty.
func (b *bench) teeArgs(f *fan) []string {
	var legs []string
	for i := range f.job.copies {
		if f.job.rtmp {
			legs = append(legs, "[f=flv]"+f.url(i))
		} else {
			legs = append(legs, fmt.Sprintf("[f=mpegts]%s?mode=caller&latency=%d&pkt_size=1316", f.url(i), srtLatency.Microseconds()))
		}
	}
	return []string{"-v", "warning", "-re", "-i", b.mkv, "-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "tee", strings.Join(legs, "|")}
}

// destinationGoals are judged at the most destinations. One whose cases were not
// measured is left out.
func destinationGoals(r *report) (all []measure.Goal) {
	ratio := func(name, title string, limit float64, j job, beside string) {
		us, them := r.row(ours, j), r.row(beside, j)
		if us == nil || them == nil {
			return
		}
		var rounds []float64
		for i, t := range us.Trials {
			rounds = append(rounds, t.CPU/them.Trials[i].CPU)
		}
		all = append(all, measure.AtMost(name, title, limit, us.CPU.Median/them.CPU.Median, rounds))
	}
	ratio("cpu-rtmp-16-of-ffmpeg", "CPU of 16 RTMP destinations, as a part of ffmpeg's", 0.5, rtmpTo(most), theirs)
	ratio("cpu-srt-16-of-libsrt", "CPU of 16 SRT destinations, as a part of a bare libsrt sender's", 1.15, srtTo(most), bare)
	for _, p := range protocols {
		few, many := r.row(ours, p.to(fewest)), r.row(ours, p.to(most))
		if few == nil || many == nil {
			continue
		}
		var rounds []float64
		for i, t := range many.Trials {
			rounds = append(rounds, (t.Peak-few.Trials[i].Peak)/(most-fewest))
		}
		all = append(all, measure.AtMost("memory-"+p.key+"-destination-mb", "Memory of one more "+p.name+" destination, MB", 2, slope(few, many), rounds))
	}
	for _, p := range protocols {
		if many := r.row(ours, p.to(most)); many != nil {
			delays := many.pick(trial.worst)
			all = append(all, measure.AtMost("p99-"+p.key+"-16-ms",
				"Encoder output to socket write, the worst of 16 "+p.name+" destinations, p99 in ms, median", 5, measure.Median(delays), delays))
		}
	}
	return all
}

var protocols = []struct {
	key, name string
	to        func(n int) job
}{{"rtmp", "RTMP", rtmpTo}, {"srt", "SRT", srtTo}}

// slope is what one more destination adds to the peak of memory, by medians.
func slope(few, many *row) float64 {
	if few == nil || many == nil {
		return math.NaN()
	}
	return (many.Peak.Median - few.Peak.Median) / (most - fewest)
}

// steady is how long a trial of the job lasts until the delays that status shows are
// none of its start, when every destination gets the pictures since the last key
// picture at once: two windows of 10 s, the first of which must be over. It is
// waited for only where a goal speaks of the delay.
func steady(j job) time.Duration {
	if j.copies < most {
		return 0
	}
	return 21 * time.Second
}

// worst is the longest delay among a trial's destinations.
func (t trial) worst() (ms float64) {
	for _, v := range t.P99 {
		ms = max(ms, v)
	}
	return ms
}

// destinationTable compares each contender's cost with that of encoderd.
func destinationTable(r *report) measure.Table {
	t := measure.Table{Columns: []string{"destinations", "program", "CPU-s a stream-s", "lowest – highest", "encoderd's part of it",
		"of it libsrt's threads", "start-up CPU-s", "peak MB", "MB a destination", "p99 of the worst"}}
	for _, p := range protocols {
		for _, n := range counts {
			us := r.row(ours, p.to(n))
			for _, program := range []string{bare, ours, theirs} {
				w := r.row(program, p.to(n))
				if w == nil {
					continue
				}
				part, added, delay, libsrt := "–", "–", "–", "–"
				if us != nil && program != ours {
					part = fmt.Sprintf("%.2f", us.CPU.Median/w.CPU.Median)
				}
				if few := r.row(program, p.to(fewest)); n == most && few != nil {
					added = fmt.Sprintf("%.2f", math.Max(0, slope(few, w)))
				}
				if program == ours && n == most {
					delay = fmt.Sprintf("%.2f ms", measure.Median(w.pick(trial.worst)))
				}
				if w.LibSRT > 0 {
					libsrt = fmt.Sprintf("%.4f", w.LibSRT)
				}
				t.Rows = append(t.Rows, []string{fmt.Sprintf("%d × %s", n, p.name), program, fmt.Sprintf("%.4f", w.CPU.Median),
					fmt.Sprintf("%.4f – %.4f", w.CPU.Low, w.CPU.High), part, libsrt, fmt.Sprintf("%.2f", w.Startup),
					fmt.Sprintf("%.1f", w.Peak.Median), added, delay})
			}
		}
	}
	return t
}

// windowFor is the smallest window that judges 2 %: three groups of pictures.
const windowFor = 6 * time.Second

// tooShort says that a window is too short for the cases of a suite.
func tooShort(todo []benchCase, window time.Duration) bool {
	return window < windowFor && slices.ContainsFunc(todo, func(c benchCase) bool { return c.job.copies > 0 })
}
