package ts

import (
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Position is the time at the rate from the first packet to the next one.
func (c *Constant) Position() time.Duration { return c.position(c.n) }

// position is that of packet n.
func (c *Constant) position(n int64) time.Duration {
	return media.FromTimescale(n*packetBits, int(c.rate))
}

// now is the stream time of the next packet.
func (c *Constant) now() time.Duration { return c.origin + c.Position() }

// Clock is the programme clock at the next packet, in 90 kHz, modulo 2³³.
func (c *Constant) Clock() uint64 { return c.clock27() / 300 }

// clock27 is the programme clock at the next packet, in 27 MHz. It is the
// origin's and the place's, each exact, so that no rounding adds up.
func (c *Constant) clock27() uint64 {
	bits := c.n * packetBits
	v := media.ToTimescale(c.origin+startAt, systemRate) + bits/c.rate*systemRate + bits%c.rate*systemRate/c.rate
	if v %= pcrModulus; v < 0 {
		v += pcrModulus
	}
	return uint64(v)
}

// Advance appends the packets whose place is before until, counted as Position
// is. There are none before the first access unit was added.
func (c *Constant) Advance(dst []byte, until time.Duration) []byte {
	for c.started && c.Position() < until {
		dst = c.Next(dst)
	}
	return dst
}

// Next appends one packet; nothing before the first access unit was added.
func (c *Constant) Next(dst []byte) []byte {
	if !c.started {
		return dst
	}
	now := c.now()
	dst = c.slot(dst, now)
	c.n++
	return dst
}

// slot appends the packet of time now.
func (c *Constant) slot(dst []byte, now time.Duration) []byte {
	slot := c.position(c.n+1) - c.Position()
	due := now-c.m.pcr+3*slot > constantPCRInterval || c.m.broken // both tables may come before it
	q, s := c.choose(now)
	if q != nil && q.units[0].key && !q.units[0].tabled {
		q.units[0].tabled, c.m.needTable = true, true
	}
	if c.m.needTable || now-c.m.tablesAt >= constantTableInterval || now < c.m.tablesAt {
		c.m.needTable, c.m.tablesAt = false, now
		c.psi = c.m.tables.append(c.psi[:0])
	}
	switch {
	case len(c.psi) > 0:
		dst = append(dst, c.psi[:PacketSize]...)
		c.psi = c.psi[PacketSize:]
		return dst
	case due && s != c.m.clock():
		return c.m.clock().appendEmpty(dst, c.reference(now))
	case q == nil:
		return append(dst, nullPacket[:]...)
	}
	return c.send(dst, now, q, s, due)
}

// reference is an adaptation field with the PCR of the next packet.
func (c *Constant) reference(now time.Duration) adaptation {
	af := adaptation{discontinuity: c.m.broken}
	c.m.broken, c.m.pcr = false, now
	af.setPCR(c.clock27())
	return af
}

// choose is the stream whose turn it is; nil when there is nothing to be sent
// now.
func (c *Constant) choose(now time.Duration) (*queue, *stream) {
	var v, a *unit
	if len(c.video.units) > 0 && c.video.units[0].dts-now <= maxEarly {
		v = &c.video.units[0]
	}
	if len(c.audio.units) > 0 && c.audio.units[0].dts-now <= maxEarly {
		if u := &c.audio.units[0]; c.model.takes(now, u) {
			a = u
		}
	}
	switch {
	case a != nil && (v == nil || a.dts <= v.dts):
		return &c.audio, c.m.audio
	case v != nil:
		return &c.video, c.m.video
	}
	return nil, nil
}

// send appends the next packet of a queue's first unit.
func (c *Constant) send(dst []byte, now time.Duration, q *queue, s *stream, due bool) []byte {
	u := &q.units[0]
	start := u.sent == 0
	random := start && (u.key || c.m.video == nil)
	var af adaptation
	if s == c.m.clock() && (due || random) { // the standard wants a PCR beside the random access indicator
		af = c.reference(now)
	}
	af.randomAccess = random
	if s == c.m.audio {
		c.model.sent(now, u, c.m.delay)
	}
	dst, n := s.appendPacket(dst, u.pes[u.sent:], start, af)
	if u.sent += n; u.sent < len(u.pes) {
		return dst
	}
	if c.origin+c.position(c.n+1) > u.dts+c.m.delay {
		c.m.late++
	}
	q.release(u.pes)
	last := len(q.units) - 1
	copy(q.units, q.units[1:])
	q.units[last] = unit{}
	q.units = q.units[:last]
	return dst
}

// nullPacket is one that receivers ignore, §2.4.3.2.
var nullPacket = func() (p [PacketSize]byte) {
	copy(p[:], []byte{0x47, 0x1f, 0xff, 0x10})
	copy(p[4:], stuffing[:])
	return p
}()

// soundBuffer is the decoder's buffer for sound of the T-STD, §2.4.2.3.
type soundBuffer struct {
	units []heard
	fill  int
	last  time.Duration // when the last packet went, if any
	any   bool
}

type heard struct {
	at   time.Duration // when it leaves the buffer
	size int
}

const (
	soundBufferSize = 3584 // of two channels of AAC
	// soundGap is how long the transport buffer takes for one packet at 2 Mb/s;
	// it never holds more than one and part of another then.
	soundGap = packetBits * time.Second / 2_000_000
)

func (b *soundBuffer) reset() { *b = soundBuffer{units: b.units[:0]} }

// takes says that the next packet of u may be sent.
func (b *soundBuffer) takes(now time.Duration, u *unit) bool {
	for len(b.units) > 0 && b.units[0].at <= now {
		b.fill -= b.units[0].size
		copy(b.units, b.units[1:])
		b.units = b.units[:len(b.units)-1]
	}
	if b.any && now-b.last < soundGap {
		return false
	}
	return u.sent > 0 || b.fill == 0 || b.fill+len(u.pes) <= soundBufferSize
}

// sent notes that a packet of u is being sent.
func (b *soundBuffer) sent(now time.Duration, u *unit, delay time.Duration) {
	b.any, b.last = true, now
	if u.sent == 0 {
		b.fill += len(u.pes)
		const tick = time.Second/timestampRate + 1 // what the time stamp may be rounded up by
		b.units = append(b.units, heard{u.dts + delay + tick, len(u.pes)})
	}
}

// demand measures the rate of what is added, over the last 2 to 4 seconds of it.
type demand struct {
	from, to time.Duration
	bytes    int
	last     int // bits per second of the window before
}

const demandWindow = 2 * time.Second

func (d *demand) add(dts time.Duration, n int) {
	if d.bytes == 0 || dts < d.from-demandWindow || dts > d.to+demandWindow {
		*d = demand{from: dts, to: dts}
	}
	d.bytes += n
	if d.to = max(d.to, dts); d.to-d.from >= demandWindow {
		d.last = d.measured()
		d.from, d.bytes = d.to, n
	}
}

func (d *demand) measured() int {
	// 184 of 188 bytes are payload, and some are filled up: 4 %; and the tables.
	const tables = 60_000
	return int(float64(d.bytes)*8*1.04/max(d.to-d.from, time.Second/4).Seconds()) + tables
}

func (d *demand) rate() int { return max(d.last, d.measured()) }
