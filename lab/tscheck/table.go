package tscheck

import "bytes"

// table is the section of a PID that is being read, and the one before it.
type table struct {
	open    bool
	buf     []byte
	start   int64
	last    []byte // without CRC
	version byte
	pcr     uint16
}

// maxSection is the largest section, §2.4.4.
const maxSection = 1024

// section collects a section from packets' payloads.
func (c *checker) section(x *pid, payload []byte, start bool) {
	t := &x.table
	if start {
		pointer := int(payload[0])
		if pointer+1 > len(payload) {
			c.fail(Section, "PID %d: pointer_field %d", x.number, pointer)
			return
		}
		if t.open {
			t.buf = append(t.buf, payload[1:1+pointer]...)
			c.whole(x)
		}
		t.open, t.start, t.buf = true, c.n, append(t.buf[:0], payload[1+pointer:]...)
	} else if t.open {
		t.buf = append(t.buf, payload...)
	}
	c.whole(x)
}

// whole takes every section that is complete out of the buffer.
func (c *checker) whole(x *pid) {
	t := &x.table
	for t.open && len(t.buf) >= 3 {
		if t.buf[0] == 0xff { // stuffing to the end of the packet
			t.open = false
			return
		}
		size := 3 + int(t.buf[1]&0x0f)<<8 + int(t.buf[2])
		if size > maxSection || size < 12 {
			c.fail(Section, "PID %d: a section of %d bytes", x.number, size)
			t.open = false
			return
		}
		if len(t.buf) < size {
			return
		}
		c.table(x, t.buf[:size])
		t.buf = append(t.buf[:0], t.buf[size:]...)
	}
}

func (c *checker) table(x *pid, s []byte) {
	if crc(s) != 0 {
		c.fail(CRC, "PID %d: the section's CRC is wrong", x.number)
		return
	}
	t, body := &x.table, s[:len(s)-4]
	version := body[5] >> 1 & 31
	if t.last != nil && x.number != sdtPID && version == t.version && !bytes.Equal(t.last, body) {
		c.fail(Version, "PID %d: the table has changed and still is version %d", x.number, version)
	}
	t.last, t.version = append(t.last[:0], body...), version
	switch {
	case x.number == patPID && body[0] == 0:
		c.pat(body)
	case x.number == c.pmtPID && body[0] == 2:
		c.pmt(x, body)
	case x.number == sdtPID && body[0] >= 0x40:
	default:
		c.fail(Section, "PID %d: table_id %d", x.number, body[0])
	}
}

func (c *checker) pat(b []byte) {
	c.pats = append(c.pats, c.pids[patPID].table.start)
	programmes := 0
	for e := b[8:]; len(e) >= 4; e = e[4:] {
		if e[0] == 0 && e[1] == 0 {
			continue // the network's
		}
		if programmes++; programmes == 1 {
			c.pmtPID = uint16(e[2]&0x1f)<<8 | uint16(e[3])
		}
	}
	if programmes != 1 || (len(b)-8)%4 != 0 {
		c.fail(Section, "the PAT names %d programmes in %d bytes", programmes, len(b)-8)
	}
}

func (c *checker) pmt(x *pid, b []byte) {
	c.pmts = append(c.pmts, x.table.start)
	if len(b) < 12 {
		c.fail(Section, "a PMT of %d bytes", len(b))
		return
	}
	x.table.pcr = uint16(b[8]&0x1f)<<8 | uint16(b[9])
	skip := 12 + int(b[10]&0x0f)<<8 + int(b[11])
	if skip > len(b) {
		c.fail(Section, "the PMT's programme descriptors leave it")
		return
	}
	clear(c.report.Streams)
	for e := b[skip:]; len(e) > 0; {
		if len(e) < 5 || 5+int(e[3]&0x0f)<<8+int(e[4]) > len(e) {
			c.fail(Section, "the PMT's streams leave it")
			return
		}
		c.report.Streams[uint16(e[1]&0x1f)<<8|uint16(e[2])] = e[0]
		e = e[5+int(e[3]&0x0f)<<8+int(e[4]):]
	}
	c.report.PMTs[len(c.report.Streams)]++
}

// crc is the CRC-32 of ISO/IEC 13818-1 Annex A; 0 over a section with its own.
func crc(b []byte) uint32 {
	r := uint32(0xffffffff)
	for _, v := range b {
		r ^= uint32(v) << 24
		for range 8 {
			if r&(1<<31) != 0 {
				r = r<<1 ^ 0x04c11db7
			} else {
				r <<= 1
			}
		}
	}
	return r
}
