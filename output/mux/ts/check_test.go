package ts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asticode/go-astits"

	"github.com/encoderbox/encoderbox/lab/tscheck"
	"github.com/encoderbox/encoderbox/media/h264"
)

// pesUnit is one PES packet as the reader found it.
type pesUnit struct {
	pid      uint16
	pts, dts int64
	data     []byte
}

// stats is what check found in a stream that obeys the rules.
type stats struct {
	units     []pesUnit
	pcrOnly   int // packets
	breaks    int // discontinuity indicators
	maxPCR    time.Duration
	maxTables time.Duration
	pmts      map[int]int // PMTs by number of streams
}

// check reads a transport stream with tscheck, and says which rules it breaks:
// those of every stream, and those of ours.
func check(stream []byte) (stats, []string) {
	r, err := tscheck.Check(bytes.NewReader(stream), tscheck.Options{Data: true})
	if err != nil {
		return stats{}, []string{err.Error()}
	}
	c := checker{stats: stats{
		units: unitsOf(r), pcrOnly: int(r.PCROnly), breaks: int(r.Breaks),
		maxPCR: r.MaxPCR, maxTables: max(r.MaxPAT, r.MaxPMT), pmts: r.PMTs,
	}}
	for _, f := range r.Findings {
		if f.Rule == tscheck.Timestamps {
			continue // they are the input's, which compare holds them against
		}
		c.bad = append(c.bad, f.String())
	}
	if len(stream) >= 2*PacketSize && (pidOf(stream) != 0 || pidOf(stream[PacketSize:]) != pmtPID) {
		c.fail("the stream begins without tables")
	}
	for _, u := range r.Of(videoPID) {
		c.picture(u)
	}
	return c.stats, c.bad
}

// unitsOf is a report's access units for compare.
func unitsOf(r *tscheck.Report) (us []pesUnit) {
	for _, u := range r.Units {
		us = append(us, pesUnit{pid: u.PID, pts: u.RawPTS, dts: u.RawDTS, data: u.Data})
	}
	return us
}

type checker struct {
	stats
	bad []string
}

func (c *checker) fail(format string, args ...any) {
	c.bad = append(c.bad, fmt.Sprintf(format, args...))
}

// picture checks what H.264 in a transport stream must have.
func (c *checker) picture(u tscheck.Unit) {
	if !bytes.HasPrefix(u.Data, accessUnitDelimiter[:]) {
		c.fail("access unit at %d does not start with a delimiter", u.RawDTS)
	}
	var types []string
	idr := false
	for nal := range h264.SplitAnnexB(u.Data) {
		if h264.Type(nal) == h264.TypeIDR && !idr {
			idr = true
			if s := strings.Join(types, " "); !strings.HasPrefix(s, "9 7 8") {
				c.fail("IDR picture at %d follows NAL unit types %s", u.RawDTS, s)
			}
		}
		types = append(types, fmt.Sprint(h264.Type(nal)))
	}
	if u.RandomAccess != idr {
		c.fail("access unit at %d: random access indicator %v, IDR %v", u.RawDTS, u.RandomAccess, idr)
	}
}

// mustPass fails the test for every rule a stream breaks.
func mustPass(t *testing.T, stream []byte) stats {
	t.Helper()
	s, bad := check(stream)
	for _, b := range bad {
		t.Error(b)
	}
	return s
}

// TestCheckerFails proves that check finds each fault put into a good stream.
func TestCheckerFails(t *testing.T) {
	good := muxAll(t, Config{Tracks: tracks(true, true)}, synthetic(true, true, 25, 2*time.Second))
	mustPass(t, good)
	keep := func(pred func(i int, p []byte) bool) []byte {
		var out []byte
		for i := 0; i < len(good); i += PacketSize {
			if p := good[i : i+PacketSize]; pred(i/PacketSize, p) {
				out = append(out, p...)
			}
		}
		return out
	}
	pid := func(p []byte) int { return int(p[1]&0x1f)<<8 | int(p[2]) }
	change := func(at int, xor byte, pred func(p []byte) bool) []byte {
		out := bytes.Clone(good)
		for i := PacketSize; i < len(out); i += PacketSize {
			if pred(out[i : i+PacketSize]) {
				out[i+at] ^= xor
				break
			}
		}
		return out
	}
	hasPCR := func(p []byte) bool { return p[3]&0x20 != 0 && p[4] > 0 && p[5]&0x10 != 0 }
	second := func(pred func(p []byte) bool) func(p []byte) bool {
		n := 0
		return func(p []byte) bool {
			if pred(p) {
				n++
			}
			return n == 2
		}
	}
	for _, c := range []struct {
		name, want string
		stream     []byte
	}{
		{"half a packet", "length", good[:len(good)-1]},
		{"a packet lost", "continuity", keep(func(i int, p []byte) bool { return i != 10 })},
		{"sync byte", "sync", change(0, 1, func([]byte) bool { return true })},
		{"no PAT", "no_pat", keep(func(_ int, p []byte) bool { return pid(p) != 0 })},
		{"no PMT", "no_pmt", keep(func(_ int, p []byte) bool { return pid(p) != pmtPID })},
		{"tables only at the start", "pat_interval", keep(func(i int, p []byte) bool { return i < 2 || pid(p) != 0 })},
		{"tables late", "begins without tables", keep(func(i int, p []byte) bool { return i > 3 })},
		{"PCR only now and then", "pcr_interval", change(5, 0x10, func(p []byte) bool { return hasPCR(p) && p[5]&0x40 == 0 })},
		{"PCR that jumps back", "pcr_jump", change(8, 0x80, func(p []byte) bool { return hasPCR(p) && p[5]&0x40 == 0 })},
		{"PCR in the PMT elsewhere", "a PCR on PID", change(2, 1, hasPCR)},
		{"CRC of the PMT", "crc", change(22, 1, func(p []byte) bool { return pid(p) == pmtPID })},
		{"random access without PCR", "without a PCR", change(5, 0x10, second(func(p []byte) bool { return hasPCR(p) && p[5]&0x40 != 0 }))},
		{"key picture without the indicator", "random access indicator false", change(5, 0x40, func(p []byte) bool { return hasPCR(p) && p[5]&0x40 != 0 })},
		{"no delimiter", "delimiter", bytes.Replace(good, accessUnitDelimiter[:5], []byte{0, 0, 0, 1, 6}, 1)},
		{"no SPS before IDR", "follows NAL unit types", bytes.Replace(good, []byte{0, 0, 0, 1, 0x67}, []byte{0, 0, 0, 1, 0x66}, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, bad := check(c.stream)
			if !strings.Contains(strings.Join(bad, "\n"), c.want) {
				t.Errorf("found %q, want something with %q", bad, c.want)
			}
		})
	}
}

// pictureClocks is DTS less PCR of every access unit that carries a PCR.
func pictureClocks(t *testing.T, stream []byte) (ds []time.Duration) {
	t.Helper()
	dmx := astits.NewDemuxer(context.Background(), bytes.NewReader(stream), astits.DemuxerOptPacketSize(PacketSize))
	for {
		d, err := dmx.NextData()
		if errors.Is(err, astits.ErrNoMorePackets) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if d.PES == nil || d.FirstPacket.AdaptationField == nil || !d.FirstPacket.AdaptationField.HasPCR {
			continue
		}
		ticks := d.PES.Header.OptionalHeader.PTS.Base*300 - d.FirstPacket.AdaptationField.PCR.Base*300 - d.FirstPacket.AdaptationField.PCR.Extension
		ds = append(ds, time.Duration(ticks)*1000/27)
	}
	if len(ds) == 0 {
		t.Fatal("no access unit carries a PCR")
	}
	return ds
}
