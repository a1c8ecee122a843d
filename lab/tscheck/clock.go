package tscheck

import (
	"math"
	"sort"
	"time"
)

// clock is the programme clock, as the references have it.
type clock struct {
	pid  uint16
	any  bool
	last int64 // raw
	refs []ref
}

// ref is one clock reference.
type ref struct {
	packet  int64
	ticks   int64 // 27 MHz, without wraps
	segment int   // a new one begins at every break
}

func fromTicks(n int64) time.Duration {
	return time.Duration(n/systemRate)*time.Second + time.Duration(n%systemRate*1000/27)
}

// reference takes a PCR in.
func (c *checker) reference(pid uint16, f field) {
	k := &c.clock
	if !k.any {
		k.any, k.pid = true, pid
		c.report.PCRPID = pid
		k.last = f.pcr
		k.refs = append(k.refs, ref{c.n, f.pcr, 0})
		return
	}
	if pid != k.pid {
		c.fail(PID, "a PCR on PID %d, before on %d", pid, k.pid)
		return
	}
	before := k.refs[len(k.refs)-1]
	step := f.pcr - k.last
	if step < -pcrWrap/2 {
		step += pcrWrap
	} else if step > pcrWrap/2 {
		step -= pcrWrap
	}
	k.last = f.pcr
	r := ref{c.n, before.ticks + step, before.segment}
	d := fromTicks(step)
	switch {
	case f.discontinuity:
		r.segment++
	case step <= 0 || d > maxJump:
		c.fail(PCRJump, "the PCR goes %v from that of packet %d", d, before.packet)
		r.segment++
	default:
		if c.report.MaxPCR = max(c.report.MaxPCR, d); d > MaxPCRInterval {
			c.fail(PCRInterval, "%v since the PCR of packet %d", d, before.packet)
		}
	}
	k.refs = append(k.refs, r)
}

// at is the clock at a packet, interpolated between the references around it,
// in 27 MHz units; near the ends the nearest two are extended. ok is false where
// the clock breaks there, or is not known.
func (k *clock) at(packet int64) (ticks float64, segment int, ok bool) {
	n := len(k.refs)
	if n < 2 {
		return 0, 0, false
	}
	j := sort.Search(n, func(i int) bool { return k.refs[i].packet > packet })
	j = min(max(j, 1), n-1)
	a, b := k.refs[j-1], k.refs[j]
	if a.segment != b.segment {
		switch {
		case j >= 2 && k.refs[j-2].segment == a.segment && packet < b.packet:
			a, b = k.refs[j-2], a
		case j+1 < n && k.refs[j+1].segment == b.segment:
			a, b = b, k.refs[j+1]
		default:
			return 0, 0, false
		}
	}
	if a.packet == b.packet {
		return 0, 0, false
	}
	rate := float64(b.ticks-a.ticks) / float64(b.packet-a.packet)
	return float64(a.ticks) + float64(packet-a.packet)*rate, a.segment, true
}

// behind is the first reference at or behind a packet: what a stream of variable
// rate is timed by, where all that is sent at one time leads to one reference.
func (k *clock) behind(packet int64) (ticks float64, segment int, ok bool) {
	j := sort.Search(len(k.refs), func(i int) bool { return k.refs[i].packet >= packet })
	if j == len(k.refs) {
		return 0, 0, false
	}
	return float64(k.refs[j].ticks), k.refs[j].segment, true
}

// before is the last reference at or before a packet.
func (k *clock) before(packet int64) (r ref, ok bool) {
	j := sort.Search(len(k.refs), func(i int) bool { return k.refs[i].packet > packet })
	if j == 0 {
		return ref{}, false
	}
	return k.refs[j-1], true
}

// unwrap is a 90 kHz stamp as 27 MHz ticks near the clock.
func unwrap(stamp, near int64) int64 {
	t := stamp * 300
	t += (near - t) / pcrWrap * pcrWrap
	switch {
	case near-t > pcrWrap/2:
		t += pcrWrap
	case t-near > pcrWrap/2:
		t -= pcrWrap
	}
	return t
}

// finish checks what needs the whole stream.
func (c *checker) finish() {
	for _, x := range c.sorted() {
		c.endUnit(x, true)
	}
	sort.SliceStable(c.report.Units, func(i, j int) bool { return c.report.Units[i].First < c.report.Units[j].First })
	if len(c.clock.refs) == 0 {
		c.failAt(0, NoPCR, "there is no PCR")
	}
	c.accuracy()
	c.presence()
	c.intervals(c.pats, PATInterval, &c.report.MaxPAT)
	c.intervals(c.pmts, PMTInterval, &c.report.MaxPMT)
	c.decoding()
	sort.SliceStable(c.report.Findings, func(i, j int) bool { return c.report.Findings[i].Packet < c.report.Findings[j].Packet })
}

func (c *checker) sorted() (all []*pid) {
	for _, x := range c.pids {
		all = append(all, x)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].number < all[j].number })
	return all
}

// accuracy measures each piece's rate and, for a constant one, how far each
// reference is from its place.
func (c *checker) accuracy() {
	refs := c.clock.refs
	for from := 0; from < len(refs); {
		to := from
		for to < len(refs) && refs[to].segment == refs[from].segment {
			to++
		}
		piece := refs[from:to]
		from = to
		a, b := piece[0], piece[len(piece)-1]
		if b.packet == a.packet {
			continue
		}
		slope := float64(b.ticks-a.ticks) / float64(b.packet-a.packet) // ticks a packet
		if d := fromTicks(b.ticks - a.ticks); d > c.report.Duration {
			c.report.Duration, c.report.Rate = d, PacketSize*8*systemRate/slope
		}
		if c.o.Rate > 0 {
			slope = PacketSize * 8 * systemRate / float64(c.o.Rate)
		}
		if !c.o.Constant && c.o.Rate == 0 {
			continue
		}
		for _, r := range piece {
			off := float64(r.ticks-a.ticks) - float64(r.packet-a.packet)*slope
			wrong := time.Duration(math.Abs(off) * 1000 / 27)
			if c.report.PCRError = max(c.report.PCRError, wrong); wrong > MaxPCRError {
				c.failAt(r.packet, PCRAccuracy, "the PCR is %v from its place", wrong)
			}
		}
	}
}

// presence checks that what must be there is.
func (c *checker) presence() {
	if len(c.pats) == 0 {
		c.failAt(0, NoPAT, "there is no PAT")
	}
	if len(c.pmts) == 0 {
		c.failAt(0, NoPMT, "there is no PMT")
		return
	}
	if t := c.pids[c.pmtPID].table.pcr; c.clock.any && t != c.clock.pid {
		c.failAt(c.pmts[0], PID, "the PMT names PID %d for the PCR, which is on %d", t, c.clock.pid)
	}
	for _, x := range c.sorted() {
		if _, named := c.report.Streams[x.number]; !named && x.timed {
			c.failAt(0, PID, "PID %d carries a stream and is not in the PMT", x.number)
		}
	}
}

// intervals checks how far apart a table is, from the stream's first clock
// reference to its last.
func (c *checker) intervals(at []int64, rule Rule, longest *time.Duration) {
	refs := c.clock.refs
	if len(at) == 0 || len(refs) < 2 {
		return
	}
	points := append([]int64{min(refs[0].packet, at[0])}, at...)
	if end := refs[len(refs)-1].packet; end > at[len(at)-1] {
		points = append(points, end)
	}
	at27 := c.clock.behind
	if c.o.Constant || c.o.Rate > 0 {
		at27 = c.clock.at
	}
	for i := 1; i < len(points); i++ {
		a, sa, ok := at27(points[i-1])
		b, sb, also := at27(points[i])
		if !ok || !also || sa != sb {
			continue
		}
		d := fromTicks(int64(b - a))
		if *longest = max(*longest, d); d > MaxTableInterval {
			c.failAt(points[i], rule, "%v since packet %d", d, points[i-1])
		}
	}
}

// decoding compares decoding times with arrival.
func (c *checker) decoding() {
	c.report.MinDelay = math.MaxInt64
	for i := range c.report.Units {
		u := &c.report.Units[i]
		begun, seg, ok := c.clock.at(u.First)
		r, known := c.clock.before(u.Last)
		if !ok || !known || r.segment != seg || u.segment != seg {
			continue
		}
		arrived := float64(r.ticks) // at least
		if c.o.Constant || c.o.Rate > 0 {
			if t, s, ok := c.clock.at(u.Last); ok && s == seg {
				arrived = t
			}
		}
		u.Known, u.Begun, u.Arrived = true, fromTicks(int64(begun)), fromTicks(int64(arrived))
		c.report.MinDelay = min(c.report.MinDelay, u.DTS-u.Arrived)
		c.report.MaxDelay = max(c.report.MaxDelay, u.DTS-u.Begun)
		switch {
		case u.DTS < u.Arrived:
			c.failAt(u.Last, DecodeLate, "PID %d: the DTS is %v before the clock", u.PID, u.Arrived-u.DTS)
		case u.DTS-u.Begun > MaxDelay:
			c.failAt(u.First, DecodeEarly, "PID %d: %v before its decoding", u.PID, u.DTS-u.Begun)
		}
	}
	if c.report.MinDelay == math.MaxInt64 {
		c.report.MinDelay = 0
	}
}
