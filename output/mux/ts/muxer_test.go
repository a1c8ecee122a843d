package ts

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
)

var update = flag.Bool("update", false, "write the golden files anew")

var videoTrack = &media.Track{Codec: media.H264, Video: &media.VideoParams{
	Width: 320, Height: 240,
	SPS: []byte{0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40},
	PPS: []byte{0x68, 0xce, 0x3c, 0x80},
}}

var audioTrack = aac.Track(48000, 2)

func tracks(video, audio bool) (ts []*media.Track) {
	if video {
		ts = append(ts, videoTrack)
	}
	if audio {
		ts = append(ts, audioTrack)
	}
	return ts
}

// synthetic is a programme with pictures of varied size, a key picture a
// second, and sound that trails the picture by 50 ms.
func synthetic(video, audio bool, fps int, length time.Duration) []media.Packet {
	rnd := rand.New(rand.NewPCG(1, 2))
	var ps []media.Packet
	for n := 0; video; n++ {
		at := media.Rational{Num: fps, Den: 1}.FrameTime(int64(n))
		if at >= length {
			break
		}
		p := media.Packet{Track: videoTrack, PTS: at, DTS: at, Key: n%fps == 0, At: at}
		size, header := 100+rnd.IntN(20_000), byte(0x41)
		if p.Key {
			size, header = 60_000+rnd.IntN(30_000), 0x65
		}
		p.Data = h264.AppendUnit(nil, append([]byte{header}, bytes.Repeat([]byte{0xa5}, size)...))
		ps = append(ps, p)
	}
	for n := 0; audio; n++ {
		at := media.SamplesToDuration(int64(n*media.AACFrameSamples), 48000)
		if at >= length {
			break
		}
		ps = append(ps, media.Packet{Track: audioTrack, PTS: at, DTS: at, Key: true, At: at + 50*time.Millisecond,
			Data: bytes.Repeat([]byte{0x21}, 100+rnd.IntN(400))})
	}
	slices.SortStableFunc(ps, func(a, b media.Packet) int { return int(a.At - b.At) })
	return ps
}

func muxAll(tb testing.TB, cfg Config, ps []media.Packet) []byte {
	tb.Helper()
	m, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	var out []byte
	for _, p := range ps {
		if out, err = m.Append(out, p); err != nil {
			tb.Fatal(err)
		}
		if len(out)%PacketSize != 0 {
			tb.Fatalf("%d bytes are not whole packets", len(out))
		}
	}
	if m.Late() != 0 {
		tb.Errorf("%d access units late", m.Late())
	}
	return out
}

func TestTenSeconds(t *testing.T) {
	for _, c := range []struct {
		name         string
		video, audio bool
		fps          int
	}{
		{"25 frames and sound", true, true, 25},
		{"60 frames and sound", true, true, 60},
		{"24 frames: longer than the PCR interval", true, true, 24},
		{"10 frames without sound", true, false, 10},
		{"2 frames and sound", true, true, 2},
		{"sound alone", false, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := synthetic(c.video, c.audio, c.fps, 10*time.Second)
			s := mustPass(t, muxAll(t, Config{Tracks: tracks(c.video, c.audio)}, in))
			if s.breaks != 0 {
				t.Errorf("%d discontinuities", s.breaks)
			}
			t.Logf("PCR at most every %v, tables at most every %v, %d packets of PCR alone", s.maxPCR, s.maxTables, s.pcrOnly)
			compare(t, s.units, in, DefaultDelay)
		})
	}
}

// compare holds what the reader found against what was written.
func compare(t *testing.T, got []pesUnit, in []media.Packet, delay time.Duration) {
	t.Helper()
	for _, kind := range []media.Kind{media.Video, media.Audio} {
		var want []media.Packet
		for _, p := range in {
			if p.Track.Kind() == kind {
				want = append(want, p)
			}
		}
		var units []pesUnit
		for _, u := range got {
			if (u.pid == videoPID) == (kind == media.Video) {
				units = append(units, u)
			}
		}
		if len(units) != len(want) {
			t.Fatalf("%v: %d access units, want %d", kind, len(units), len(want))
		}
		for i, u := range units {
			p := want[i]
			pts := media.ToTimescale(p.PTS+delay+time.Second, 90000) & (1<<33 - 1)
			dts := media.ToTimescale(p.DTS+delay+time.Second, 90000) & (1<<33 - 1)
			if u.pts != pts || u.dts != dts {
				t.Fatalf("%v %d: PTS %d, DTS %d; want %d, %d", kind, i, u.pts, u.dts, pts, dts)
			}
			data := u.data
			if kind == media.Audio {
				_, au, rest, err := aac.ParseADTS(data)
				if err != nil || len(rest) > 0 {
					t.Fatalf("audio %d: %v, %d bytes left", i, err, len(rest))
				}
				data = au
			} else {
				data, _ = h264.AccessUnit(p.Track.Video, h264.SplitAnnexB(data))
			}
			if !bytes.Equal(data, p.Data) {
				t.Fatalf("%v %d: %d bytes differ from the %d written", kind, i, len(data), len(p.Data))
			}
		}
	}
}

func TestPictureTrackAppearsLater(t *testing.T) {
	in := synthetic(true, true, 25, 2*time.Second)
	in = slices.DeleteFunc(in, func(p media.Packet) bool { return p.Track == videoTrack && p.DTS < time.Second })
	m, err := New(Config{Tracks: tracks(false, true)})
	if err != nil {
		t.Fatal(err)
	}
	var before, after []byte
	for _, p := range in {
		out, err := m.Append(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		if p.Track == videoTrack || len(after) > 0 {
			after = append(after, out...)
		} else {
			before = append(before, out...)
		}
	}
	if s := mustPass(t, before); s.pmts[2] != 0 || s.pmts[1] == 0 {
		t.Errorf("before: PMTs by number of streams: %v", s.pmts)
	}
	if s := mustPass(t, after); s.pmts[1] != 0 || s.pmts[2] == 0 {
		t.Errorf("after: PMTs by number of streams: %v", s.pmts)
	}
	if v, w := pmtVersion(before), pmtVersion(after); v == w {
		t.Errorf("both PMTs have version %d", v)
	}
}

// pmtVersion is the version_number of a stream's first PMT.
func pmtVersion(stream []byte) byte {
	for i := 0; i < len(stream); i += PacketSize {
		if p := stream[i:]; p[1]&0x1f == pmtPID>>8 && p[2] == 0 {
			return p[5+5] >> 1 & 31
		}
	}
	return 0xff
}

func TestNewTrackKeepsTheTables(t *testing.T) {
	other := *videoTrack
	params := *videoTrack.Video
	params.SPS = []byte{0x67, 0x42, 0xc0, 0x28, 0x8c, 0x8d, 0x40}
	other.Video = &params
	in := synthetic(true, true, 25, 2*time.Second)
	for i := range in {
		if in[i].Track == videoTrack && in[i].DTS >= time.Second {
			in[i].Track = &other
		}
	}
	stream := muxAll(t, Config{Tracks: tracks(true, true)}, in)
	s := mustPass(t, stream)
	compare(t, s.units, in, DefaultDelay)
	if n := bytes.Count(stream, params.SPS); n != 1 {
		t.Errorf("the new SPS comes %d times, want once", n)
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		tracks     []*media.Track
	}{
		{"no tracks", "no tracks", nil},
		{"nil track", "is nil", []*media.Track{nil}},
		{"two videos", "two video tracks", []*media.Track{videoTrack, videoTrack}},
		{"video without parameters", "without parameters", []*media.Track{{Codec: media.H264}}},
		{"sound without parameters", "without parameters", []*media.Track{{Codec: media.AAC}}},
		{"sound without configuration", "AudioSpecificConfig", []*media.Track{{Codec: media.AAC, Audio: &media.AudioParams{}}}},
		{"rate that ADTS cannot tell", "ADTS cannot", []*media.Track{aac.Track(47000, 2)}},
		{"unknown codec", "not supported", []*media.Track{{Codec: 99}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(Config{Tracks: c.tracks})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := New(Config{Tracks: tracks(true, true), Delay: -1}); err == nil {
		t.Error("a negative delay was taken")
	}
}

func TestBadPacketLosesNothing(t *testing.T) {
	in := synthetic(true, true, 25, 2*time.Second)
	m, err := New(Config{Tracks: tracks(true, true)})
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for i, p := range in {
		bad := p
		switch i % 4 {
		case 0:
			bad.Data = nil
		case 1:
			bad.Track = nil
		case 2:
			bad.Track, bad.Data = videoTrack, []byte{0, 0, 9, 9, 1}
		case 3:
			bad.Track, bad.Data = audioTrack, make([]byte, 9000)
		}
		n := len(out)
		if out, err = m.Append(out, bad); err == nil || len(out) != n {
			t.Fatalf("packet %d: %v, %d bytes appended", i, err, len(out)-n)
		}
		if out, err = m.Append(out, p); err != nil {
			t.Fatal(err)
		}
	}
	if want := muxAll(t, Config{Tracks: tracks(true, true)}, in); !bytes.Equal(out, want) {
		t.Error("packets that were refused changed the stream")
	}
}

func TestGolden(t *testing.T) {
	idr := h264.AppendUnit(nil, append([]byte{0x65, 0x88}, bytes.Repeat([]byte{0x5a}, 300)...))
	p := h264.AppendUnit(nil, []byte{0x41, 0x9a, 0x80})
	ms := time.Millisecond
	in := []media.Packet{
		{Track: videoTrack, PTS: 80 * ms, DTS: 0, Key: true, Data: idr},
		{Track: audioTrack, PTS: 0, DTS: 0, Key: true, Data: aac.SilentFrame(2)},
		{Track: videoTrack, PTS: 40 * ms, DTS: 40 * ms, Data: p},
		{Track: audioTrack, PTS: 200 * ms, DTS: 200 * ms, Key: true, Gap: true, Data: aac.SilentFrame(2)},
		{Track: videoTrack, PTS: 10 * time.Second, DTS: 10 * time.Second, Key: true, Data: idr},
	}
	got := muxAll(t, Config{Tracks: tracks(true, true)}, in)
	const file = "testdata/five_units.ts"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes differ from the %d of %s; look at both, then run with -update", len(got), len(want), file)
	}
	mustPass(t, got)
}
