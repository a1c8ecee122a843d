package ts

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/asticode/go-astits"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
)

// eightMegabits is a second of 8 Mb/s at 30 pictures, with sound of 128 kb/s.
func eightMegabits() []media.Packet {
	ps := synthetic(true, true, 30, time.Second)
	for i := range ps {
		size, header := 341, byte(0x21)
		if ps[i].Track == videoTrack {
			size, header = 33_333, 0x41
			if ps[i].Key {
				header = 0x65
			}
		}
		au := bytes.Repeat([]byte{0xa5}, size)
		au[0] = header
		ps[i].Data = au
		if ps[i].Track == videoTrack {
			ps[i].Data = h264.AppendUnit(nil, au)
		}
	}
	return ps
}

// BenchmarkMuxer muxes one second of 8 Mb/s an iteration: 10 ms are 1 % of a core.
func BenchmarkMuxer(b *testing.B) {
	ps := eightMegabits()
	m, err := New(Config{Tracks: tracks(true, true)})
	if err != nil {
		b.Fatal(err)
	}
	var out []byte
	var n int64
	b.ReportAllocs()
	for b.Loop() {
		n = 0
		for i := range ps {
			if out, err = m.Append(out[:0], ps[i]); err != nil {
				b.Fatal(err)
			}
			n += int64(len(out))
			ps[i].PTS += time.Second
			ps[i].DTS += time.Second
		}
	}
	b.SetBytes(n)
}

// BenchmarkGoAstits is the same work by go-astits' own Muxer, for comparison.
func BenchmarkGoAstits(b *testing.B) {
	ps := eightMegabits()
	var out bytes.Buffer
	m := astits.NewMuxer(context.Background(), &out)
	for _, es := range []astits.PMTElementaryStream{
		{ElementaryPID: videoPID, StreamType: astits.StreamTypeH264Video},
		{ElementaryPID: audioPID, StreamType: astits.StreamTypeAACAudio},
	} {
		if err := m.AddElementaryStream(es); err != nil {
			b.Fatal(err)
		}
	}
	m.SetPCRPID(videoPID)
	var data []byte
	var n int64
	b.ReportAllocs()
	for b.Loop() {
		n = 0
		for _, p := range ps {
			out.Reset()
			d := &astits.MuxerData{PID: audioPID, PES: &astits.PESData{Header: &astits.PESHeader{
				StreamID: 0xc0,
				OptionalHeader: &astits.PESOptionalHeader{
					MarkerBits: 2, DataAlignmentIndicator: true, PTSDTSIndicator: astits.PTSDTSIndicatorOnlyPTS,
					PTS: &astits.ClockReference{Base: media.ToTimescale(p.PTS, 90000)},
				}}}}
			if p.Track == videoTrack {
				d.PID, d.PES.Header.StreamID = videoPID, 0xe0
				d.AdaptationField = &astits.PacketAdaptationField{
					RandomAccessIndicator: p.Key, HasPCR: true,
					PCR: &astits.ClockReference{Base: media.ToTimescale(p.PTS, 90000)},
				}
				data = append(data[:0], accessUnitDelimiter[:]...)
				data = h264.AppendAnnexB(data, p.Data)
			} else {
				data, _ = aac.AppendADTS(data[:0], aac.New(48000, 2), p.Data)
			}
			d.PES.Data = data
			if _, err := m.WriteData(d); err != nil {
				b.Fatal(err)
			}
			n += int64(out.Len())
		}
	}
	b.SetBytes(n)
}

// TestAppendAllocatesNothing holds for packets into a buffer with room.
func TestAppendAllocatesNothing(t *testing.T) {
	ps := eightMegabits()
	m, err := New(Config{Tracks: tracks(true, true)})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 0, 64<<10)
	second := func() {
		for i := range ps {
			if out, err = m.Append(out[:0], ps[i]); err != nil {
				t.Fatal(err)
			}
			ps[i].PTS += time.Second
			ps[i].DTS += time.Second
		}
	}
	second() // grows the scratch buffer
	if n := testing.AllocsPerRun(10, second); n > 0 {
		t.Errorf("%v allocations in %d packets", n, len(ps))
	}
}

// FuzzAppend: whatever comes in, what goes out is whole packets in sequence.
func FuzzAppend(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 0x65, 0x88}, int64(0), int64(40), true, false)
	f.Add([]byte{0, 0, 0, 2, 0x41, 0x9a}, int64(-5), int64(1<<40), false, true)
	f.Fuzz(func(t *testing.T, data []byte, at, step int64, key, gap bool) {
		at, step = at%(1<<50), step%(1<<50)
		m, err := New(Config{Tracks: tracks(true, true)})
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		for i := range int64(4) {
			for _, track := range tracks(true, true) {
				dts := time.Duration(at + i*step)
				n := len(out)
				out, err = m.Append(out, media.Packet{Track: track, PTS: dts, DTS: dts, Key: key, Gap: gap, Data: data})
				if err != nil && len(out) != n {
					t.Fatal("an error, and packets appended")
				}
			}
		}
		cc := map[uint16]byte{}
		for i := 0; i < len(out); i += PacketSize {
			p := out[i : i+PacketSize]
			pid, count := uint16(p[1]&0x1f)<<8|uint16(p[2]), p[3]&15
			want := cc[pid]
			if p[3]&0x10 == 0 {
				want = (want - 1) & 15
			} else {
				cc[pid] = (want + 1) & 15
			}
			if p[0] != 0x47 || count != want {
				t.Fatalf("packet %d: % x", i/PacketSize, p[:4])
			}
		}
	})
}
