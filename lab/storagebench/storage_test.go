package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/playlist"
)

func lines(goals []measure.Goal) (all []string) {
	for _, g := range goals {
		all = append(all, g.String())
	}
	return all
}

func TestGoals(t *testing.T) {
	r := newReport(options{repeats: 3, window: 12 * time.Second}, 1e6)
	for i, cpu := range []float64{0.02, 0.01, 0.06} {
		r.add(benchCase{ours, everything}, trial{CPU: cpu, Seconds: 12, Pages: 1.01})
		r.add(benchCase{theirs, hlsAndMP4}, trial{CPU: 0.05, Seconds: 12, Pages: 1})
		r.add(benchCase{ours, unwatched}, trial{CPU: 0.03, Seconds: 12, Pages: 1.02 + 0.04*float64(i), Blocks: 1.04, Written: 1.001})
		r.add(benchCase{ours, liveOnly}, trial{CPU: 0.01, Seconds: 12, Flash: int64(i) * 4096, Device: 8192, Disk: int64(i)})
	}
	r.Restarts = []restart{{100, 2100}, {700, 2300}, {90, 2200}}
	r.finish()
	require.Equal(t, []string{
		"goal cpu-storage-of-ffmpeg 0.4 0.5 ok",
		"goal cpu-storage-unwatched-of-ffmpeg 0.6 0.5 short",
		"goal flash-recording-of-stream 1 1.02 ok",
		"goal flash-recording-pages-of-stream 1.06 1.05 short",
		"goal flash-recording-device-of-stream 1.04 1.05 ok",
		"goal flash-idle-stored-bytes 2 0 short",
		"goal flash-idle-mb-hour 1.23 1 short",
		"goal flash-idle-device-mb-hour 2.46 1 short",
		"goal restart-served-ms 100 500 ok",
		"goal restart-served-worst-ms 700 500 short",
		"goal restart-new-ms 2200 2500 ok",
		"goal restart-new-worst-ms 2300 2500 ok",
	}, lines(r.Goals))
	text := r.markdown()
	require.Contains(t, text, "| HLS and MP4 | ffmpeg | 0.0500 | 0.0500 – 0.0500 | 0.00 | 0.0 | 3600 | 1.000 | 0 | – |")
	shared := *r
	shared.Shared = true
	shared.finish()
	require.NotContains(t, strings.Join(lines(shared.Goals), " "), "device")
	require.Contains(t, shared.markdown(), "| 3600 | 1.000 | – | – |")
	require.Contains(t, text, "| they have the new run's first segment | 2200 ms | 2100 – 2300 ms |")
}

func TestGoalsOfAPartialRun(t *testing.T) {
	r := newReport(options{repeats: 1}, 1e6)
	r.add(benchCase{theirs, hlsAndMP4}, trial{CPU: 1, Seconds: 12})
	r.finish()
	require.Empty(t, r.Goals)
	require.NotContains(t, r.markdown(), "kill -9")
}

func TestASinkThatMissesItsBytesVoidsTheTrial(t *testing.T) {
	s := &sinks{job: everything}
	a := sample{at: time.Unix(100, 0), viewed: []int64{0, 0}}
	full := func() sample {
		return sample{at: time.Unix(110, 0), hls: 10e6, recorded: 10e6, viewed: []int64{10e6, 8e6}, storage: status.Storage{Path: "/x", Written: 9e6}}
	}
	require.NoError(t, s.check(a, full(), 1e6))
	for name, spoil := range map[string]func(*sample){
		"the HLS folder":  func(x *sample) { x.hls = 6e6 },
		"the recording":   func(x *sample) { x.recorded = 20e6 },
		"the HLS viewer":  func(x *sample) { x.viewed[0] = 5e6 },
		"the DASH viewer": func(x *sample) { x.viewed[1] = 0 },
		"lost something":  func(x *sample) { x.storage.Lost = 1 },
	} {
		bad := full()
		spoil(&bad)
		err := s.check(a, bad, 1e6)
		require.ErrorIs(t, err, errVoid)
		require.ErrorContains(t, err, name)
	}
	lie := full()
	lie.storage.Written = 5e6
	require.ErrorContains(t, s.check(a, lie, 1e6), "the status says that 5000000 bytes were written")
	require.NoError(t, (&sinks{job: liveOnly}).check(a, sample{at: time.Unix(110, 0), hls: 10e6}, 1e6))
}

func TestStreamBytes(t *testing.T) {
	var file []byte
	for _, b := range []struct {
		kind string
		n    int
	}{{"ftyp", 24}, {"moov", 600}, {"uuid", 80}, {"moof", 100}, {"mdat", 1000}, {"uuid", 80}, {"prft", 32}, {"moof", 100}, {"mdat", 500}, {"mfra", 40}} {
		box := make([]byte, b.n)
		binary.BigEndian.PutUint32(box, uint32(b.n))
		copy(box[4:], b.kind)
		file = append(file, box...)
	}
	name := filepath.Join(t.TempDir(), "x.mp4")
	require.NoError(t, os.WriteFile(name, file, 0o600))
	n, err := streamBytes(name, int64(len(file)))
	require.NoError(t, err)
	require.Equal(t, int64(1732), n)
	n, err = streamBytes(name, 24+600+80+1100)
	require.NoError(t, err)
	require.Equal(t, int64(1100), n)
	_, err = streamBytes(name, 24+600+80+1100+7)
	require.ErrorContains(t, err, "does not fit")
}

// listing is a media playlist of a run's segments each.
func listing(sequence uint64, discontinuity bool, runs ...string) *playlist.Media {
	p := &playlist.Media{Sequence: sequence}
	for i, run := range runs {
		s := playlist.Segment{Sequence: sequence + uint64(i), URI: "video_" + run + "_" + string(rune('0'+sequence+uint64(i))) + ".m4s"}
		s.Discontinuity = discontinuity && i > 0 && run != runs[i-1]
		p.Segments = append(p.Segments, s)
	}
	return p
}

func TestWhatARestartMustKeep(t *testing.T) {
	before := view{listing(1, false, "a", "a", "a")}
	require.NoError(t, view{listing(2, true, "a", "a", "b")}.goesOn(before))
	require.True(t, view{listing(2, true, "a", "a", "b")}.restarted(before))
	require.False(t, view{listing(1, true, "a", "a", "a")}.restarted(before))
	for want, after := range map[string]view{
		"without EXT-X-DISCONTINUITY":  {listing(2, false, "a", "a", "b")},
		"fell from 1 to 0":             {listing(0, true, "a", "a", "a", "a")},
		"is no longer listed":          {listing(4, true, "b", "b")},
		"1 tracks before the restart,": {},
	} {
		err := after.goesOn(before)
		require.ErrorContains(t, err, want)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, bad := range []string{"-repeats=0", "-restarts=-1", "-window=50s", "-settle=-1s", "-only=(", "stray"} {
		_, err := parse([]string{bad})
		require.Error(t, err, bad)
	}
}

func TestEveryCaseHasANameOfItsOwn(t *testing.T) {
	has := map[string]bool{}
	for _, c := range cases {
		require.False(t, has[c.name()], c.name())
		has[c.name()] = true
	}
	require.False(t, isRecording("x.mp4.sha256"))
	require.True(t, isRecording("x.mp4.tmp") && isSegment("video_a_1.m4s.tmp"))
}
