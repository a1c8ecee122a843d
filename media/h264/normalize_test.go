package h264

import (
	"bytes"
	"encoding/binary"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pion/mediadevices/pkg/codec"
	"github.com/pion/mediadevices/pkg/codec/openh264"
	"github.com/pion/mediadevices/pkg/io/video"
	"github.com/pion/mediadevices/pkg/prop"
	"pgregory.net/rapid"

	"github.com/encoderbox/encoderbox/media"
)

const (
	encWidth, encHeight, encFrames = 320, 240, 60
)

// encodeOpenH264 is a real stream, an access unit an element: an IDR picture
// every 15 frames and where forced, bit rate changes in between.
func encodeOpenH264(tb testing.TB, width, height, frames int, sliceBytes uint) [][]byte {
	tb.Helper()
	params, err := openh264.NewParams()
	if err != nil {
		tb.Fatal(err)
	}
	params.BitRate = 300_000
	params.EnableFrameSkip = false
	params.IntraPeriod = 15
	params.SliceMode = openh264.SMSingleSlice
	if sliceBytes > 0 {
		params.SliceMode, params.SliceSizeConstraint, params.MaxNalSize = openh264.SMSizelimitedSlice, sliceBytes, sliceBytes
	}
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	n := 0
	reader := video.ReaderFunc(func() (image.Image, func(), error) {
		draw(img, n)
		n++
		return img, func() {}, nil
	})
	enc, err := params.BuildVideoEncoder(reader, prop.Media{Video: prop.Video{Width: width, Height: height, FrameRate: 30}})
	if err != nil {
		tb.Fatal(err)
	}
	defer enc.Close()
	var aus [][]byte
	for i := range frames {
		switch i {
		case 20:
			err = enc.Controller().(codec.BitRateController).SetBitRate(4_000_000)
		case 37:
			err = enc.Controller().(codec.KeyFrameController).ForceKeyFrame()
		case 40:
			err = enc.Controller().(codec.BitRateController).SetBitRate(150_000)
		}
		if err != nil {
			tb.Fatal(err)
		}
		b, _, err := enc.Read()
		if err != nil {
			tb.Fatal(err)
		}
		if len(b) == 0 {
			tb.Fatalf("frame %d was skipped", i)
		}
		aus = append(aus, b)
	}
	return aus
}

// draw paints noise that moves over a gradient, so that P pictures have vectors
// and residuals both.
func draw(img *image.YCbCr, n int) {
	seed := uint32(n + 1)
	for y := range img.Rect.Dy() {
		row := img.Y[y*img.YStride:][:img.Rect.Dx()]
		for x := range row {
			seed = seed*1664525 + 1013904223
			row[x] = byte(x+y+3*n) ^ byte(seed>>29)
		}
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = byte(i+n), byte(i/7-n)
	}
}

func TestNormalizerOnOpenH264(t *testing.T) {
	for _, c := range []struct {
		name  string
		slice uint
	}{{"one slice a picture", 0}, {"slices of 700 bytes", 700}} {
		t.Run(c.name, func(t *testing.T) {
			level := LevelFor(encWidth, encHeight, media.Rational{Num: 30, Den: 1}, 4_000_000)
			n := NewNormalizer(level)
			var before, after []byte
			spsIn, spsOut := map[string]bool{}, map[string]bool{}
			ppsIn, ppsOut := map[string]bool{}, map[string]bool{}
			keys, slicesSeen := 0, 0
			for i, au := range encodeOpenH264(t, encWidth, encHeight, encFrames, c.slice) {
				data, key, err := n.AccessUnit(nil, au)
				if err != nil {
					t.Fatalf("picture %d: %v", i, err)
				}
				if key {
					keys++
				}
				for nal := range SplitAnnexB(au) {
					collectSets(nal, spsIn, ppsIn)
				}
				for nal := range Units(data) {
					collectSets(nal, spsOut, ppsOut)
					if Type(nal) == TypeSlice || Type(nal) == TypeIDR {
						slicesSeen++
						if id := slicePPS(t, nal); id != 0 {
							t.Fatalf("picture %d: slice refers to PPS %d after normalising", i, id)
						}
					}
				}
				before = append(before, au...)
				after = AppendAnnexB(after, data)
			}
			if len(spsIn) < 2 || len(ppsIn) < 2 {
				t.Fatalf("the encoder sent %d SPS and %d PPS: this stream proves nothing", len(spsIn), len(ppsIn))
			}
			if len(spsOut) != 1 || len(ppsOut) != 1 {
				t.Errorf("after normalising: %d SPS and %d PPS, want one each", len(spsOut), len(ppsOut))
			}
			if want := encFrames/15 + 1; keys < want-1 {
				t.Errorf("%d key pictures, want about %d", keys, want)
			}
			if c.slice > 0 && slicesSeen < 2*encFrames {
				t.Errorf("%d slices in %d pictures: no slices were made", slicesSeen, encFrames)
			}
			for sps := range spsOut {
				p, err := ParseSPS([]byte(sps))
				if err != nil || p.Level != level || p.ID != 0 || p.Width != encWidth || p.Height != encHeight {
					t.Errorf("SPS after normalising: %+v, %v", p, err)
				}
			}
			want, got := frameMD5(t, before), frameMD5(t, after)
			if n := strings.Count(want, "\n"); n < encFrames {
				t.Fatalf("ffmpeg decoded %d lines of the original", n)
			}
			if want != got {
				t.Errorf("decoded pictures differ:\noriginal:\n%s\nnormalised:\n%s", want, got)
			}
		})
	}
}

func collectSets(nal []byte, sps, pps map[string]bool) {
	switch Type(nal) {
	case TypeSPS:
		sps[string(nal)] = true
	case TypePPS:
		pps[string(nal)] = true
	}
}

func slicePPS(t *testing.T, nal []byte) uint32 {
	t.Helper()
	r := bitReader{b: appendRBSP(nil, nal), pos: 8}
	r.ue()
	r.ue()
	id, ok := r.ue()
	if !ok {
		t.Fatal("slice header cannot be read")
	}
	return id
}

// frameMD5 is ffmpeg's list of the decoded pictures' sums.
func frameMD5(t *testing.T, stream []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "s.h264")
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-err_detect", "explode", "-f", "h264", "-i", file, "-f", "framemd5", "-")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, stderr.Bytes())
	}
	return string(out)
}

func TestNormalizerRefuses(t *testing.T) {
	aus := encodeOpenH264(t, 64, 64, 31, 0)
	second := slices.Collect(SplitAnnexB(aus[15])) // ids over 0
	if len(second) < 3 || Type(second[0]) != TypeSPS || Type(second[1]) != TypePPS {
		t.Fatal("the encoder sent no parameter sets with its second IDR picture")
	}
	sps, pps, idr := second[0], second[1], second[2]
	cabac := bytes.Clone(pps)
	p, err := parsePPS(pps)
	if err != nil {
		t.Fatal(err)
	}
	cabac[p.rest>>3] |= 0x80 >> (p.rest & 7)
	first := slices.Collect(SplitAnnexB(aus[0]))
	for _, c := range []struct {
		name string
		nals [][]byte
		want string
	}{
		{"slice before its parameter sets", [][]byte{idr}, "before any parameter sets"},
		{"PPS before its SPS", [][]byte{pps}, "before any sequence parameter set"},
		{"PPS of another SPS", [][]byte{first[0], pps}, "refers to sequence parameter set"},
		{"slice of another PPS", [][]byte{first[0], first[1], idr}, "refers to picture parameter set"},
		{"slice after a new SPS without PPS", [][]byte{first[0], first[1], sps, idr}, "before any parameter sets"},
		{"CABAC slice whose id is not 0", [][]byte{sps, cabac, idr}, "CABAC"},
		{"slice cut in its header", [][]byte{sps, pps, idr[:1]}, "cut short"},
		{"slice cut behind its header", [][]byte{sps, pps, {0x65, 0x88, 0x40}}, "follows the id"},
		{"data partition A", [][]byte{sps, pps, {0x42, 0x88}}, "type 2"},
		{"SPS cut short", [][]byte{sps[:5]}, "parse sequence parameter set"},
		{"PPS cut short", [][]byte{sps, pps[:1]}, "cut short"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := NewNormalizer(31)
			var err error
			for _, nal := range c.nals {
				if _, err = n.Rewrite(nal); err != nil {
					break
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestNormalizerLeavesZeroIDsAlone(t *testing.T) {
	n := NewNormalizer(31)
	for nal := range SplitAnnexB(encodeOpenH264(t, 64, 64, 1, 0)[0]) {
		got, err := n.Rewrite(nal)
		if err != nil {
			t.Fatal(err)
		}
		if Type(nal) == TypeIDR && &got[0] != &nal[0] {
			t.Error("a slice with id 0 was copied")
		}
	}
}

// TestReplaceIDs holds the word-wise shift against one that goes bit by bit.
func TestReplaceIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rbsp := rapid.SliceOfN(rapid.Byte(), 4, 60).Draw(t, "rbsp")
		rbsp[len(rbsp)-1] |= 1 << rapid.IntRange(0, 7).Draw(t, "stop")
		count := rapid.IntRange(1, 2).Draw(t, "count")
		from := rapid.IntRange(0, 20).Draw(t, "from")
		to := from + count + rapid.IntRange(0, 30).Draw(t, "len")
		want := slowReplace(rbsp, from, to, count)
		got, err := replaceIDs(bytes.Clone(rbsp), from, to, count)
		if want == nil {
			if err == nil {
				t.Fatalf("no error, got % x", got)
			}
			return
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("replace %d..%d by %d: % x, %v; want % x", from, to, count, got, err, want)
		}
	})
}

// slowReplace is replaceIDs on a string of bits; nil where it must fail.
func slowReplace(rbsp []byte, from, to, count int) []byte {
	var s strings.Builder
	for _, b := range rbsp {
		for i := 7; i >= 0; i-- {
			s.WriteByte('0' + b>>i&1)
		}
	}
	in := s.String()
	if to >= len(in) || !strings.Contains(in[to:], "1") {
		return nil
	}
	out := strings.TrimRight(in[:from]+strings.Repeat("1", count)+in[to:], "0")
	for len(out)%8 != 0 {
		out += "0"
	}
	b := make([]byte, len(out)/8)
	for i := range out {
		b[i/8] |= (out[i] - '0') << (7 - i%8)
	}
	return b
}

func FuzzNormalizer(f *testing.F) {
	for _, au := range encodeOpenH264(f, 64, 64, 17, 0) {
		if Type(slices.Collect(SplitAnnexB(au))[0]) == TypeSPS {
			f.Add(au)
		}
	}
	f.Fuzz(func(t *testing.T, au []byte) {
		n := NewNormalizer(40)
		data, _, err := n.AccessUnit(nil, au)
		if err != nil {
			return
		}
		if err := Valid(data); err != nil {
			t.Fatal(err)
		}
		again := NewNormalizer(40)
		for nal := range Units(data) {
			out, err := again.Rewrite(nal)
			if err != nil {
				t.Fatalf("normalised unit is refused: %v", err)
			}
			if !bytes.Equal(out, nal) {
				t.Fatalf("normalising twice changes % x to % x", nal, out)
			}
		}
	})
}

// BenchmarkNormalizer rewrites pictures of 33 kB: 8 Mb/s at 30 frames a second.
func BenchmarkNormalizer(b *testing.B) {
	aus := encodeOpenH264(b, 64, 64, 17, 0)
	n := NewNormalizer(40)
	for nal := range SplitAnnexB(aus[15]) { // ids over 0
		if _, err := n.Rewrite(nal); err != nil {
			b.Fatal(err)
		}
	}
	slice := slices.Collect(SplitAnnexB(aus[16]))[0]
	seed := uint64(1)
	for len(slice) < 33_333 {
		seed = seed*6364136223846793005 + 1442695040888963407
		slice = appendNAL(slice, binary.BigEndian.AppendUint64(nil, seed|1))
	}
	b.SetBytes(int64(len(slice)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Rewrite(slice); err != nil {
			b.Fatal(err)
		}
	}
}
