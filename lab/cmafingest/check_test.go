package cmafingest

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

const frame = 40 * time.Millisecond

// body is a request of n pictures, a key picture every five.
type body struct {
	header []byte
	chunks [][]byte
	tail   []byte
}

func good(t *testing.T, track *media.Track, n int) *body {
	t.Helper()
	b := &body{tail: []byte("\x00\x00\x00\x08mfra")}
	var err error
	if b.header, err = fmp4.Init(track); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		p := segmenttest.Picture(track, time.Duration(i)*frame, i%5 == 0, 20)
		b.chunks = append(b.chunks, written(t, fmp4.Chunk{
			Sequence: uint32(i + 1), Samples: []media.Packet{p}, End: p.DTS + frame, SegmentStart: p.Key, Wall: time.Unix(1_790_000_000, 0),
		}))
	}
	return b
}

func written(t *testing.T, c fmp4.Chunk) []byte {
	t.Helper()
	var b []byte
	if !c.SegmentStart {
		b = append(b, "\x00\x00\x00\x14stypcmfl\x00\x00\x00\x00cmfl"...)
	}
	b, err := fmp4.AppendHeader(b, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Samples {
		b = append(b, p.Data...)
	}
	return b
}

func (b *body) bytes() []byte {
	return append(append(bytes.Clone(b.header), bytes.Join(b.chunks, nil)...), b.tail...)
}

// set writes a 32-bit field n bytes behind the name of a chunk's box.
func set(chunk []byte, box string, n int, v uint32) {
	binary.BigEndian.PutUint32(chunk[bytes.Index(chunk, []byte(box))+4+n:], v)
}

func TestAGoodTrackHasNoProblems(t *testing.T) {
	track, err := Read(bytes.NewReader(good(t, segmenttest.Video(), 12).bytes()))
	if err != nil || len(track.Problems) > 0 || len(track.Chunks) != 12 || !track.Ended || track.Kind != "video" || track.Timescale != 90000 {
		t.Fatalf("%+v, %v", track, err)
	}
	if c := track.Chunks[5]; !c.SegmentStart || c.Wall.Unix() != 1_790_000_000 || c.WallAt != 5*frame {
		t.Errorf("%+v", c)
	}
	if track.Chunks[6].SegmentStart {
		t.Error("a chunk of type cmfl begins a segment")
	}
}

func TestEveryDefectIsFound(t *testing.T) {
	for want, seed := range map[string]func(*body){
		"without cmfc or cmf2":     func(b *body) { b.header = bytes.ReplaceAll(b.header, []byte("cmfc"), []byte("mp42")) },
		"the CMAF header comes":    func(b *body) { b.header, b.chunks[0] = nil, append(b.chunks[0], b.header...) },
		"second CMAF header":       func(b *body) { b.chunks[3] = append(bytes.Clone(b.header), b.chunks[3]...) },
		"not fragmented":           func(b *body) { b.header = bytes.Replace(b.header, []byte("mvex"), []byte("free"), 1) },
		"a gap of 3600 ticks":      func(b *body) { b.chunks = append(b.chunks[:3], shifted(b.chunks[4:])...) },
		"is before":                func(b *body) { set(b.chunks[4], "tfdt", 8, 3600*3) },
		"comes behind chunk":       func(b *body) { set(b.chunks[4], "mfhd", 4, 4) },
		"sequence numbers jump":    func(b *body) { set(b.chunks[4], "mfhd", 4, 40) },
		"begins with a sync":       func(b *body) { set(b.chunks[5], "tfhd", 12, 1<<24|1<<16) },
		"begins no segment":        func(b *body) { b.chunks = b.chunks[1:] },
		"of track 2":               func(b *body) { set(b.chunks[4], "tfhd", 4, 2) },
		"offsets are not":          func(b *body) { set(b.chunks[4], "tfhd", 0, 0x28) },
		"lasts no time":            func(b *body) { set(b.chunks[4], "tfhd", 8, 0) },
		"in an mdat of":            func(b *body) { set(b.chunks[4], "trun", 12, 21) },
		"no moof before it":        func(b *body) { b.chunks[4] = bytes.Replace(b.chunks[4], []byte("moof"), []byte("free"), 1) },
		"without its mdat":         func(b *body) { b.tail, b.chunks[11] = nil, b.chunks[11][:bytes.Index(b.chunks[11], []byte("mdat"))-4] },
		"behind the mfra":          func(b *body) { b.chunks[11] = append(b.chunks[11], b.tail...) },
		"without cmfs, cmff":       func(b *body) { b.chunks[4] = bytes.ReplaceAll(b.chunks[4], []byte("cmfl"), []byte("msdh")) },
		"one traf with a tfhd":     func(b *body) { b.chunks[4] = bytes.Replace(b.chunks[4], []byte("tfdt"), []byte("free"), 1) },
		"no box of a CMAF track":   func(b *body) { b.chunks[4] = append([]byte("\x00\x00\x00\x08junk"), b.chunks[4]...) },
		"between moof and mdat":    func(b *body) { b.chunks[4] = bytes.Replace(b.chunks[4], []byte("mdat"), []byte("free"), 1) },
		"samples of 0 bytes in an": func(b *body) { set(b.chunks[4], "trun", 12, 0) },
	} {
		t.Run(want, func(t *testing.T) {
			b := good(t, segmenttest.Video(), 12)
			seed(b)
			track, err := Read(bytes.NewReader(b.bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(track.Problems, "\n"); !strings.Contains(all, want) {
				t.Errorf("not found; problems:\n%s", all)
			}
		})
	}
}

// shifted has the sequence numbers follow on from a chunk that is left out.
func shifted(chunks [][]byte) [][]byte {
	for i := range chunks {
		set(chunks[i], "mfhd", 4, uint32(4+i))
	}
	return chunks
}

func TestALossThatIsToldIsNone(t *testing.T) {
	b := good(t, segmenttest.Video(), 12)
	b.chunks = append(b.chunks[:3], b.chunks[4:]...) // the number is skipped too
	track, err := Read(bytes.NewReader(b.bytes()))
	if err != nil || len(track.Problems) > 0 {
		t.Errorf("%v, %v", track.Problems, err)
	}
}

func TestABodyThatBreaksOffIsAnError(t *testing.T) {
	b := good(t, segmenttest.Video(), 3).bytes()
	for _, n := range []int{3, len(b) - 3, len(b) - 12} {
		if _, err := Read(bytes.NewReader(b[:n])); err == nil {
			t.Errorf("%d of %d bytes are taken", n, len(b))
		}
	}
	if _, err := Read(strings.NewReader("\xff\xff\xff\xffmdat")); err == nil {
		t.Error("a box of 4 GiB is taken")
	}
}

func TestAlignment(t *testing.T) {
	chunk := func(start, end float64, begins bool) Chunk {
		return Chunk{Start: uint64(start * 48000), End: uint64(end * 48000), Shown: uint64(start * 48000), SegmentStart: begins}
	}
	track := func(kind string, cs ...Chunk) *Track { return &Track{Kind: kind, Timescale: 48000, Chunks: cs} }
	video := track("video", chunk(0, 1, true), chunk(1, 2, true), chunk(2, 3, true))
	for want, audio := range map[string]*Track{
		"":                  track("audio", chunk(0.01, 1.02, true), chunk(1.02, 2.001, true), chunk(2.001, 3, true)),
		"begins at 1.500 s": track("audio", chunk(0.01, 1.02, true), chunk(1.5, 2.001, true), chunk(2.001, 3, true)),
		"1 of sound":        track("audio", chunk(0.01, 1.02, true)),
		"lasts":             track("audio", chunk(0.01, 1.02, true), chunk(1.02, 2.001, true), chunk(2.001, 3.5, true)),
	} {
		all := strings.Join(CheckAligned(video, audio, 1100*time.Millisecond), "\n")
		if (all != "") != (want != "") || !strings.Contains(all, want) {
			t.Errorf("%q: %q", want, all)
		}
	}
	other := track("video", chunk(1, 2, true))
	other.Header = []byte("x")
	if p := video.Continues(other); len(p) != 2 {
		t.Errorf("continues: %v", p)
	}
}

func FuzzRead(f *testing.F) {
	track := segmenttest.Video()
	header, err := fmp4.Init(track)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(header)
	chunk, err := fmp4.AppendHeader(bytes.Clone(header), fmp4.Chunk{
		Sequence: 1, Samples: []media.Packet{segmenttest.Picture(track, 0, true, 20)}, End: frame, SegmentStart: true, Wall: time.Unix(1_790_000_000, 0),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(append(chunk, make([]byte, 20)...), "\x00\x00\x00\x08mfra"...))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = Read(bytes.NewReader(b)) })
}
