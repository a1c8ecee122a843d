package fmp4_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

var update = flag.Bool("update", false, "write the golden files anew")

const frame = 40 * time.Millisecond

// chunk is a header and its payload as one.
func chunk(t testing.TB, c fmp4.Chunk) []byte {
	t.Helper()
	b, err := fmp4.AppendHeader(nil, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Samples {
		b = append(b, p.Data...)
	}
	return b
}

func header(t testing.TB, track *media.Track) []byte {
	t.Helper()
	b, err := fmp4.Init(track)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reordered is I P B B at 25 pictures a second.
func reordered(track *media.Track) []media.Packet {
	var out []media.Packet
	for i, pts := range []int{1, 4, 2, 3} {
		p := segmenttest.Picture(track, time.Duration(pts)*frame, i == 0, 8+i)
		p.DTS = time.Duration(i) * frame
		out = append(out, p)
	}
	return out
}

func sounds(track *media.Track, n int) (out []media.Packet) {
	for i := range n {
		out = append(out, segmenttest.Sound(track, 0, i))
	}
	return out
}

func TestGolden(t *testing.T) {
	video, audio := segmenttest.Video(), segmenttest.Audio()
	coloured := segmenttest.Video()
	coloured.Video.Color = media.Color{Primaries: 1, Transfer: 1, Matrix: 1, FullRange: true}
	pictures := reordered(video)
	cases := map[string][]byte{
		"init_h264":       header(t, video),
		"init_h264_color": header(t, coloured),
		"init_aac":        header(t, audio),
		"chunk_reordered": chunk(t, fmp4.Chunk{Sequence: 7, Samples: pictures, End: 4 * frame, Offset: time.Second, SegmentStart: true}),
		"chunk_single":    chunk(t, fmp4.Chunk{Sequence: 8, Samples: pictures[3:], End: 4 * frame}),
		"chunk_prft":      chunk(t, fmp4.Chunk{Sequence: 9, Samples: pictures[:1], End: frame, Wall: time.Date(2026, 8, 1, 12, 0, 0, 5e8, time.UTC)}),
		"chunk_aac":       chunk(t, fmp4.Chunk{Sequence: 1, Samples: sounds(audio, 3), End: sounds(audio, 4)[3].DTS, SegmentStart: true}),
	}
	for name, got := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".hex")
			if *update {
				if err := os.WriteFile(path, []byte(hex.Dump(got)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if hex.Dump(got) != string(want) {
				t.Errorf("differs from %s:\n%s", path, hex.Dump(got))
			}
		})
	}
}

func TestHeadersAreCMAF(t *testing.T) {
	video, err := segmenttest.Header(header(t, segmenttest.Video()))
	if err != nil {
		t.Fatal(err)
	}
	entry := video.Moov.Trak.Mdia.Minf.Stbl.Stsd.AvcX
	if entry == nil || entry.Type() != "avc1" || entry.Width != 128 || entry.Height != 72 || video.Moov.Trak.Mdia.Mdhd.Timescale != 90000 {
		t.Errorf("video sample entry %+v", entry)
	}
	audio, err := segmenttest.Header(header(t, segmenttest.Audio()))
	if err != nil {
		t.Fatal(err)
	}
	sound := audio.Moov.Trak.Mdia.Minf.Stbl.Stsd.Mp4a
	if sound == nil || sound.ChannelCount != 2 || sound.SampleRate != 48000 || audio.Moov.Trak.Mdia.Mdhd.Timescale != 48000 {
		t.Errorf("audio sample entry %+v", sound)
	}
}

func TestHeaderOfAnamorphicVideoShowsItsWidth(t *testing.T) {
	track := segmenttest.Video()
	// x264's SPS of a 128×72 picture with --sar 4:3.
	track.Video.SPS, _ = hex.DecodeString("6764000aacb20417f2e1c2000003000200000300641e244c90")
	init, err := segmenttest.Header(header(t, track))
	if err != nil {
		t.Fatal(err)
	}
	pasp := init.Moov.Trak.Mdia.Minf.Stbl.Stsd.AvcX.Pasp
	if pasp == nil || pasp.HSpacing*3 != pasp.VSpacing*4 {
		t.Fatalf("aspect ratio %+v, want 4:3", pasp)
	}
	if w := uint32(init.Moov.Trak.Tkhd.Width) >> 16; w != 170 {
		t.Errorf("shown %d wide, want 170", w)
	}
}

func TestSamplesReadBack(t *testing.T) {
	video, audio := segmenttest.Video(), segmenttest.Audio()
	late := reordered(video)
	late[2].DTS -= 3 * time.Millisecond // not all of one duration
	twoKeys := reordered(video)
	twoKeys[2].Key = true
	cases := map[string]fmp4.Chunk{
		"reordered pictures":       {Samples: reordered(video), End: 4 * frame},
		"times from an offset":     {Samples: reordered(video), End: 4 * frame, Offset: 10 * time.Second},
		"uneven durations":         {Samples: late, End: 4 * frame},
		"key picture in the midst": {Samples: twoKeys, End: 4 * frame},
		"one sample":               {Samples: reordered(video)[:1], End: frame},
		"before the clock's zero":  {Samples: shifted(reordered(video), -time.Second), End: 4*frame - time.Second, Offset: 10 * time.Second},
		"sound":                    {Samples: sounds(audio, 50), End: sounds(audio, 51)[50].DTS},
		"drifting sound":           {Samples: drifting(sounds(audio, 50)), End: 2 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.Sequence, c.SegmentStart = 1, true
			init, err := segmenttest.Header(header(t, c.Samples[0].Track))
			if err != nil {
				t.Fatal(err)
			}
			got, err := segmenttest.Segment(init, chunk(t, c))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, c, got)
		})
	}
}

func shifted(ps []media.Packet, d time.Duration) []media.Packet {
	for i := range ps {
		ps[i].PTS += d
		ps[i].DTS += d
	}
	return ps
}

// drifting is sound whose times come from a clock 200 ppm off.
func drifting(ps []media.Packet) []media.Packet {
	for i := range ps {
		ps[i].PTS += ps[i].PTS / 5000
		ps[i].DTS = ps[i].PTS
	}
	return ps
}

func compare(t *testing.T, c fmp4.Chunk, got []mp4.FullSample) {
	t.Helper()
	if len(got) != len(c.Samples) {
		t.Fatalf("%d samples, want %d", len(got), len(c.Samples))
	}
	scale := fmp4.Timescale(c.Samples[0].Track)
	for i, p := range c.Samples {
		dts, pts := media.ToTimescale(p.DTS+c.Offset, scale), media.ToTimescale(p.PTS+c.Offset, scale)
		if int64(got[i].DecodeTime) != dts || got[i].PresentationTime() != pts {
			t.Errorf("sample %d at %d, shown %d; want %d, %d", i, got[i].DecodeTime, got[i].PresentationTime(), dts, pts)
		}
		if mp4.IsSyncSampleFlags(got[i].Flags) != p.Key || !bytes.Equal(got[i].Data, p.Data) {
			t.Errorf("sample %d: flags %#x, %d bytes; want key %v, %d bytes", i, got[i].Flags, len(got[i].Data), p.Key, len(p.Data))
		}
	}
	last := got[len(got)-1]
	if end := int64(last.DecodeTime) + int64(last.Dur); end != media.ToTimescale(c.End+c.Offset, scale) {
		t.Errorf("ends at %d", end)
	}
}

func TestProducerReferenceTime(t *testing.T) {
	wall := time.Date(2026, 8, 1, 12, 0, 0, 25e7, time.UTC)
	video := segmenttest.Video()
	b := chunk(t, fmp4.Chunk{Sequence: 1, Samples: reordered(video), End: 4 * frame, SegmentStart: true, Wall: wall})
	f, err := mp4.DecodeFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var prft *mp4.PrftBox
	for i, box := range f.Children {
		if p, ok := box.(*mp4.PrftBox); ok && f.Children[i+1].Type() == "moof" {
			prft = p
		}
	}
	if prft == nil || prft.MediaTime != 3600 || prft.Flags != mp4.PrftTimeCaptured {
		t.Fatalf("prft %+v, want capture time of the picture at tick 3600", prft)
	}
	if d := prft.NTPTimestamp.Time().Sub(wall); d.Abs() > time.Microsecond {
		t.Errorf("NTP time off by %v", d)
	}
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	video := segmenttest.Video()
	backwards := reordered(video)
	backwards[2].DTS = 0
	early := reordered(video)
	early[1].PTS = 0
	chunks := map[string]fmp4.Chunk{
		"decode time before zero":          {Samples: shifted(reordered(video), -time.Second), End: 0},
		"decode time that falls":           {Samples: backwards, End: 4 * frame},
		"end before the last sample":       {Samples: reordered(video), End: frame},
		"presentation before decoding":     {Samples: early, End: 4 * frame},
		"duration of more than 32 bits":    {Samples: reordered(video), End: 20 * time.Hour},
		"two samples at one clock tick":    {Samples: []media.Packet{reordered(video)[0], reordered(video)[0]}, End: frame},
		"the same tick after the rounding": {Samples: []media.Packet{reordered(video)[0], shifted(reordered(video), 100)[0]}, End: frame},
	}
	for name, c := range chunks {
		if b, err := fmp4.AppendHeader([]byte("x"), c); !errors.Is(err, fmp4.ErrTime) || string(b) != "x" {
			t.Errorf("%s: %d bytes, error %v", name, len(b), err)
		}
	}
	if _, err := fmp4.AppendHeader(nil, fmp4.Chunk{}); err == nil {
		t.Error("a chunk without samples was written")
	}
	noSets, wide, torn := segmenttest.Video(), segmenttest.Video(), segmenttest.Video()
	noSets.Video.PPS = nil
	wide.Video.Width = 1 << 16
	torn.Video.SPS = torn.Video.SPS[:5]
	noConfig := segmenttest.Audio()
	noConfig.Audio.Config = nil
	for want, track := range map[string]*media.Track{
		"no parameter sets": noSets, "65536x72": wide, "sequence parameter set": torn,
		"AudioSpecificConfig": noConfig, "no sample entry": {Codec: media.Codec(99), Video: &media.VideoParams{}},
	} {
		if _, err := fmp4.Init(track); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("header: error %v, want one about %q", err, want)
		}
	}
}
