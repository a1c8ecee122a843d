package fmp4_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	"pgregory.net/rapid"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// drawChunk is any chunk that can be written.
func drawChunk(t *rapid.T) fmp4.Chunk {
	offset := rapid.SampledFrom([]time.Duration{0, 10 * time.Second, 56 * 365 * 24 * time.Hour}).Draw(t, "offset")
	c := fmp4.Chunk{
		Sequence:     rapid.Uint32().Draw(t, "sequence"),
		Offset:       offset,
		SegmentStart: rapid.Bool().Draw(t, "segment start"),
	}
	if rapid.Bool().Draw(t, "prft") {
		c.Wall = time.Unix(1_790_000_000, 0)
	}
	track := segmenttest.Audio()
	video := rapid.Bool().Draw(t, "video")
	if video {
		track = segmenttest.Video()
	}
	dts := time.Duration(rapid.Int64Range(-int64(offset), int64(30*24*time.Hour)).Draw(t, "start"))
	even := rapid.Bool().Draw(t, "even")
	for i := range rapid.IntRange(1, 40).Draw(t, "samples") {
		p := media.Packet{Track: track, PTS: dts, DTS: dts, Key: true}
		if video {
			p.Key = rapid.Bool().Draw(t, "key")
			p.PTS += time.Duration(rapid.SampledFrom([]int64{0, 0, 1, 2, 5}).Draw(t, "reorder")) * 40 * time.Millisecond
		}
		p.Data = bytes.Repeat([]byte{byte(i)}, rapid.IntRange(0, 50).Draw(t, "size"))
		c.Samples = append(c.Samples, p)
		step := 40 * time.Millisecond
		if !even {
			step = time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Second)).Draw(t, "step"))
		}
		dts += step
	}
	c.End = dts
	return c
}

func appendChunk(t *rapid.T, dst []byte, c fmp4.Chunk) []byte {
	dst, err := fmp4.AppendHeader(dst, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Samples {
		dst = append(dst, p.Data...)
	}
	return dst
}

func TestWhatIsWrittenReadsBackAndIsWrittenTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawChunk(t)
		track := c.Samples[0].Track
		scale := fmp4.Timescale(track)
		written := appendChunk(t, nil, c)
		got, err := fmp4.ReadChunk(nil, track, written, c.Offset)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(c.Samples) {
			t.Fatalf("%d samples, want %d", len(got), len(c.Samples))
		}
		for i, p := range got {
			want := c.Samples[i]
			tick := media.FromTimescale(1, scale) + 1
			if (p.PTS-want.PTS).Abs() > tick || (p.DTS-want.DTS).Abs() > tick {
				t.Fatalf("sample %d: PTS %v DTS %v, want %v, %v", i, p.PTS, p.DTS, want.PTS, want.DTS)
			}
			if p.Track != track || p.Key != want.Key || !bytes.Equal(p.Data, want.Data) || p.Gap || cap(p.Data) != len(p.Data) {
				t.Fatalf("sample %d: %+v, want %+v", i, p, want)
			}
		}
		again := c
		again.Samples = got
		if !bytes.Equal(appendChunk(t, nil, again), written) {
			t.Fatal("what was read is not written the same")
		}
	})
}

func TestChunksInOnePieceAreReadInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawChunk(t)
		track := a.Samples[0].Track
		b := fmp4.Chunk{Samples: []media.Packet{{Track: track, PTS: a.End, DTS: a.End, Key: true, Data: []byte{9}}}, End: a.End + time.Second, Offset: a.Offset}
		piece := appendChunk(t, appendChunk(t, nil, a), b)
		before := []media.Packet{{Data: []byte("before")}}
		got, err := fmp4.ReadChunk(before, track, piece, a.Offset)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(a.Samples)+2 || string(got[0].Data) != "before" || got[len(got)-1].Data[0] != 9 {
			t.Fatalf("%d packets", len(got))
		}
	})
}

func TestHeadersReadBack(t *testing.T) {
	coloured := segmenttest.Video()
	coloured.Video.Color = media.Color{Primaries: 9, Transfer: 16, Matrix: 9, FullRange: true}
	for name, want := range map[string]*media.Track{
		"video": segmenttest.Video(), "colour": coloured, "stereo": segmenttest.Audio(), "mono": aac.Track(44100, 1), "HE-AAC": aac.TrackOf(aac.Config{ObjectType: aac.SBR, SampleRate: 24000, ExtensionRate: 48000, Channels: 2}),
		"96 kHz": aac.Track(96000, 6),
	} {
		got, err := fmp4.ReadInit(header(t, want))
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, want)
		}
	}
}

func TestHeaderOfSeveralTracks(t *testing.T) {
	video, audio := segmenttest.Video(), segmenttest.Audio()
	both, err := fmp4.InitOf(video, audio)
	if err != nil {
		t.Fatal(err)
	}
	tracks, err := fmp4.ReadInits(both)
	if err != nil || len(tracks) != 2 || !tracks[0].Equal(video) || !tracks[1].Equal(audio) {
		t.Fatalf("%v, %v", tracks, err)
	}
	f, err := mp4.DecodeFile(bytes.NewReader(both))
	if err != nil {
		t.Fatal(err)
	}
	m := f.Moov
	if m.Traks[0].Tkhd.TrackID != 1 || m.Traks[1].Tkhd.TrackID != 2 || m.Mvhd.NextTrackID != 3 ||
		m.Mvex.Trexs[0].TrackID != 1 || m.Mvex.Trexs[1].TrackID != 2 || slices.Contains(f.Ftyp.CompatibleBrands(), "cmfc") {
		t.Errorf("track numbers, or brands: %+v", f.Ftyp)
	}
	if _, err := fmp4.ReadInit(both); err == nil || !strings.Contains(err.Error(), "2 tracks") {
		t.Errorf("as a CMAF header: %v", err)
	}
	if _, err := fmp4.InitOf(video, segmenttest.Video()); err == nil || !strings.Contains(err.Error(), "two video") {
		t.Errorf("two videos: %v", err)
	}
	if _, err := fmp4.InitOf(); err == nil {
		t.Error("a header of nothing was written")
	}
}

// Chunks of other writers, as far as they keep to CMAF, and what they leave out.
func TestChunksOfAnotherWriter(t *testing.T) {
	track := segmenttest.Video()
	f, err := mp4.CreateFragment(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		f.AddFullSample(mp4.FullSample{
			Sample:     mp4.Sample{Flags: mp4.NonSyncSampleFlags, Dur: 3600, Size: 4, CompositionTimeOffset: 3600},
			DecodeTime: 900000 + uint64(i)*3600, Data: []byte{0, 0, 0, byte(i)},
		})
	}
	var b bytes.Buffer
	if err := f.Encode(&b); err != nil {
		t.Fatal(err)
	}
	got, err := fmp4.ReadChunk(nil, track, b.Bytes(), 10*time.Second)
	if err != nil || len(got) != 3 || got[2].DTS != 2*frame || got[2].PTS != 3*frame || got[2].Key || got[2].Data[3] != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDamagedChunksAreRefusedAndAppendNothing(t *testing.T) {
	video, audio := segmenttest.Video(), segmenttest.Audio()
	good := chunk(t, fmp4.Chunk{Sequence: 1, Samples: reordered(video), End: 4 * frame})
	at := func(name string) int { return bytes.Index(good, []byte(name)) }
	change := func(i int, v uint32) []byte {
		b := bytes.Clone(good)
		binary.BigEndian.PutUint32(b[i:], v)
		return b
	}
	renamed := func(name string) []byte { return bytes.Replace(good, []byte(name), []byte("free"), 1) }
	trun := at("trun")
	for want, b := range map[string][]byte{
		"no moof with its mdat": nil,
		"cut short":             good[:len(good)-1],
		"bytes behind the last": append(bytes.Clone(good), 1, 2, 3),
		"mdat without moof":     renamed("moof"),
		"no traf":               renamed("traf"),
		"no tfhd":               renamed("tfhd"),
		"no tfdt":               renamed("tfdt"),
		"no trun":               renamed("trun"),
		"track 7":               change(at("tfhd")+8, 7),
		"start of a file":       change(at("tfhd")+4, 0x020021),
		"no sample flags":       change(at("tfhd")+4, 0x020008),
		"without sizes":         change(trun+4, 0x01000805),
		"of 4294967295 samples": change(trun+8, 0xffffffff),
		"not within the mdat":   change(trun+12, 1<<30),
		"at 0 are not within":   change(trun+12, 0),
		"a time of":             change(at("tfdt")+8, 0xf0000000),
		"shown before":          change(trun+24, 0xfffffff0),
		"lasts no time":         change(at("tfhd")+12, 0),
	} {
		before := []media.Packet{{Data: []byte("x")}}
		got, err := fmp4.ReadChunk(before, video, b, 0)
		if err == nil || !strings.Contains(err.Error(), want) || len(got) != 1 {
			t.Errorf("%s: %v, %d packets", want, err, len(got))
		}
	}
	if _, err := fmp4.ReadChunk(nil, audio, good, 0); err == nil || !strings.Contains(err.Error(), "audio is track 2") {
		t.Errorf("pictures as sound: %v", err)
	}
	if _, err := fmp4.ReadChunk(nil, video, change(at("tfhd")+12, 0), 0); !errors.Is(err, fmp4.ErrTime) {
		t.Errorf("no duration: %v", err)
	}
}

// Whatever of a chunk's first bytes is torn off or changed: no panic, and what
// is read lies within.
func TestTornAndChangedChunks(t *testing.T) {
	video := segmenttest.Video()
	good := chunk(t, fmp4.Chunk{Sequence: 1, Samples: reordered(video), End: 4 * frame, SegmentStart: true, Wall: time.Unix(1.8e9, 0)})
	for n := range good {
		if got, err := fmp4.ReadChunk(nil, video, good[:n:n], 0); err == nil {
			t.Fatalf("torn at %d: %d samples", n, len(got))
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		b := bytes.Clone(good)
		b[rnd.IntN(len(b))] ^= byte(1 << rnd.IntN(8))
		readWhatever(t, b)
	}
}

func readWhatever(t *testing.T, b []byte) {
	for _, track := range []*media.Track{segmenttest.Video(), segmenttest.Audio()} {
		got, err := fmp4.ReadChunk(nil, track, b, 10*time.Second)
		n := 0
		for _, p := range got {
			if n += len(p.Data); p.PTS < p.DTS || p.Track != track {
				t.Fatalf("%+v", p)
			}
		}
		if err != nil && len(got) > 0 || len(got) > len(b)/4 {
			t.Fatalf("%d samples of %d bytes from %d, %v", len(got), n, len(b), err)
		}
	}
}

func FuzzReadChunk(f *testing.F) {
	f.Add(chunk(f, fmp4.Chunk{Sequence: 1, Samples: reordered(segmenttest.Video()), End: 4 * frame, SegmentStart: true}))
	f.Add(chunk(f, fmp4.Chunk{Sequence: 1, Samples: sounds(segmenttest.Audio(), 3), End: time.Second, Wall: time.Unix(1.8e9, 0)}))
	f.Fuzz(func(t *testing.T, b []byte) { readWhatever(t, b) })
}

func FuzzReadInit(f *testing.F) {
	f.Add(header(f, segmenttest.Video()))
	f.Add(header(f, segmenttest.Audio()))
	both, err := fmp4.InitOf(segmenttest.Video(), segmenttest.Audio())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(both)
	f.Fuzz(func(t *testing.T, b []byte) {
		tracks, err := fmp4.ReadInits(b)
		if (err == nil) == (len(tracks) == 0) {
			t.Fatalf("%v, %v", tracks, err)
		}
		for _, track := range tracks {
			if scale := fmp4.Timescale(track); scale <= 0 {
				t.Fatalf("%v with %d ticks a second", track, scale)
			}
		}
	})
}

// A chunk is read without an allocation beyond the slice.
func TestReadingAllocatesNothingASample(t *testing.T) {
	track := segmenttest.Video()
	samples := second()
	for i := range samples {
		samples[i].Track = track
	}
	b := chunk(t, fmp4.Chunk{Sequence: 1, Samples: samples, End: time.Second})
	buf := make([]media.Packet, 0, len(samples))
	if n := testing.AllocsPerRun(100, func() {
		if _, err := fmp4.ReadChunk(buf, track, b, 0); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
