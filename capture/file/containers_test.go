package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// probe is ffprobe's reading of a file: the packets of one kind.
func probe(t *testing.T, path, kind string) (pts []float64, key []bool) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", kind, "-show_entries",
		"packet=pts_time,flags", "-of", "json", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Packets []struct {
			PTS   string `json:"pts_time"`
			Flags string
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	for _, p := range doc.Packets {
		v, err := strconv.ParseFloat(p.PTS, 64)
		if err != nil {
			t.Fatal(err)
		}
		pts, key = append(pts, v), append(key, strings.Contains(p.Flags, "K"))
	}
	return pts, key
}

// TestTimesAreThoseFFmpegReads holds every timestamp against another reader's:
// edit lists, composition offsets and priming show as an offset between sound
// and picture.
func TestTimesAreThoseFFmpegReads(t *testing.T) {
	for _, c := range containers {
		t.Run(c.name, func(t *testing.T) {
			path := clip(t, c.name, c.args...)
			var video, audio []unit
			for _, u := range units(t, mustOpen(t, Config{Path: path}, media.NewClock())) {
				if u.track.Kind() == media.Video {
					video = append(video, u)
				} else {
					audio = append(audio, u)
				}
			}
			wantV, key := probe(t, path, "v")
			wantA, _ := probe(t, path, "a")
			if len(video) != len(wantV) || len(audio) != len(wantA) {
				t.Fatalf("%d pictures and %d frames of sound, ffprobe has %d and %d", len(video), len(audio), len(wantV), len(wantA))
			}
			prog := mustOpen(t, Config{Path: path}, media.NewClock()).Packets.(*player).r.programme()
			for i, u := range video {
				if got := float64(u.pts) / float64(prog.videoScale); math.Abs(got-(wantV[i]-wantV[0])) > 1e-4 || u.key != key[i] {
					t.Fatalf("picture %d at %v key %v, ffprobe has %v %v", i, got, u.key, wantV[i]-wantV[0], key[i])
				}
			}
			for i, u := range audio {
				if got := float64(u.pts) / float64(prog.audioScale); math.Abs(got-(wantA[i]-wantV[0])) > 1e-4 {
					t.Fatalf("sound %d at %v, ffprobe has %v", i, got, wantA[i]-wantV[0])
				}
			}
		})
	}
}

// spaced rewrites a transport stream with bytes around every packet.
func spaced(t *testing.T, path string, before, after int) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for ; len(data) >= tsPacket; data = data[tsPacket:] {
		out = append(out, make([]byte, before)...)
		out = append(out, data[:tsPacket]...)
		out = append(out, bytes.Repeat([]byte{0x55}, after)...)
	}
	return write(t, "spaced.ts", out)
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sameUnits(t *testing.T, got, want []unit) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d units, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].pts != want[i].pts || got[i].dts != want[i].dts || !bytes.Equal(got[i].data, want[i].data) {
			t.Fatalf("unit %d: %d/%d with %d bytes, want %d/%d with %d", i, got[i].pts, got[i].dts, len(got[i].data),
				want[i].pts, want[i].dts, len(want[i].data))
		}
	}
}

func TestTransportStreamLayouts(t *testing.T) {
	plain := clip(t, "x.ts")
	want := units(t, mustOpen(t, Config{Path: plain}, media.NewClock()))
	data, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"192 bytes with a time code":   spaced(t, plain, 4, 0),
		"204 bytes with a checksum":    spaced(t, plain, 0, 16),
		"rubbish before it":            write(t, "r.ts", append([]byte("rubbish"), data...)),
		"rubbish between two programs": write(t, "m.ts", append(append(bytes.Clone(data[:188*3]), "more rubbish"...), data[188*3:]...)),
	} {
		t.Run(name, func(t *testing.T) {
			sameUnits(t, units(t, mustOpen(t, Config{Path: path}, media.NewClock())), want)
		})
	}
}

// TestTransportStreamTimesWrap puts the wrap of the 33-bit clock (after 26.5
// hours) into the clip.
func TestTransportStreamTimesWrap(t *testing.T) {
	want := units(t, mustOpen(t, Config{Path: clip(t, "x.ts")}, media.NewClock()))
	wrapped := units(t, mustOpen(t, Config{Path: clip(t, "w.ts", "-output_ts_offset", "95441")}, media.NewClock()))
	if len(wrapped) != len(want) {
		t.Fatalf("%d units, want %d", len(wrapped), len(want))
	}
	for i := range want {
		if d := wrapped[i].dts - want[i].dts; d < -1 || d > 1 || wrapped[i].gap {
			t.Fatalf("unit %d: DTS %d, want %d; gap %v", i, wrapped[i].dts, want[i].dts, wrapped[i].gap)
		}
	}
}

// TestJoinedTransportStreamPlaysThrough plays a file made of two with cat: its
// times jump back at the join.
func TestJoinedTransportStreamPlaysThrough(t *testing.T) {
	data, err := os.ReadFile(clip(t, "x.ts"))
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, "joined.ts", append(bytes.Clone(data), data...))
	synctest.Test(t, func(t *testing.T) {
		clock := media.NewClock()
		all, err := play(t, mustOpen(t, Config{Path: path}, clock), clock, time.Minute)
		if !errors.Is(err, ErrEnd) {
			t.Fatal(err)
		}
		video, audio := check(t, all)
		if len(video) != 100 {
			t.Errorf("%d pictures, want 100", len(video))
		}
		for i := 1; i < len(video); i++ {
			if step := video[i].DTS - video[i-1].DTS; step < 39*time.Millisecond || step > 41*time.Millisecond {
				t.Errorf("picture %d comes %v after the one before", i, step)
			}
		}
		if !video[50].Gap || !video[50].Key {
			t.Errorf("the join is marked gap %v, key %v", video[50].Gap, video[50].Key)
		}
		if d := audio[len(audio)-1].PTS - video[len(video)-1].PTS; d < -100*time.Millisecond || d > 100*time.Millisecond {
			t.Errorf("sound ends %v after the picture", d)
		}
	})
}

func TestParts(t *testing.T) {
	soundless := ffmpeg(t, "v.mp4", append(append([]string{}, av[:4]...), "-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv420p")...)
	in := mustOpen(t, Config{Path: soundless}, media.NewClock())
	if len(in.Kinds) != 1 || in.Kinds[0] != media.Video || in.Description != "v.mp4: h264 160x120 25 fps" {
		t.Errorf("%v %q", in.Kinds, in.Description)
	}
	for _, name := range []string{"a.m4a", "a.ts"} {
		path := ffmpeg(t, name, append(append([]string{}, av[4:]...), "-c:a", "aac")...)
		synctest.Test(t, func(t *testing.T) {
			clock := media.NewClock()
			in := mustOpen(t, Config{Path: path, Loop: true}, clock)
			if len(in.Kinds) != 1 || in.Kinds[0] != media.Audio {
				t.Errorf("%v %q", in.Kinds, in.Description)
			}
			all, _ := play(t, in, clock, 10*time.Second)
			_, audio := check(t, all)
			for i, p := range audio {
				if want := media.SamplesToDuration(int64(i)*1024, 48000); p.PTS != want {
					t.Fatalf("%s: sound %d at %v, want %v", name, i, p.PTS, want)
				}
			}
			if n := len(audio); n < 468 || n > 470 {
				t.Errorf("%s: %d frames in 10 s", name, n)
			}
		})
	}
	mixed := clip(t, "x.mp4", "-map", "0:v", "-map", "0:v", "-map", "1:a", "-c:v:1", "mpeg4")
	if d := mustOpen(t, Config{Path: mixed}, media.NewClock()).Description; !strings.Contains(d, "(without mp4v: not supported)") {
		t.Errorf("description %q", d)
	}
}

// TestFormatChangeIsAnotherTrack joins two sizes: the track changes with the
// picture that brings the new size, and is the same one in every loop.
func TestFormatChangeIsAnotherTrack(t *testing.T) {
	a, _ := os.ReadFile(clip(t, "a.ts"))
	b, _ := os.ReadFile(clip(t, "b.ts", "-s", "320x240"))
	path := write(t, "ab.ts", append(a, b...))
	synctest.Test(t, func(t *testing.T) {
		clock := media.NewClock()
		all, _ := play(t, mustOpen(t, Config{Path: path, Loop: true}, clock), clock, 11*time.Second)
		video, _ := check(t, all)
		tracks := make(map[*media.Track]bool)
		for i, p := range video {
			want := 160
			if i%100 >= 50 {
				want = 320
			}
			if p.Track.Video.Width != want {
				t.Fatalf("picture %d: %v, want width %d", i, p.Track, want)
			}
			tracks[p.Track] = true
		}
		if len(tracks) != 2 {
			t.Errorf("%d tracks, want 2", len(tracks))
		}
	})
}

// Camcorders and some editors keep several picture parameter sets, of which
// each picture names the one it needs.
func TestEveryPictureParameterSetOfTheFileIsKept(t *testing.T) {
	whole := clip(t, "a.mp4")
	file, err := mp4.ReadMP4File(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, trak := range file.Moov.Traks {
		if x := trak.Mdia.Minf.Stbl.Stsd.AvcX; x != nil {
			needed := x.AvcC.PPSnalus[0]
			decoy := bytes.Clone(needed)
			decoy[1] = decoy[1]&0x7f>>2 | 0x40 // id 0, "1", becomes id 1, "010"
			x.AvcC.PPSnalus = [][]byte{decoy, needed}
		}
	}
	var data bytes.Buffer
	if err := file.Encode(&data); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"plain": whole, "two sets": write(t, "two.mp4", data.Bytes())} {
		var stream []byte
		for _, u := range units(t, mustOpen(t, Config{Path: path}, media.NewClock())) {
			if u.track.Kind() == media.Video && u.key {
				for nal := range h264.InBand(u.track.Video, u.data) {
					stream = append(append(stream, 0, 0, 0, 1), nal...)
				}
			}
		}
		cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-f", "h264", "-i", "-", "-f", "null", "-")
		cmd.Stdin = bytes.NewReader(stream)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestTurnedPicturesAreTold(t *testing.T) {
	const one, w = 1 << 16, 1 << 30
	upright := clip(t, "a.mp4")
	for degrees, matrix := range map[int][9]int32{
		0:   {one, 0, 0, 0, one, 0, 0, 0, w},
		90:  {0, one, 0, -one, 0, 0, 120 * one, 0, w}, // a phone held upright
		180: {-one, 0, 0, 0, -one, 0, 160 * one, 120 * one, w},
		270: {0, -one, 0, one, 0, 0, 0, 160 * one, w},
	} {
		file, err := mp4.ReadMP4File(upright)
		if err != nil {
			t.Fatal(err)
		}
		file.Moov.Traks[0].Tkhd.Matrix = matrix
		var data bytes.Buffer
		if err := file.Encode(&data); err != nil {
			t.Fatal(err)
		}
		got := mustOpen(t, Config{Path: write(t, "turned.mp4", data.Bytes())}, media.NewClock()).Description
		if told := strings.Contains(got, fmt.Sprintf("turn the picture by %d°", degrees)); told != (degrees != 0) {
			t.Errorf("%d°: %s", degrees, got)
		}
	}
}
