package realtime

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
)

// tap looks at SRT's packets where they come out of the link: when they were there is
// not to be learned from a receiver that holds everything back for its latency.
type tap struct {
	port uint16

	mu      sync.Mutex // guards the field below
	packets []tapped
}

type tapped struct {
	at      time.Duration
	socket  uint32 // the receiver's
	number  uint32 // of 31 bits
	payload []byte
}

const srtHeader = 16 // bytes

// event is told what happens in the link, on its thread.
func (t *tap) event(e bottleneck.Event) {
	const ip, udp = 20, 8
	b := e.Data
	if e.Kind != bottleneck.Arrive || len(b) < ip+udp+srtHeader || b[9] != 17 || b[0] != 0x45 {
		return
	}
	b = b[ip:]
	if binary.BigEndian.Uint16(b[2:]) != t.port {
		return
	}
	if b = b[udp:]; b[0]&0x80 != 0 {
		return // control
	}
	p := tapped{
		at: e.At, number: binary.BigEndian.Uint32(b), socket: binary.BigEndian.Uint32(b[12:]),
		payload: slices.Clone(b[srtHeader:]),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.packets = append(t.packets, p)
}

// pictures are when each picture was there as a whole.
func (t *tap) pictures() map[int]time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[int]time.Duration{}
	var sockets []uint32
	of := map[uint32][]tapped{}
	for _, p := range t.packets {
		if of[p.socket] == nil {
			sockets = append(sockets, p.socket)
		}
		of[p.socket] = append(of[p.socket], p)
	}
	for _, s := range sockets {
		r := &tsReader{done: func(unit []byte, last time.Duration) {
			if s, _, ok := find(unit); ok && s.whole {
				if _, known := all[s.number]; !known {
					all[s.number] = last
				}
			}
		}}
		for _, p := range inOrder(of[s]) {
			for b := p.payload; len(b) >= tsPacket; b = b[tsPacket:] {
				r.packet(b[:tsPacket], p.at)
			}
		}
		r.flush()
	}
	return all
}

// inOrder sorts the packets of a connection by their numbers, which wrap, and keeps of
// those that came more than once the first.
func inOrder(all []tapped) []tapped {
	first := all[0].number
	distance := func(p tapped) int32 { return int32((p.number-first)<<1) >> 1 }
	slices.SortStableFunc(all, func(a, b tapped) int { return int(distance(a)) - int(distance(b)) })
	return slices.CompactFunc(all, func(a, b tapped) bool { return a.number == b.number })
}
