package main

import "github.com/encoderbox/encoderbox/lab/measure"

// Limits of the goals.
const (
	cpuShare     = 0.5  // of ffmpeg's
	writtenShare = 1.02 // bytes a byte of the stream: each is written once
	pagesShare   = 1.05 // and what kernel and file system make of them
	idleMBHour   = 1    // state alone
	servedLimit  = 500  // ms
	newLimit     = 2500 // ms: a segment of 2 s, and what a start takes
)

// goals of the measured cases; one whose cases were not measured is left out.
func goals(r *report) []measure.Goal {
	all := cpuGoals(r)
	if us := r.row(ours, unwatched); us != nil {
		share := func(f func(trial) float64) (float64, []float64) { v := us.pick(f); return measure.Median(v), v }
		written, writtens := share(func(t trial) float64 { return t.Written })
		pages, pageses := share(func(t trial) float64 { return t.Pages })
		all = append(all,
			measure.AtMost("flash-recording-of-stream", "With recording: bytes of the recording as a part of the stream's", writtenShare, written, writtens),
			measure.AtMost("flash-recording-pages-of-stream", "With recording: bytes that the daemon writes to flash, in whole pages and with its state, as a part of the stream's", pagesShare, pages, pageses))
		if !r.Shared {
			blocks, blockses := share(func(t trial) float64 { return t.Blocks })
			all = append(all, measure.AtMost("flash-recording-device-of-stream", "With recording: bytes that reach flash, with ext4's own, as a part of the stream's", pagesShare, blocks, blockses))
		}
	}
	if idle := r.row(ours, liveOnly); idle != nil {
		stored := measure.SpreadOf(idle.pick(func(t trial) float64 { return float64(t.Disk) }))
		hours := idle.pick(func(t trial) float64 { return float64(t.Flash) / t.Seconds * 3600 / 1e6 })
		all = append(all,
			measure.AtMost("flash-idle-stored-bytes", "Without recording: bytes in the folder of recordings, the worst repeat",
				0, stored.High, []float64{stored.Low, stored.High}),
			measure.AtMost("flash-idle-mb-hour", "Without recording: MB that the daemon writes to flash in a stream-hour, its state", idleMBHour, idle.Flash, hours))
		if !r.Shared {
			hours := idle.pick(func(t trial) float64 { return float64(t.Device) / t.Seconds * 3600 / 1e6 })
			all = append(all, measure.AtMost("flash-idle-device-mb-hour", "Without recording: MB that reach flash in a stream-hour, with ext4's own", idleMBHour, idle.Device, hours))
		}
	}
	return append(all, restartGoals(r)...)
}

func cpuGoals(r *report) (all []measure.Goal) {
	them := r.row(theirs, hlsAndMP4)
	if them == nil {
		return nil
	}
	for _, g := range []struct {
		name, title string
		job         job
	}{
		{"cpu-storage-of-ffmpeg", "CPU of journal, HLS, DASH and recording, with a viewer of each, as a part of ffmpeg's writing HLS and MP4", everything},
		{"cpu-storage-unwatched-of-ffmpeg", "The same without viewers, whom ffmpeg does not serve either", unwatched},
	} {
		us := r.row(ours, g.job)
		if us == nil {
			continue
		}
		var rounds []float64
		for i, t := range us.Trials {
			rounds = append(rounds, t.CPU/them.Trials[i].CPU)
		}
		all = append(all, measure.AtMost(g.name, g.title, cpuShare, us.CPU.Median/them.CPU.Median, rounds))
	}
	return all
}

func restartGoals(r *report) (all []measure.Goal) {
	if len(r.Restarts) == 0 {
		return nil
	}
	for _, g := range []struct {
		name, title string
		of          func(restart) float64
		limit       float64
	}{
		{"restart-served", "kill -9 until all playlists are served again, ms", servedMS, servedLimit},
		{"restart-new", "kill -9 until they have the new run's first segment of 2 s, ms", newMS, newLimit},
	} {
		each := measure.Pick(r.Restarts, g.of)
		s := measure.SpreadOf(each)
		all = append(all,
			measure.AtMost(g.name+"-ms", g.title+", median", g.limit, s.Median, each),
			measure.AtMost(g.name+"-worst-ms", g.title+", the worst", g.limit, s.High, each))
	}
	return all
}
