package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/hwbench/wire"
)

// costs adds a case's trials, of 100 pictures each, with that CPU time a picture.
func costs(r *report, c benchCase, ms ...float64) {
	for _, v := range ms {
		r.add(c, newTrial(wire.Cost{Pictures: 100, CPU: time.Duration(v * 100 * float64(time.Millisecond)), Wall: time.Second}))
	}
}

func TestGoalsAreRatiosOfRounds(t *testing.T) {
	r := newReport(options{repeats: 3, pictures: 100})
	all := cases(pictures[0])
	costs(r, all[0], 1, 2, 3) // the path
	costs(r, all[1], 4, 4, 4)
	costs(r, all[3], 5, 5, 5) // ffmpeg's HLS, without encoderd's
	r.finish()
	require.Len(t, r.Goals, 1)
	require.Equal(t, "goal cpu-path-of-ffmpeg-640x360 0.5 0.5 ok", r.Goals[0].String())
	require.InDelta(t, 0.25, r.Goals[0].Low, 1e-9)
	require.InDelta(t, 0.75, r.Goals[0].High, 1e-9)
	costs(r, all[2], 5.2, 5.2, 5.2)
	r.finish()
	require.Equal(t, "goal cpu-hls-of-ffmpeg-640x360 1.04 0.5 short", r.Goals[0].String())
}

func TestTablesHaveEveryRow(t *testing.T) {
	r := newReport(options{})
	costs(r, cases(pictures[0])[0], 1)
	r.finish()
	require.Contains(t, r.markdown(), "| its path alone | 1.00 |")
	require.Contains(t, r.markdown(), "| goal | measured | at most | |\n|---|---|---|---|\n")
}
