package link

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Flow tells which connection a packet belongs to.
type Flow struct {
	Proto uint8          // IANA protocol number: 6 TCP, 17 UDP
	From  netip.AddrPort // port 0 where the protocol has none, and in later fragments
	To    netip.AddrPort
}

const (
	protoTCP = 6
	protoUDP = 17
)

// String is as "udp 10.77.1.1:4000 > 10.77.1.2:9000".
func (f Flow) String() string {
	proto := fmt.Sprintf("ip-%d", f.Proto)
	switch f.Proto {
	case protoTCP:
		proto = "tcp"
	case protoUDP:
		proto = "udp"
	}
	return fmt.Sprintf("%s %s > %s", proto, f.From, f.To)
}

// parseFlow reads an IPv4 header (RFC 791) and the ports behind it; false for
// what is no whole IPv4 packet, IPv6 included.
func parseFlow(b []byte) (Flow, bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return Flow{}, false
	}
	header := int(b[0]&15) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if header < 20 || total < header || total != len(b) {
		return Flow{}, false
	}
	f := Flow{Proto: b[9]}
	from, to := netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	var ports [2]uint16
	first := binary.BigEndian.Uint16(b[6:])&0x1fff == 0 // fragment offset
	if first && (f.Proto == protoTCP || f.Proto == protoUDP) && total >= header+4 {
		ports[0], ports[1] = binary.BigEndian.Uint16(b[header:]), binary.BigEndian.Uint16(b[header+2:])
	}
	f.From, f.To = netip.AddrPortFrom(from, ports[0]), netip.AddrPortFrom(to, ports[1])
	return f, true
}
