package ts

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// cut divides packets into segments at the given decode times of the picture
// (of the sound where there is none), each cut at the picture's presentation.
func cut(ps []media.Packet, tracks []*media.Track, at ...time.Duration) (out []Segment) {
	at = append(at, 1<<62)
	var begin time.Duration
	for _, end := range at {
		s := Segment{Tracks: tracks, End: end}
		for _, p := range ps {
			if p.DTS < begin || p.DTS >= end {
				continue
			}
			if p.Track.Kind() == media.Video {
				s.Video = append(s.Video, p)
			} else {
				s.Audio = append(s.Audio, p)
			}
		}
		if end == 1<<62 {
			s.End = 0
		}
		begin = end
		out = append(out, s)
	}
	return out
}

func segmentOf(tb testing.TB, s Segment) []byte {
	tb.Helper()
	b, err := AppendSegment([]byte("before"), s)
	if err != nil || !bytes.HasPrefix(b, []byte("before")) {
		tb.Fatal(err)
	}
	return b[len("before"):]
}

// joined is the segments one after the other, each checked by itself first.
func joined(t *testing.T, segments []Segment) (all []byte) {
	t.Helper()
	for i, s := range segments {
		b := segmentOf(t, s)
		if _, bad := check(b); len(bad) > 0 {
			t.Fatalf("segment %d: %q", i, bad)
		}
		for pid, n := range countPayloads(b) {
			if n%16 != 0 {
				t.Fatalf("segment %d: %d packets on PID %d", i, n, pid)
			}
		}
		all = append(all, b...)
	}
	return all
}

// countPayloads counts packets with payload by PID.
func countPayloads(stream []byte) map[uint16]int {
	counts := map[uint16]int{}
	for ; len(stream) > 0; stream = stream[PacketSize:] {
		if payload(stream[:PacketSize]) != nil {
			counts[pidOf(stream)]++
		}
	}
	return counts
}

func TestSegmentsOneAfterTheOtherAreOneStream(t *testing.T) {
	for _, c := range []struct {
		name         string
		video, audio bool
		fps          int
	}{
		{"25 frames and sound", true, true, 25},
		{"60 frames and sound", true, true, 60},
		{"3 frames and sound", true, true, 3},
		{"10 frames without sound", true, false, 10},
		{"sound alone", false, true, 25},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := synthetic(c.video, c.audio, c.fps, 10*time.Second)
			segments := cut(in, tracks(c.video, c.audio), 2*time.Second, 4*time.Second, 5*time.Second, 8*time.Second)
			all := joined(t, segments)
			s := mustPass(t, all)
			if s.breaks != 0 {
				t.Errorf("%d discontinuities", s.breaks)
			}
			compare(t, s.units, in, DefaultDelay)
			whole := muxAll(t, Config{Tracks: tracks(c.video, c.audio)}, in)
			t.Logf("%d bytes, in one piece %d", len(all), len(whole))
		})
	}
}

// Sound that goes on after the last picture's decode time, as with B pictures,
// does not drive the clock beyond the next segment's start.
func TestSoundBeyondTheSegmentDoesNotDriveTheClock(t *testing.T) {
	in := synthetic(true, true, 25, 4*time.Second)
	segments := cut(in, tracks(true, true), 2*time.Second)
	late := slices.IndexFunc(segments[1].Audio, func(p media.Packet) bool { return p.DTS >= 2120*time.Millisecond })
	segments[0].Audio = append(segments[0].Audio, segments[1].Audio[:late]...)
	segments[1].Audio = segments[1].Audio[late:]
	s := mustPass(t, joined(t, segments))
	compare(t, s.units, in, DefaultDelay)
}

func TestSegmentsOfAnySizesAndJoins(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		video, audio := rapid.Bool().Draw(r, "video"), rapid.Bool().Draw(r, "audio")
		if !video {
			audio = true
		}
		base := rapid.SampledFrom([]time.Duration{0, 10 * time.Second, 95443 * time.Second, 56 * 365 * 24 * time.Hour}).Draw(r, "base")
		var all []byte
		var in []media.Packet
		at := base
		for range rapid.IntRange(1, 4).Draw(r, "segments") {
			s := Segment{Tracks: tracks(video, audio)}
			if video {
				for i := range rapid.IntRange(1, 12).Draw(r, "pictures") {
					size := rapid.SampledFrom([]int{1, 10, 150, 170, 180, 340, 350, 3000}).Draw(r, "size")
					header := byte(0x41)
					if i == 0 {
						header = 0x65
					}
					nal := append([]byte{header}, bytes.Repeat([]byte{0x80}, size)...)
					p := media.Packet{Track: videoTrack, DTS: at + time.Duration(i)*40*time.Millisecond, Key: i == 0, Data: h264.AppendUnit(nil, nal)}
					p.PTS = p.DTS + time.Duration(rapid.IntRange(0, 2).Draw(r, "reorder"))*40*time.Millisecond
					s.Video = append(s.Video, p)
					s.End = p.DTS + 40*time.Millisecond
				}
			}
			if audio {
				n := rapid.IntRange(0, 20).Draw(r, "sounds")
				if !video {
					n++
				}
				for i := range n {
					pts := at + media.SamplesToDuration(int64(i)*1024, 48000)
					s.Audio = append(s.Audio, media.Packet{Track: audioTrack, PTS: pts, DTS: pts, Key: true, Data: bytes.Repeat([]byte{0x21}, rapid.SampledFrom([]int{1, 6, 150, 163, 170, 800}).Draw(r, "size"))})
				}
				if !video {
					s.End = at + media.SamplesToDuration(int64(n)*1024, 48000)
				}
			}
			b, err := AppendSegment(nil, s)
			if err != nil {
				r.Fatal(err)
			}
			all = append(all, b...)
			in = append(append(in, s.Video...), s.Audio...)
			at = s.End
		}
		s, bad := check(all)
		if len(bad) > 0 || s.breaks > 0 {
			r.Fatalf("%d breaks, %q", s.breaks, bad)
		}
		units := map[bool]int{}
		for _, u := range s.units {
			units[u.pid == videoPID]++
		}
		for _, p := range in {
			units[p.Track == videoTrack]--
		}
		if units[true] != 0 || units[false] != 0 {
			r.Fatalf("access units more than written: %v", units)
		}
	})
}

func TestSegmentThatDoesNotContinueSaysSo(t *testing.T) {
	segments := cut(synthetic(true, true, 25, 4*time.Second), tracks(true, true), 2*time.Second)
	for i := range segments[1].Video {
		segments[1].Video[i].PTS += time.Hour
		segments[1].Video[i].DTS += time.Hour
	}
	segments[1].Audio, segments[1].End, segments[1].Discontinuity = nil, 0, true
	if s := mustPass(t, joined(t, segments)); s.breaks != 1 {
		t.Errorf("%d discontinuity indicators, want one", s.breaks)
	}
}

func TestSegmentWithOneTrackOfTwo(t *testing.T) {
	segments := cut(synthetic(true, true, 25, 6*time.Second), tracks(true, true), 2*time.Second, 4*time.Second)
	segments[1].Video = nil
	segments[1].Audio[0].PTS, segments[1].Audio[0].DTS = 2*time.Second, 2*time.Second // where the clock is taken up
	s := mustPass(t, joined(t, segments))
	if s.pmts[2] == 0 || s.pmts[1] != 0 {
		t.Errorf("PMTs by number of streams: %v", s.pmts)
	}
	segments[1].Audio, segments[1].Video = nil, nil
	if b, err := AppendSegment(nil, segments[1]); err == nil || len(b) > 0 {
		t.Errorf("a segment of nothing: %d bytes", len(b))
	}
}

func TestUnitsThatCannotBeCarriedAreLeftOut(t *testing.T) {
	s := cut(synthetic(true, true, 25, 2*time.Second), tracks(true, true))[0]
	s.Video[5].Data = []byte{0, 0, 0, 9, 1}
	s.Audio[5].Data = make([]byte, 9000)
	got, bad := check(segmentOf(t, s))
	if len(bad) > 0 || got.breaks != 2 || len(got.units) != len(s.Video)+len(s.Audio)-2 {
		t.Errorf("%d units, %d breaks, %q", len(got.units), got.breaks, bad)
	}
	none := Segment{Tracks: tracks(true, false), Video: s.Video[5:6]}
	if _, err := AppendSegment(nil, none); err == nil || !strings.Contains(err.Error(), "access unit at") {
		t.Errorf("nothing left: %v", err)
	}
}

// ffmpeg and tshark read segments one after the other in silence, from any of
// them on, and find what was cut.
func TestOthersReadSegments(t *testing.T) {
	dir := t.TempDir()
	ref, ours := filepath.Join(dir, "ref.ts"), filepath.Join(dir, "ours.ts")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=10", "-f", "lavfi", "-i", "sine=r=48000:d=10",
		"-c:v", "libx264", "-bf", "2", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", ref)
	in := readTS(t, ref)
	var at []time.Duration
	for _, p := range in {
		if p.Track.Kind() == media.Video && p.Key {
			at = append(at, p.DTS)
		}
	}
	segments := cut(in, tracksOf(in), at[1:]...)
	if len(segments) != 5 {
		t.Fatalf("%d segments", len(segments))
	}
	joined(t, segments)
	for from := range segments {
		var all []byte
		for _, s := range segments[from:] {
			all = append(all, segmentOf(t, s)...)
		}
		if err := os.WriteFile(ours, all, 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "ffmpeg", "-v", "warning", "-xerror", "-err_detect", "explode", "-i", ours, "-f", "null", "-")
		tshark, err := exec.LookPath("tshark")
		if err != nil {
			t.Log("no tshark here")
			continue
		}
		out, err := exec.Command(tshark, "-r", ours, "-Y", "mp2t.cc.drop || _ws.expert.severity >= 0x00600000", "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message").Output()
		if err != nil || len(bytes.TrimSpace(out)) > 0 {
			t.Errorf("from segment %d: tshark: %v\n%s", from, err, out)
		}
	}
}

func BenchmarkSegment(b *testing.B) {
	in := synthetic(true, true, 25, 2*time.Second)
	s := cut(in, tracks(true, true))[0]
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = AppendSegment(buf[:0], s); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

func FuzzSplit(f *testing.F) {
	f.Add(uint16(200), uint8(15), false)
	f.Fuzz(func(t *testing.T, size uint16, extra uint8, sound bool) {
		p := media.Packet{Track: videoTrack, Key: true, Data: h264.AppendUnit(nil, append([]byte{0x65}, bytes.Repeat([]byte{0x80}, 1+int(size))...))}
		if sound {
			p = media.Packet{Track: audioTrack, Key: true, Data: bytes.Repeat([]byte{0x21}, 1+int(size)%8000)}
		}
		m, err := New(Config{Tracks: []*media.Track{p.Track}})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := m.Append(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		n, pid := 1+int(extra)%15, m.clock().pid
		got := split(bytes.Clone(plain), 0, pid, n)
		if want := countPayloads(plain)[pid] + n; countPayloads(got)[pid] != want {
			t.Fatalf("%d packets, want %d", countPayloads(got)[pid], want)
		}
		a, badA := check(plain)
		b, badB := check(got)
		if fmt.Sprint(badA) != fmt.Sprint(badB) || len(a.units) != 1 || len(b.units) != 1 || !bytes.Equal(a.units[0].data, b.units[0].data) {
			t.Fatalf("%q, %q; %d and %d units", badA, badB, len(a.units), len(b.units))
		}
	})
}
