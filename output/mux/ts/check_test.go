package ts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/asticode/go-astits"

	"github.com/encoderbox/encoderbox/media/h264"
)

// The limits are the reader's own, not the muxer's constants.
const (
	pcrLimit   = 40 * time.Millisecond
	tableLimit = 100 * time.Millisecond
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
	pmts      map[uint8]int // sections by version
}

// check reads a transport stream with go-astits and says which rules it breaks.
func check(stream []byte) (stats, []string) {
	var bad []string
	fail := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	if len(stream)%PacketSize != 0 {
		fail("%d bytes are not whole packets", len(stream))
	}
	c := checker{fail: fail, cc: map[uint16]int{}, tables: map[uint16][]int{}, stats: stats{pmts: map[uint8]int{}}}
	c.packets(stream)
	c.intervals()
	c.sections(stream)
	return c.stats, bad
}

type checker struct {
	stats
	fail   func(string, ...any)
	cc     map[uint16]int
	pcrPID uint16
	pcrs   []clockRef
	tables map[uint16][]int // packet numbers by PID
}

// clockRef is a PCR and where it stands.
type clockRef struct {
	packet int
	value  time.Duration
	broken bool
}

func duration27(c *astits.ClockReference) time.Duration {
	return time.Duration(c.Base*300+c.Extension) * 1000 / 27
}

func (c *checker) packets(stream []byte) {
	dmx := astits.NewDemuxer(context.Background(), bytes.NewReader(stream), astits.DemuxerOptPacketSize(PacketSize))
	for i := 0; ; i++ {
		p, err := dmx.NextPacket()
		if err != nil {
			if !errors.Is(err, astits.ErrNoMorePackets) && !errors.Is(err, io.EOF) {
				c.fail("packet %d: %v", i, err)
			}
			return
		}
		h, af := p.Header, p.AdaptationField
		want, known := c.cc[h.PID]
		if h.HasPayload {
			want = (want + 1) & 15
		}
		if known && int(h.ContinuityCounter) != want {
			c.fail("packet %d: PID %d counts %d, want %d", i, h.PID, h.ContinuityCounter, want)
		}
		c.cc[h.PID] = int(h.ContinuityCounter)
		if h.PID == astits.PIDPAT || h.PID == pmtPID {
			c.tables[h.PID] = append(c.tables[h.PID], i)
		}
		if af == nil {
			continue
		}
		if af.DiscontinuityIndicator {
			c.breaks++
		}
		if af.HasPCR {
			c.pcrs = append(c.pcrs, clockRef{i, duration27(af.PCR), af.DiscontinuityIndicator})
			if !h.HasPayload {
				c.pcrOnly++
			}
			if c.pcrPID == 0 {
				c.pcrPID = h.PID
			}
			if c.pcrPID != h.PID {
				c.fail("packet %d: PCR on PID %d, was on %d", i, h.PID, c.pcrPID)
			}
		} else if af.RandomAccessIndicator && h.PID == c.pcrPID {
			c.fail("packet %d: random access indicator without PCR on the PCR's PID", i)
		}
	}
}

func (c *checker) intervals() {
	if len(c.pcrs) == 0 {
		c.fail("no PCR")
		return
	}
	for i, r := range c.pcrs[1:] {
		d := r.value - c.pcrs[i].value
		if d < -time.Hour { // the counter wrapped
			d += time.Duration(pcrModulus/27) * time.Microsecond
		}
		switch {
		case r.broken:
		case d <= 0:
			c.fail("packet %d: PCR goes from %v to %v", r.packet, c.pcrs[i].value, r.value)
		case d > pcrLimit+time.Microsecond:
			c.fail("packet %d: %v since the last PCR", r.packet, d)
			fallthrough
		default:
			c.maxPCR = max(c.maxPCR, d)
		}
	}
	for _, pid := range []uint16{astits.PIDPAT, pmtPID} {
		at := c.tables[pid]
		if len(at) == 0 {
			c.fail("PID %d is not there", pid)
			continue
		}
		if at[0] > 1 {
			c.fail("PID %d starts at packet %d", pid, at[0])
		}
		for i, packet := range append(at, c.pcrs[len(c.pcrs)-1].packet) {
			if i == 0 {
				continue
			}
			d, ok := c.between(at[i-1], packet)
			if ok && d > tableLimit {
				c.fail("packet %d: %v since the last packet of PID %d", packet, d, pid)
			}
			if ok {
				c.maxTables = max(c.maxTables, d)
			}
		}
	}
}

// between is the time from packet a to packet b: that of the first PCR at or
// behind each. ok is false where the clock breaks in between.
func (c *checker) between(a, b int) (time.Duration, bool) {
	ra, rb := -1, -1
	for i, r := range c.pcrs {
		if ra < 0 && r.packet >= a {
			ra = i
		}
		if rb < 0 && r.packet >= b {
			rb = i
		}
	}
	if ra < 0 || rb < 0 {
		return 0, false
	}
	for _, r := range c.pcrs[ra+1 : rb+1] {
		if r.broken {
			return 0, false
		}
	}
	d := c.pcrs[rb].value - c.pcrs[ra].value
	return d, d >= 0
}

func (c *checker) sections(stream []byte) {
	dmx := astits.NewDemuxer(context.Background(), bytes.NewReader(stream), astits.DemuxerOptPacketSize(PacketSize))
	for {
		d, err := dmx.NextData()
		if err != nil {
			if !errors.Is(err, astits.ErrNoMorePackets) {
				c.fail("sections: %v", err)
			}
			return
		}
		switch {
		case d.PAT != nil:
			if len(d.PAT.Programs) != 1 || d.PAT.Programs[0].ProgramMapID != pmtPID {
				c.fail("PAT: %+v", d.PAT.Programs)
			}
		case d.PMT != nil:
			if d.PMT.PCRPID != c.pcrPID {
				c.fail("the PMT names PID %d for the PCR, which is on %d", d.PMT.PCRPID, c.pcrPID)
			}
			c.pmts[uint8(len(d.PMT.ElementaryStreams))]++
		case d.PES != nil:
			c.pes(d)
		}
	}
}

func (c *checker) pes(d *astits.DemuxerData) {
	h := d.PES.Header
	if h.OptionalHeader == nil || h.OptionalHeader.PTS == nil {
		c.fail("PID %d: PES packet without PTS", d.PID)
		return
	}
	u := pesUnit{pid: d.PID, pts: h.OptionalHeader.PTS.Base, data: d.PES.Data}
	u.dts = u.pts
	if h.OptionalHeader.DTS != nil {
		u.dts = h.OptionalHeader.DTS.Base
	}
	if d.PID == videoPID {
		c.picture(d, u)
	}
	c.units = append(c.units, u)
}

func (c *checker) picture(d *astits.DemuxerData, u pesUnit) {
	if !bytes.HasPrefix(u.data, accessUnitDelimiter[:]) {
		c.fail("access unit at %d does not start with a delimiter", u.dts)
	}
	var types []string
	idr := false
	for nal := range h264.SplitAnnexB(u.data) {
		if h264.Type(nal) == h264.TypeIDR && !idr {
			idr = true
			if s := strings.Join(types, " "); !strings.HasPrefix(s, "9 7 8") {
				c.fail("IDR picture at %d follows NAL unit types %s", u.dts, s)
			}
		}
		types = append(types, fmt.Sprint(h264.Type(nal)))
	}
	af := d.FirstPacket.AdaptationField
	if random := af != nil && af.RandomAccessIndicator; random != idr {
		c.fail("access unit at %d: random access indicator %v, IDR %v", u.dts, random, idr)
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
		{"half a packet", "whole packets", good[:len(good)-1]},
		{"a packet lost", "counts", keep(func(i int, p []byte) bool { return i != 10 })},
		{"sync byte", "sync", change(0, 1, func([]byte) bool { return true })},
		{"no PAT", "is not there", keep(func(_ int, p []byte) bool { return pid(p) != 0 })},
		{"no PMT", "is not there", keep(func(_ int, p []byte) bool { return pid(p) != pmtPID })},
		{"tables only at the start", "since the last packet of PID 0", keep(func(i int, p []byte) bool { return i < 2 || pid(p) != 0 })},
		{"tables late", "starts at", keep(func(i int, p []byte) bool { return i > 3 })},
		{"PCR only now and then", "since the last PCR", change(5, 0x10, func(p []byte) bool { return hasPCR(p) && p[5]&0x40 == 0 })},
		{"PCR that jumps back", "PCR goes from", change(8, 0x80, func(p []byte) bool { return hasPCR(p) && p[5]&0x40 == 0 })},
		{"PCR in the PMT elsewhere", "PCR on PID", change(2, 1, hasPCR)},
		{"CRC of the PMT", "sections", change(22, 1, func(p []byte) bool { return pid(p) == pmtPID })},
		{"random access without PCR", "without PCR", change(5, 0x10, second(func(p []byte) bool { return hasPCR(p) && p[5]&0x40 != 0 }))},
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
