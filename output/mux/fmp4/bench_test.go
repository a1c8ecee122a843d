package fmp4_test

import (
	"io"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// second is a second of 30 pictures at 8 Mb/s.
func second() (out []media.Packet) {
	track := segmenttest.Video()
	for i := range 30 {
		out = append(out, segmenttest.Picture(track, time.Duration(i)*time.Second/30, i == 0, 33_333))
	}
	return out
}

// BenchmarkHeader is what a chunk costs here …
func BenchmarkHeader(b *testing.B) {
	c := fmp4.Chunk{Sequence: 1, Samples: second(), End: time.Second, SegmentStart: true}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = fmp4.AppendHeader(buf[:0], c)
	}
}

// … and BenchmarkMP4FF the same by mp4ff's boxes, which copies the payload.
func BenchmarkMP4FF(b *testing.B) {
	samples := second()
	b.ReportAllocs()
	for b.Loop() {
		f, err := mp4.CreateFragment(1, 1)
		if err != nil {
			b.Fatal(err)
		}
		for i, p := range samples {
			flags := mp4.NonSyncSampleFlags
			if p.Key {
				flags = mp4.SyncSampleFlags
			}
			f.AddFullSample(mp4.FullSample{
				Sample:     mp4.Sample{Flags: flags, Dur: 3000, Size: uint32(len(p.Data))},
				DecodeTime: uint64(i) * 3000, Data: p.Data,
			})
		}
		if err := f.Encode(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead is what reading it back costs.
func BenchmarkRead(b *testing.B) {
	samples := second()
	data := chunk(b, fmp4.Chunk{Sequence: 1, Samples: samples, End: time.Second})
	var buf []media.Packet
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = fmp4.ReadChunk(buf[:0], samples[0].Track, data, 0)
	}
}
