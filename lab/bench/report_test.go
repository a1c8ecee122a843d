package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
)

// measured is a report of the given CPU costs, a repeat each.
func measured(us, them, libsrt []float64) *report {
	r := newReport(suites[0], len(us), 12*time.Second, 1e6)
	for i := range us {
		r.add(benchCase{ours, allThree}, trial{CPU: us[i], Peak: 20 + float64(i), P99: map[string]float64{"rtmp": float64(1 + i), "srt": 7}})
		r.add(benchCase{theirs, allThree}, trial{CPU: them[i], Peak: 60})
		r.add(benchCase{bare, srtOnly}, trial{CPU: libsrt[i], LibSRT: 0.005})
	}
	r.finish()
	return r
}

func TestGoalsComeOfMediansAndTheWorstPeak(t *testing.T) {
	r := measured([]float64{0.019, 0.09, 0.016}, []float64{0.03, 0.02, 0.05}, []float64{0.01, 0.01, 0.01})
	var got []string
	for _, g := range r.Goals {
		got = append(got, g.String())
	}
	want := "goal cpu-all-three-of-ffmpeg 0.45 0.5 ok\ngoal memory-all-three-mb 22 31 ok\n" +
		"goal p99-rtmp-ms 2 5 ok\ngoal p99-srt-ms 7 5 short"
	if strings.Join(got, "\n") != want {
		t.Errorf("goals\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	if m := r.Goals[0].Measured(); m != "0.45 (repeats: 0.15 – 8)" {
		t.Errorf("measured %q", m)
	}
	if m := r.Goals[3].Margin(); m != "**missed** by 40 %" {
		t.Errorf("margin %q", m)
	}
}

func TestNoiseThatHidesTheCostIsNoSuccess(t *testing.T) {
	r := measured([]float64{0.02}, []float64{0.01}, []float64{0.01})
	if g := r.Goals[0]; g.OK || g.String() != "goal cpu-all-three-of-ffmpeg unknown 0.5 short" {
		t.Errorf("%s", g)
	}
	file := filepath.Join(t.TempDir(), "bench.json")
	if err := measure.Save(file, r); err != nil {
		t.Fatal(err)
	}
	again := &report{suite: r.suite}
	if err := measure.Load(file, again); err != nil {
		t.Fatal(err)
	}
	if again.Goals[0] != r.Goals[0] || again.markdown() != r.markdown() {
		t.Errorf("loaded %+v\nsaved %+v", again, r)
	}
}

func TestGoalsOfAPartialRun(t *testing.T) {
	r := newReport(suites[0], 1, 12*time.Second, 1e6)
	r.add(benchCase{theirs, allThree}, trial{CPU: 1})
	r.finish()
	if len(r.Goals) != 0 {
		t.Errorf("goals without our own cases: %v", r.Goals)
	}
}

func TestTablesHaveEveryRow(t *testing.T) {
	text := measured([]float64{0.02}, []float64{0.03}, []float64{0.01}).markdown()
	for _, cell := range []string{"| all three | encoderd | 0.0200 |", "| SRT | bare libsrt | 0.0100 | 0.0100 – 0.0100 | 0.0050 |"} {
		if !strings.Contains(text, cell) {
			t.Errorf("no row %q in\n%s", cell, text)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, bad := range []string{"-repeats=-1", "-window=50s", "-settle=-1s", "-only=(", "stray"} {
		if _, err := parse([]string{bad}); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
