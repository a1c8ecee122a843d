package ts

import "bytes"

// pesHeaderSize is the most a PES header takes here, and the first byte behind
// it. Readers like to find that much in the packet that begins a PES packet.
const pesHeaderSize = 20

// split makes n packets with payload more of those of a PID, by dividing the
// payloads of the last ones from start on. What the stream says stays the same.
// There must be a PES packet of the PID with more than n bytes.
func split(stream []byte, start int, pid uint16, n int) []byte {
	for _, keep := range []int{pesHeaderSize, 1} {
		if at, ok := splitFrom(stream, start, pid, n, keep); ok {
			return splitTail(stream[:at], bytes.Clone(stream[at:]), pid, n, keep)
		}
	}
	return stream
}

// splitFrom is where the packets begin that can be divided into n more.
func splitFrom(stream []byte, start int, pid uint16, n, keep int) (at int, ok bool) {
	for at = len(stream) - PacketSize; at >= start; at -= PacketSize {
		if p := stream[at:]; pidOf(p) == pid {
			if n -= divisible(p, keep); n <= 0 {
				return at, true
			}
		}
	}
	return 0, false
}

func splitTail(out, tail []byte, pid uint16, n, keep int) []byte {
	added := byte(0)
	for ; len(tail) > 0; tail = tail[PacketSize:] {
		p := tail[:PacketSize]
		if pidOf(p) != pid {
			out = append(out, p...)
			continue
		}
		p[3] = p[3]&0xf0 | (p[3]+added)&15
		more := min(n, divisible(p, keep))
		if more == 0 {
			out = append(out, p...)
			continue
		}
		out = divide(out, p, more)
		n -= more
		added += byte(more)
	}
	return out
}

func pidOf(p []byte) uint16 { return uint16(p[1]&0x1f)<<8 | uint16(p[2]) }

// payload is that of a packet, nil for none.
func payload(p []byte) []byte {
	switch {
	case p[3]&0x10 == 0:
		return nil
	case p[3]&0x20 == 0:
		return p[4:PacketSize]
	}
	return p[5+int(p[4]) : PacketSize]
}

// divisible is how many packets more a packet's payload can make; keep bytes
// of one that begins a PES packet stay in the first.
func divisible(p []byte, keep int) int {
	if p[1]&0x40 == 0 {
		keep = 1
	}
	return max(0, len(payload(p))-keep)
}

// divide appends a packet as 1+n packets.
func divide(dst, p []byte, n int) []byte {
	data, cc := payload(p), p[3]&15
	var field []byte // of the adaptation field, behind its length
	if p[3]&0x20 != 0 {
		field = p[5 : 5+int(p[4])]
	}
	share := 1 // of each packet behind the first
	if p[1]&0x40 == 0 {
		share = max(1, len(data)/(n+1))
	}
	dst = appendPart(dst, p[1:3], cc, field, data[:len(data)-n*share])
	data = data[len(data)-n*share:]
	for ; len(data) > 0; data = data[share:] {
		cc = (cc + 1) & 15
		dst = appendPart(dst, []byte{p[1] &^ 0x40, p[2]}, cc, nil, data[:share])
	}
	return dst
}

// appendPart appends a packet of so much payload that it needs stuffing.
func appendPart(dst, pid []byte, cc byte, field, data []byte) []byte {
	size := PacketSize - 5 - len(data) // of the field behind its length
	dst = append(dst, 0x47, pid[0], pid[1], 0x30|cc, byte(size))
	if size > 0 && len(field) == 0 {
		field = []byte{0}
	}
	dst = append(dst, field...)
	dst = append(dst, stuffing[:size-len(field)]...)
	return append(dst, data...)
}
