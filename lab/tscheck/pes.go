package tscheck

import "bytes"

// unit is a PES packet being read.
type unit struct {
	Unit
	declared int // PES_packet_length, 0 for none
	got      int // bytes behind the length field
	video    bool
	begun    bool   // the header is whole
	head     []byte // what there is of it before
	tail     []byte // the last bytes, for start codes across packets
}

// streamH264 is the stream_type of H.264.
const streamH264 = 0x1b

// pes takes a packet of an elementary stream.
func (c *checker) pes(x *pid, payload []byte, start bool, f field) {
	if start {
		c.endUnit(x, false)
		x.unit = &unit{}
		x.unit.PID, x.unit.First, x.unit.RandomAccess, x.unit.HasPCR = x.number, c.n, f.random, f.hasPCR
		if f.hasPCR {
			x.unit.PCR = fromTicks(c.clock.refs[len(c.clock.refs)-1].ticks)
		}
	} else if f.random {
		c.fail(RandomAccess, "PID %d: the indicator is set where no PES packet begins", x.number)
	}
	u := x.unit
	if u == nil {
		return
	}
	u.Last = c.n
	u.got += len(payload)
	if u.begun {
		c.grow(u, payload)
		return
	}
	u.head = append(u.head, payload...)
	if rest, ok := c.begin(x, u); !ok {
		x.unit = nil
	} else if u.begun {
		u.head = nil
		c.grow(u, rest)
	}
}

// begin reads the PES header once it is whole, which sets u.begun. It returns
// what is behind it; ok is false where there is none.
func (c *checker) begin(x *pid, u *unit) (rest []byte, ok bool) {
	b := u.head
	if n := min(len(b), 3); !bytes.Equal(b[:n], []byte{0, 0, 1}[:n]) {
		if _, named := c.report.Streams[x.number]; named {
			c.fail(PES, "PID %d: no PES header where one should be", x.number)
		}
		return nil, false
	}
	if len(b) < 9 {
		return nil, true
	}
	id := b[3]
	u.declared, u.video = int(b[4])<<8|int(b[5]), id&0xf0 == 0xe0
	if id != 0xbd && id&0xe0 != 0xc0 && !u.video {
		return nil, false // without the optional header; not ours to judge
	}
	head := 9 + int(b[8])
	if b[6]&0xc0 != 0x80 {
		c.fail(PES, "PID %d: the PES header is malformed", x.number)
		return nil, false
	}
	if len(b) < head {
		return nil, true
	}
	u.begun = true
	u.got -= 6
	if u.declared == 0 && !u.video {
		c.fail(PESLength, "PID %d: PES_packet_length 0, which only video may have", x.number)
	}
	if u.RandomAccess && x.number == c.report.PCRPID && !u.HasPCR {
		c.failAt(u.First, RandomAccess, "PID %d: the indicator is set without a PCR, on the PCR's PID", x.number)
	}
	return b[head:], c.stamps(x, u, b[:head])
}

// stamps reads PTS and DTS.
func (c *checker) stamps(x *pid, u *unit, head []byte) bool {
	flags := head[7] >> 6
	need := map[byte]int{2: 5, 3: 10}[flags]
	if flags < 2 {
		c.fail(PES, "PID %d: a PES packet without PTS", x.number)
		return false
	}
	if len(head) < 9+need {
		c.fail(PES, "PID %d: no room for the time stamps", x.number)
		return false
	}
	ok := true
	read := func(b []byte, prefix byte) int64 {
		if b[0]>>4 != prefix || b[0]&1 == 0 || b[2]&1 == 0 || b[4]&1 == 0 {
			ok = false
		}
		return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
	}
	u.RawPTS = read(head[9:], flags)
	u.RawDTS = u.RawPTS
	if flags == 3 {
		u.RawDTS = read(head[14:], 1)
	}
	if !ok {
		c.fail(PES, "PID %d: markers of the time stamps are missing", x.number)
		return false
	}
	near := int64(0)
	if n := len(c.clock.refs); n > 0 {
		near, u.segment = c.clock.refs[n-1].ticks, c.clock.refs[n-1].segment
	}
	dts := unwrap(u.RawDTS, near)
	u.DTS, u.PTS = fromTicks(dts), fromTicks(unwrap(u.RawPTS, dts))
	if u.PTS < u.DTS {
		c.fail(Timestamps, "PID %d: PTS %v before DTS %v", x.number, u.PTS, u.DTS)
	}
	if x.timed && u.DTS <= x.dts && !x.gap {
		c.fail(Timestamps, "PID %d: DTS %v after %v", x.number, u.DTS, x.dts)
	}
	x.timed, x.gap, x.dts = true, false, u.DTS
	return true
}

// grow looks through a part of the payload.
func (c *checker) grow(u *unit, b []byte) {
	if u.Size += len(b); c.o.Data {
		u.Data = append(u.Data, b...)
	}
	if c.report.Streams[u.PID] != streamH264 || u.IDR {
		return
	}
	u.tail = append(u.tail, b...)
	for s := u.tail; ; {
		i := bytes.Index(s, []byte{0, 0, 1})
		if i < 0 || i+3 >= len(s) {
			break
		}
		if s[i+3]&0x1f == 5 {
			u.IDR = true
		}
		s = s[i+3:]
	}
	u.tail = append(u.tail[:0], u.tail[max(0, len(u.tail)-3):]...)
}

// endUnit closes the PES packet being read. last says that the stream has ended,
// perhaps in the middle of one.
func (c *checker) endUnit(x *pid, last bool) {
	u := x.unit
	x.unit = nil
	if u == nil || last && (!u.begun || u.declared > u.got) {
		return
	}
	if !u.begun {
		c.failAt(u.First, PES, "PID %d: the PES header does not end", x.number)
		return
	}
	if u.declared != 0 && u.declared != u.got {
		c.failAt(u.First, PESLength, "PID %d: PES_packet_length %d, and %d bytes", x.number, u.declared, u.got)
	}
	if u.IDR && !u.RandomAccess {
		c.failAt(u.First, RandomAccess, "PID %d: an IDR picture without the indicator", x.number)
	}
	c.report.Units = append(c.report.Units, u.Unit)
}
