package h264

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/media"
)

// Parameter sets as x264 writes them.
var (
	high1080       = [2]string{"67640028acd940780227e5c05a808080a000007d20001d4c01e30632c0", "68ce0fcb"}
	mainInterlaced = [2]string{"674d401eeca05a126c0440000003004000000c87c50a6580", "68fba3cb20"}
	baselineFull   = [2]string{"6742c00bda05467889b016c8000003000800000300a078a155", "68ce0fc8"}
	high422        = [2]string{"677a001fb6cd940a02ff89c044000003000400000301903c60c658", "68ebe3cb22c0"}
	high444        = [2]string{"67f4001f919b281485fc7cf808800000030080000032078c18cb", "68ebe3c44844"}
	monochrome     = [2]string{"6764001ff3650290bf8f9f016c800000030080000032078c18cb", "68ebe3cb22c0"}
)

func TestParseSPS(t *testing.T) {
	for _, c := range []struct {
		name string
		sets [2]string
		want SPS
	}{
		{"1088 lines cropped to 1080, BT.709, NTSC rate", high1080, SPS{
			Profile: 100, Level: 40, Width: 1920, Height: 1080, FrameRate: media.Rational{Num: 30000, Den: 1001},
			Color: media.Color{Primaries: 1, Transfer: 1, Matrix: 1}, ChromaFormat: 1, BitDepth: 8, Reorder: 2,
		}},
		{"interlaced", mainInterlaced, SPS{
			Profile: 77, Constraints: 0x40, Level: 30, Width: 720, Height: 576, FrameRate: media.Rational{Num: 25, Den: 1},
			ChromaFormat: 1, BitDepth: 8, Interlaced: true, Reorder: 2,
		}},
		{"size not of whole macroblocks, full range", baselineFull, SPS{
			Profile: 66, Constraints: 0xc0, Level: 11, Width: 322, Height: 182, FrameRate: media.Rational{Num: 10, Den: 1},
			Color: media.Color{FullRange: true}, ChromaFormat: 1, BitDepth: 8,
		}},
		{"4:2:2 of 10 bits", high422, SPS{
			Profile: 122, Level: 31, Width: 640, Height: 360, FrameRate: media.Rational{Num: 50, Den: 1},
			ChromaFormat: 2, BitDepth: 10, Reorder: 2,
		}},
		{"4:4:4 with scaling matrices", high444, SPS{
			Profile: 244, Level: 31, Width: 642, Height: 362, FrameRate: media.Rational{Num: 50, Den: 1},
			ChromaFormat: 3, BitDepth: 8, Reorder: 2,
		}},
		{"monochrome crops in single samples", monochrome, SPS{
			Profile: 100, Level: 31, Width: 642, Height: 362, FrameRate: media.Rational{Num: 50, Den: 1},
			ChromaFormat: 0, BitDepth: 8, Reorder: 2, Color: media.Color{FullRange: true},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseSPS(unhex(t, c.sets[0]))
			if err != nil || got != c.want {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, c.want)
			}
			track, err := TrackFrom(unhex(t, c.sets[0]), unhex(t, c.sets[1]))
			if err != nil {
				t.Fatal(err)
			}
			v := track.Video
			if v.Width != c.want.Width || v.Height != c.want.Height || v.FrameRate != c.want.FrameRate || v.Color != c.want.Color {
				t.Errorf("track %v", track)
			}
		})
	}
}

func TestParseSPSRefuses(t *testing.T) {
	good := unhex(t, high1080[0])
	for _, c := range []struct {
		name, want string
		sps        []byte
	}{
		{"nothing", "type 0", nil},
		{"a PPS", "type 8", unhex(t, "68ce0fcb")},
		{"cut in its header", "not enough bits", good[:3]},
		{"cut in its VUI", "not enough bits", good[:14]},
		{"id over 31", "over 31", unhex(t, "6742c01f 0108da0a0680")},
		// baseline, id 0, log2s 0, one reference, then 2³¹ macroblocks wide.
		{"width that overflows", "larger than any level", spsOf(1<<31-1, 10, nil)},
		{"height over the limit", "larger than any level", spsOf(10, 1055, nil)},
		{"cropping of the whole picture", "leaves nothing", spsOf(1, 1, []uint32{8, 8, 0, 0})},
		{"cropping that overflows", "leaves nothing", spsOf(1, 1, []uint32{0, 1<<32 - 2, 0, 0})},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSPS(c.sps)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "h264: ") {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// spsOf is a Baseline SPS of a size in macroblocks less one.
func spsOf(width, height uint32, crop []uint32) []byte {
	var w bitString
	for _, v := range []uint32{0, 0, 2, 1} { // id, log2_max_frame_num, poc type, references
		w.ue(v)
	}
	w.bits("0") // gaps_in_frame_num_value_allowed_flag
	w.ue(width)
	w.ue(height)
	w.bits("11") // frame_mbs_only_flag, direct_8x8_inference_flag
	if crop == nil {
		w.bits("0")
	} else {
		w.bits("1")
		for _, v := range crop {
			w.ue(v)
		}
	}
	w.bits("01") // no VUI; stop bit
	return appendNAL([]byte{0x67, 66, 0xc0, 31}, w.bytes())
}

// bitString writes bits the slow way.
type bitString struct{ s strings.Builder }

func (b *bitString) bits(s string) { b.s.WriteString(s) }

func (b *bitString) ue(v uint32) {
	n := (ueLen64(uint64(v)+1) - 1)
	b.bits(strings.Repeat("0", n))
	for i := n; i >= 0; i-- {
		b.bits(string('0' + byte((uint64(v)+1)>>i&1)))
	}
}

func ueLen64(v uint64) int {
	n := 0
	for ; v > 0; v >>= 1 {
		n++
	}
	return n
}

func (b *bitString) bytes() []byte {
	s := b.s.String()
	out := make([]byte, (len(s)+7)/8)
	for i := range s {
		out[i/8] |= (s[i] - '0') << (7 - i%8)
	}
	return out
}

func TestTrackFromRefuses(t *testing.T) {
	sps := unhex(t, high1080[0])
	for _, c := range []struct {
		name, want string
		pps        []byte
	}{
		{"no PPS", "type 0", nil},
		{"PPS cut short", "cut short", []byte{0x68}},
		{"PPS of another SPS", "refers to sequence parameter set 1", unhex(t, "68a4f0")},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := TrackFrom(sps, c.pps)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestTrackFromCopies(t *testing.T) {
	sps, pps := unhex(t, high1080[0]), unhex(t, high1080[1])
	track, err := TrackFrom(sps, pps)
	if err != nil {
		t.Fatal(err)
	}
	clear(sps)
	clear(pps)
	if !bytes.Equal(track.Video.SPS, unhex(t, high1080[0])) || !bytes.Equal(track.Video.PPS, unhex(t, high1080[1])) {
		t.Error("the track shares the caller's memory")
	}
}

func TestSameTrack(t *testing.T) {
	level := func(sps []byte, idc byte) []byte {
		sps = slices.Clone(sps)
		sps[3] = idc
		return sps
	}
	flags := func(sps []byte, f byte) []byte {
		sps = slices.Clone(sps)
		sps[2] = f
		return sps
	}
	h, b := unhex(t, high1080[0]), unhex(t, baselineFull[0])
	for _, c := range []struct {
		name     string
		old, now []byte
		want     bool
	}{
		{"equal", h, h, true},
		{"another level", h, level(h, 51), true},
		{"level 1b of Baseline", b, flags(b, 0xd0), true},
		{"Constrained Baseline to Baseline", b, flags(b, 0x80), false},
		{"High to High Intra", h, flags(h, 0x10), false},
		{"another size", spsOf(10, 10, nil), spsOf(11, 10, nil), false},
		{"another cropping", spsOf(10, 10, nil), spsOf(10, 10, []uint32{0, 0, 0, 4}), false},
		{"another profile", h, unhex(t, high422[0]), false},
		{"unreadable", h, h[:4], false},
		{"colour said now", spsOf(20, 11, nil), b, false},
		{"unreadable before", h[:4], h, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := SameTrack(&media.VideoParams{SPS: c.old}, c.now); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestCodecString(t *testing.T) {
	for in, want := range map[string]string{
		"6742c01f8c":   "avc1.42c01f",
		high1080[0]:    "avc1.640028",
		"6742c0":       "avc1",
		"":             "avc1",
		"674d400bff00": "avc1.4d400b",
	} {
		if got := CodecString(unhex(t, in)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func FuzzParseSPS(f *testing.F) {
	for _, s := range [][2]string{high1080, mainInterlaced, baselineFull, high422, high444, monochrome} {
		f.Add(unhex(f, s[0]), unhex(f, s[1]))
	}
	f.Fuzz(func(t *testing.T, sps, pps []byte) {
		CodecString(sps)
		s, err := ParseSPS(sps)
		if err != nil {
			return
		}
		if s.Width < 1 || s.Width > maxSide || s.Height < 1 || s.Height > maxSide || s.Reorder < 0 || s.Reorder > 16 {
			t.Fatalf("%+v", s)
		}
		if !s.FrameRate.IsZero() && (s.FrameRate.Num < 0 || s.FrameRate.Float() > maxRate) {
			t.Fatalf("frame rate %v", s.FrameRate)
		}
		track, err := TrackFrom(sps, pps)
		if err != nil {
			return
		}
		if !SameTrack(track.Video, sps) {
			t.Fatal("a track is not the same as itself")
		}
	})
}

func FuzzByteStream(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0x67, 0, 0, 0, 1, 0x65, 0, 0, 3, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		data, _ := AccessUnit(nil, SplitAnnexB(b))
		if err := Valid(data); err != nil {
			t.Fatal(err)
		}
		again, _ := AccessUnit(nil, SplitAnnexB(AppendAnnexB(nil, data)))
		if !bytes.Equal(again, data) {
			t.Fatalf("% x became % x", data, again)
		}
		params := &media.VideoParams{SPS: b[:min(len(b), int(cut))], PPS: b[min(len(b), int(cut)):]}
		_ = slices.Collect(InBand(params, b)) // must not panic
		for nal := range InBand(params, data) {
			if len(nal) == 0 {
				t.Fatal("empty NAL unit")
			}
		}
		ParameterSets(b)
	})
}
