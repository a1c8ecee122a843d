package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// fanned is a report of one repeat.
func fanned(add map[benchCase]trial) *report {
	r := newReport(suites[1], 1, 6*time.Second, 1e6)
	for _, c := range suites[1].cases {
		if t, ok := add[c]; ok {
			r.add(c, t)
		}
	}
	r.finish()
	return r
}

func TestGoalsOfManyDestinations(t *testing.T) {
	r := fanned(map[benchCase]trial{
		{ours, rtmpTo(1)}:    {CPU: 0.01, Peak: 30},
		{ours, rtmpTo(16)}:   {CPU: 0.03, Peak: 45, P99: map[string]float64{"d01": 1, "d16": 6}},
		{theirs, rtmpTo(16)}: {CPU: 0.05, Peak: 60},
		{bare, srtTo(16)}:    {CPU: 0.1, Peak: 30},
		{ours, srtTo(1)}:     {CPU: 0.02, Peak: 30},
		{ours, srtTo(16)}:    {CPU: 0.11, Peak: 75, P99: map[string]float64{"d01": 2, "d16": 1}},
	})
	var got []string
	for _, g := range r.Goals {
		got = append(got, g.String())
	}
	want := []string{
		"goal cpu-rtmp-16-of-ffmpeg 0.6 0.5 short", "goal cpu-srt-16-of-libsrt 1.1 1.15 ok",
		"goal memory-rtmp-destination-mb 1 2 ok", "goal memory-srt-destination-mb 3 2 short",
		"goal p99-rtmp-16-ms 6 5 short", "goal p99-srt-16-ms 2 5 ok",
	}
	if !slices.Equal(got, want) {
		t.Errorf("goals\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, row := range []string{
		"| 16 × RTMP | encoderd | 0.0300 | 0.0300 – 0.0300 | – | – | 0.00 | 45.0 | 1.00 | 6.00 ms |",
		"| 16 × RTMP | ffmpeg | 0.0500 | 0.0500 – 0.0500 | 0.60 |", "| 1 × SRT | encoderd |",
	} {
		if text := r.markdown(); !strings.Contains(text, row) {
			t.Errorf("no row %q in\n%s", row, text)
		}
	}
}

func TestGoalsOfManyDestinationsNeedTheirCases(t *testing.T) {
	if r := fanned(map[benchCase]trial{{ours, rtmpTo(4)}: {CPU: 1}, {bare, srtTo(16)}: {CPU: 1}}); len(r.Goals) != 0 {
		t.Errorf("goals without what they compare: %v", r.Goals)
	}
}

func TestEverySinkMustGetTheStream(t *testing.T) {
	at := time.Unix(100, 0)
	begin := received{at: at, each: []int64{7, 7, 7}}
	for name, c := range map[string]struct {
		job  job
		each []int64
		ok   bool
	}{
		"all":                   {rtmpTo(3), []int64{10_000_000, 10_050_000, 9_950_000}, true},
		"a transport stream":    {srtTo(3), []int64{10_400_000, 10_400_000, 10_400_000}, true},
		"one that gets nothing": {rtmpTo(3), []int64{10_000_000, 7, 10_000_000}, false},
		"one that gets 3% less": {rtmpTo(3), []int64{10_000_000, 9_700_000, 10_000_000}, false},
		"all get 3% less":       {rtmpTo(3), []int64{9_700_000, 9_700_000, 9_700_000}, false},
		"one sent twice":        {srtTo(3), []int64{10_400_000, 20_800_000, 10_400_000}, false},
	} {
		err := (&fan{job: c.job}).check(begin, received{at: at.Add(10 * time.Second), each: c.each}, 1e6)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, errVoid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFFmpegSendsToEveryDestination(t *testing.T) {
	b := &bench{mkv: "clip.mkv", mp4: "clip.mp4"}
	f := &fan{job: srtTo(2), ports: []string{"5001", "5002"}}
	args := strings.Join(b.teeArgs(f), " ")
	if !strings.Contains(args, "clip.mkv") || strings.Count(args, "[f=mpegts]srt://127.0.0.1:500") != 2 {
		t.Errorf("ffmpeg %s", args)
	}
	toml := b.fanConfiguration(f)
	if strings.Count(toml, "[streams.main.destinations.") != 2 || strings.Count(toml, "enabled = false") != 2 {
		t.Errorf("configuration\n%s", toml)
	}
}

func TestDestinationsAreChosenByTheirName(t *testing.T) {
	o, err := parse([]string{"-only", "destinations"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(o.chosen(suites[0].cases)); n != 0 {
		t.Errorf("%d other cases are chosen", n)
	}
	if n := len(o.chosen(suites[1].cases)); n != 15 {
		t.Errorf("%d cases of destinations, want 2 programs for RTMP and 3 for SRT, with 1, 4 and 16 each", n)
	}
	if !tooShort(suites[1].cases, 4*time.Second) || tooShort(suites[0].cases, 4*time.Second) {
		t.Error("a window of 4 s does not judge 2 %, and is long enough for the rest")
	}
}
