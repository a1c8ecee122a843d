package ts

import "encoding/binary"

// adaptation is what an adaptation field says besides stuffing.
type adaptation struct {
	discontinuity, randomAccess, hasPCR bool
	pcr                                 uint64 // 27 MHz
}

func (a *adaptation) setPCR(v uint64) { a.hasPCR, a.pcr = true, v }

// size is that of the field with its length byte and without stuffing; 0 when
// it has nothing to say.
func (a *adaptation) size() int {
	switch {
	case a.hasPCR:
		return 8
	case a.discontinuity || a.randomAccess:
		return 2
	}
	return 0
}

// append appends the field stuffed to size bytes, which is at least a.size().
func (a *adaptation) append(dst []byte, size int) []byte {
	dst = append(dst, byte(size-1))
	if size == 1 {
		return dst
	}
	var flags byte
	if a.discontinuity {
		flags |= 0x80
	}
	if a.randomAccess {
		flags |= 0x40
	}
	size -= 2
	if !a.hasPCR {
		return append(append(dst, flags), stuffing[:size]...)
	}
	// 33 bits of 90 kHz, 6 reserved, 9 of 27 MHz.
	base, ext := a.pcr/300, a.pcr%300
	dst = append(dst, flags|0x10)
	dst = binary.BigEndian.AppendUint32(dst, uint32(base>>1))
	dst = append(dst, byte(base<<7)|0x7e|byte(ext>>8), byte(ext))
	return append(dst, stuffing[:size-6]...)
}

// stuffing is as many stuffing bytes as a packet may need.
var stuffing = func() (b [PacketSize]byte) {
	for i := range b {
		b[i] = 0xff
	}
	return b
}()

// appendPES appends a PES packet as transport stream packets, the first with
// the adaptation field af.
func (s *stream) appendPES(dst, pes []byte, af adaptation) []byte {
	for start := true; len(pes) > 0; start, af = false, (adaptation{}) {
		var n int
		dst, n = s.appendPacket(dst, pes, start, af)
		pes = pes[n:]
	}
	return dst
}

// appendPacket appends one packet with the adaptation field af and the first n
// bytes of what is left of a PES packet, of which start says that it is all.
func (s *stream) appendPacket(dst, pes []byte, start bool, af adaptation) (out []byte, n int) {
	unitStart := byte(0)
	if start {
		unitStart = 0x40 // payload_unit_start_indicator
	}
	n = min(len(pes), PacketSize-4-af.size())
	field := PacketSize - 4 - n
	control := byte(0x10) // payload
	if field > 0 {
		control |= 0x20
	}
	dst = append(dst, 0x47, unitStart|byte(s.pid>>8), byte(s.pid), control|s.cc)
	if field > 0 {
		dst = af.append(dst, field)
	}
	s.cc = (s.cc + 1) & 15
	return append(dst, pes[:n]...), n
}

// appendEmpty appends a packet of nothing but an adaptation field. It does not
// count in the continuity counter.
func (s *stream) appendEmpty(dst []byte, af adaptation) []byte {
	dst = append(dst, 0x47, byte(s.pid>>8), byte(s.pid), 0x20|(s.cc-1)&15)
	return af.append(dst, PacketSize-4)
}

// appendPESHeader appends the header of a PES packet; setPESLength completes it.
func appendPESHeader(dst []byte, id byte, pts, dts uint64) []byte {
	const aligned = 0x84 // data_alignment_indicator: an access unit starts here
	dst = append(dst, 0, 0, 1, id, 0, 0, aligned)
	if pts == dts {
		return appendTimestamp(append(dst, 0x80, 5), 0x20, pts)
	}
	dst = appendTimestamp(append(dst, 0xc0, 10), 0x30, pts)
	return appendTimestamp(dst, 0x10, dts)
}

// appendTimestamp appends 33 bits in three groups, each before a marker bit.
func appendTimestamp(dst []byte, prefix byte, t uint64) []byte {
	return append(dst,
		prefix|byte(t>>29)&0x0e|1,
		byte(t>>22),
		byte(t>>14)|1,
		byte(t>>7),
		byte(t<<1)|1,
	)
}

// setPESLength writes PES_packet_length, so that a receiver need not wait for
// the next packet to know that this one is whole. One that is too long for the
// field keeps 0, which the standard allows for video.
func setPESLength(pes []byte) {
	if n := len(pes) - 6; n <= 0xffff {
		binary.BigEndian.PutUint16(pes[4:], uint16(n))
	}
}
