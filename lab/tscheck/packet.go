package tscheck

import (
	"fmt"
	"time"
)

// Rates and moduli, ISO/IEC 13818-1 §2.4.2.1.
const (
	systemRate = 27_000_000
	stampRate  = 90_000
	stampWrap  = 1 << 33
	pcrWrap    = stampWrap * 300
)

const (
	patPID  = 0
	sdtPID  = 0x11
	nullPID = 0x1fff
)

// checker is a stream being read.
type checker struct {
	o      Options
	report *Report
	n      int64 // number of the packet being read
	kept   map[Rule]int

	pids   map[uint16]*pid
	pmtPID uint16
	clock  clock
	pats   []int64 // packets in which a table begins
	pmts   []int64
}

// pid is what is known of one PID.
type pid struct {
	number uint16
	seen   bool
	cc     byte
	last   [PacketSize]byte // packet with payload
	gap    bool             // a break was announced or found since the last PES packet
	table  table
	unit   *unit // being read
	dts    time.Duration
	timed  bool
}

func newChecker(o Options) *checker {
	return &checker{
		o: o, report: &Report{Streams: map[uint16]uint8{}, PMTs: map[int]int{}},
		kept: map[Rule]int{}, pids: map[uint16]*pid{},
	}
}

func (c *checker) fail(rule Rule, format string, args ...any) { c.failAt(c.n, rule, format, args...) }

func (c *checker) failAt(packet int64, rule Rule, format string, args ...any) {
	c.report.Total++
	if c.kept[rule]++; c.kept[rule] <= maxFindings {
		c.report.Findings = append(c.report.Findings, Finding{rule, packet, fmt.Sprintf(format, args...)})
	}
}

// field is what an adaptation field says.
type field struct {
	discontinuity, random, hasPCR bool
	pcr                           int64
}

// adaptation reads a packet's adaptation field; payload is what follows it.
func (c *checker) adaptation(p *[PacketSize]byte) (f field, payload []byte) {
	payload = p[4:]
	control := p[3] >> 4 & 3
	if control == 0 {
		c.fail(Adaptation, "adaptation_field_control is reserved")
		return f, nil
	}
	if control&2 != 0 {
		n := int(p[4])
		if n > 183 || control == 3 && n > 182 || control == 2 && n != 183 {
			c.fail(Adaptation, "an adaptation field of %d bytes with control %d", n, control)
			return f, nil
		}
		payload = p[5+n:]
		if n > 0 {
			f.discontinuity, f.random = p[5]&0x80 != 0, p[5]&0x40 != 0
			if f.hasPCR = p[5]&0x10 != 0; f.hasPCR && n < 7 {
				c.fail(Adaptation, "a PCR in an adaptation field of %d bytes", n)
				f.hasPCR = false
			}
		}
		if f.hasPCR {
			base := int64(p[6])<<25 | int64(p[7])<<17 | int64(p[8])<<9 | int64(p[9])<<1 | int64(p[10])>>7
			ext := int64(p[10]&1)<<8 | int64(p[11])
			if ext >= 300 {
				c.fail(Adaptation, "PCR extension %d", ext)
			}
			f.pcr = base*300 + ext
		}
	}
	if control&1 == 0 {
		payload = nil
	}
	return f, payload
}

func (c *checker) packet(p *[PacketSize]byte) {
	c.report.Packets++
	number := uint16(p[1]&0x1f)<<8 | uint16(p[2])
	if p[1]&0x80 != 0 {
		c.fail(TransportError, "PID %d: marked as damaged", number)
	}
	if number == nullPID {
		c.report.Nulls++
		return
	}
	if p[3]&0xc0 != 0 {
		c.fail(Scrambled, "PID %d: scrambling control %d", number, p[3]>>6)
		return
	}
	x := c.pids[number]
	if x == nil {
		x = &pid{number: number}
		c.pids[number] = x
	}
	f, payload := c.adaptation(p)
	if f.discontinuity {
		c.report.Breaks++
		x.gap = true
	}
	if !c.continuity(x, p, f) {
		return
	}
	if f.hasPCR {
		if len(payload) == 0 {
			c.report.PCROnly++
		}
		c.reference(number, f)
	}
	start := p[1]&0x40 != 0
	switch {
	case len(payload) == 0:
	case number == patPID, number == c.pmtPID && c.pmtPID != 0, number == sdtPID:
		c.section(x, payload, start)
	case number > 0x1f:
		c.pes(x, payload, start, f)
	}
}

// continuity checks the counter, §2.4.3.3. It returns false for a packet that
// is there twice.
func (c *checker) continuity(x *pid, p *[PacketSize]byte, f field) bool {
	cc := p[3] & 15
	was, seen, has := x.cc, x.seen, p[3]&0x10 != 0
	x.cc, x.seen = cc, true
	same := has && seen && *p == x.last
	if has {
		x.last = *p
	}
	switch {
	case !seen || f.discontinuity:
	case same:
		c.fail(Duplicate, "PID %d: the packet is there twice", x.number)
		return false
	case has && cc != (was+1)&15:
		c.fail(Continuity, "PID %d counts %d after %d", x.number, cc, was)
		x.gap = true
		x.unit, x.table.open = nil, false
	case !has && cc != was:
		c.fail(Continuity, "PID %d counts %d after %d without payload", x.number, cc, was)
	}
	return true
}
