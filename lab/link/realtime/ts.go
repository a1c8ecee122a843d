package realtime

import "time"

const (
	tsPacket = 188
	tsSync   = 0x47
)

// tsReader takes the pictures out of a transport stream (ISO/IEC 13818-1) that may
// have holes: one in a picture makes it shorter than its marker says. done is called
// with each access unit when the next has begun, or at flush.
type tsReader struct {
	done func(unit []byte, last time.Duration)

	rest  []byte // of a packet, from write
	pid   int    // of the pictures; 0: not known yet
	unit  []byte
	begun bool
	count byte // continuity counter of the last packet
	last  time.Duration
}

// write takes the stream in any pieces.
func (r *tsReader) write(b []byte) {
	r.rest = append(r.rest, b...)
	for len(r.rest) >= tsPacket {
		r.packet(r.rest[:tsPacket], 0)
		r.rest = r.rest[tsPacket:]
	}
	r.rest = append([]byte(nil), r.rest...)
}

// packet takes one packet that came at a time.
func (r *tsReader) packet(p []byte, at time.Duration) {
	if len(p) != tsPacket || p[0] != tsSync {
		return
	}
	begins, pid := p[1]&0x40 != 0, int(p[1]&0x1f)<<8|int(p[2])
	body := p[4:]
	if p[3]&0x20 != 0 {
		body = body[min(1+int(body[0]), len(body)):]
	}
	if p[3]&0x10 == 0 {
		return
	}
	if r.pid == 0 && begins && len(body) > 9 && body[0] == 0 && body[1] == 0 && body[2] == 1 && body[3]&0xf0 == 0xe0 {
		r.pid = pid
	}
	if pid != r.pid {
		return
	}
	torn := p[3]&0x0f != (r.count+1)&0x0f
	r.count = p[3] & 0x0f
	switch {
	case begins:
		r.flush()
		r.begun = true
	case torn:
		r.unit, r.begun = nil, false // a picture with a hole, of any size
	}
	if r.begun {
		r.unit = append(r.unit, body...)
		r.last = max(r.last, at)
	}
}

// flush ends the picture.
func (r *tsReader) flush() {
	if len(r.unit) > 0 {
		r.done(r.unit, r.last)
	}
	r.unit, r.last, r.begun = r.unit[:0], 0, false
}
