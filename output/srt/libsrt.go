package srt

/*
#cgo LDFLAGS: -lsrt
#include <srt/srt.h>

// One call each, so that the error is read on the thread it happened on.
static int connect_to(SRTSOCKET u, const void *addr, int len) {
	return srt_connect(u, (const struct sockaddr *)addr, len) == SRT_ERROR ? srt_getlasterror(NULL) : 0;
}
static int bind_to(SRTSOCKET u, const void *addr, int len, int *sys) {
	*sys = 0;
	return srt_bind(u, (const struct sockaddr *)addr, len) == SRT_ERROR ? srt_getlasterror(sys) : 0;
}
static int listen_on(SRTSOCKET u, int backlog, int *sys) {
	*sys = 0;
	return srt_listen(u, backlog) == SRT_ERROR ? srt_getlasterror(sys) : 0;
}
static int set_maxbw(SRTSOCKET u, int64_t bytes) {
	return srt_setsockflag(u, SRTO_MAXBW, &bytes, sizeof bytes) == SRT_ERROR ? srt_getlasterror(NULL) : 0;
}
static int get_maxbw(SRTSOCKET u, int64_t *bytes) {
	int len = sizeof *bytes;
	return srt_getsockflag(u, SRTO_MAXBW, bytes, &len) == SRT_ERROR ? srt_getlasterror(NULL) : 0;
}
*/
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/haivision/srtgo"

	"github.com/encoderbox/encoderbox/output"
)

// socket is a libsrt socket id. Its methods are what srtgo lacks: a connect
// that a context can end, a bind that says why not, the reason of a refusal,
// statistics that do not clear what another reader counts, and a close that may
// run beside a blocked write. libsrt takes all of them from any thread.
type socket C.int

// Options that srtgo has no constant for, srt.h.
const (
	optSndSyn     = C.SRTO_SNDSYN
	optRcvSyn     = C.SRTO_RCVSYN
	optSndTime    = C.SRTO_SNDTIMEO
	optRendezvous = C.SRTO_RENDEZVOUS
	optIPv6Only   = C.SRTO_IPV6ONLY
)

// unnamed are the options that srtgo has no name for, or sets only after a
// connect of its own.
var unnamed = map[string]struct {
	option int
	wide   bool // 64 bits
}{
	"inputbw":        {C.SRTO_INPUTBW, true},
	"mininputbw":     {C.SRTO_MININPUTBW, true},
	"oheadbw":        {C.SRTO_OHEADBW, false},
	"snddropdelay":   {C.SRTO_SNDDROPDELAY, false},
	"drifttracer":    {C.SRTO_DRIFTTRACER, false},
	"retransmitalgo": {C.SRTO_RETRANSMITALGO, false},
}

// newSocket is a socket with the options, in blocking mode but for connect.
func newSocket(s settings) (*srtgo.SrtSocket, error) {
	sock := srtgo.NewSrtSocket(s.host, s.port, s.before)
	if sock == nil {
		return nil, errors.New("libsrt does not take the options of the destination together")
	}
	for name, value := range s.before {
		o, ok := unnamed[name]
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil: // the table of options has seen to it
		case o.wide:
			err = sock.SetSockOptInt64(o.option, n)
		default:
			err = sock.SetSockOptInt(o.option, int(n))
		}
		if err != nil {
			discard(sock)
			return nil, fmt.Errorf("libsrt does not take %s=%s: %w", name, value, err)
		}
	}
	return sock, nil
}

// sockaddr is addr as the kernel and libsrt take it.
func sockaddr(addr netip.AddrPort) []byte {
	raw := make([]byte, syscall.SizeofSockaddrInet6)
	binary.BigEndian.PutUint16(raw[2:], addr.Port())
	if ip := addr.Addr().Unmap(); ip.Is4() {
		binary.NativeEndian.PutUint16(raw, syscall.AF_INET)
		copy(raw[4:], ip.AsSlice())
		return raw[:syscall.SizeofSockaddrInet4]
	}
	binary.NativeEndian.PutUint16(raw, syscall.AF_INET6)
	copy(raw[8:], addr.Addr().AsSlice())
	return raw
}

// connect begins to connect; state tells how it goes on. The socket must be
// in non-blocking mode (SRTO_RCVSYN off).
func (s socket) connect(addr netip.AddrPort) error {
	raw := sockaddr(addr)
	if code := C.connect_to(C.int(s), unsafe.Pointer(&raw[0]), C.int(len(raw))); code != 0 {
		return fmt.Errorf("libsrt error %d: %s", code, C.GoString(C.srt_strerror(code, 0)))
	}
	return nil
}

// bind takes a local address. Its error has cause local.
func (s socket) bind(addr netip.AddrPort) error {
	raw := sockaddr(addr)
	var sys C.int
	return bindError(addr, C.bind_to(C.int(s), unsafe.Pointer(&raw[0]), C.int(len(raw)), &sys), sys)
}

// listen takes callers from now on, backlog at a time.
func (s socket) listen(addr netip.AddrPort, backlog int) error {
	var sys C.int
	return bindError(addr, C.listen_on(C.int(s), C.int(backlog), &sys), sys)
}

func bindError(addr netip.AddrPort, code, sys C.int) error {
	if code == 0 {
		return nil
	}
	var words string
	switch errno := syscall.Errno(sys); {
	case code == C.SRT_EDUPLISTEN:
		words = fmt.Sprintf("another destination of this box waits for callers on UDP port %d: choose another port", addr.Port())
	case code == C.SRT_EBINDCONFLICT:
		words = fmt.Sprintf("UDP port %d is held by another SRT destination of this box: choose another port", addr.Port())
	case errno == syscall.EADDRINUSE:
		words = fmt.Sprintf("UDP port %d is in use by another program of this box: choose another port", addr.Port())
	case errno == syscall.EADDRNOTAVAIL:
		words = fmt.Sprintf("%s is no address of this box: leave it out, or write one that it has", addr.Addr())
	case errno == syscall.EACCES, errno == syscall.EPERM:
		words = fmt.Sprintf("the box may not use UDP port %d: choose one from 1024 on", addr.Port())
	default:
		words = fmt.Sprintf("cannot use UDP address %s: %s", addr, C.GoString(C.srt_strerror(code, sys)))
	}
	return output.WithCause(output.CauseLocal, output.InWords(words, syscall.Errno(sys)))
}

// state of a connection attempt.
type state int

const (
	stateConnecting state = iota
	stateConnected
	stateBroken
)

func (s socket) state() state {
	switch C.srt_getsockstate(C.int(s)) {
	case C.SRTS_INIT, C.SRTS_OPENED, C.SRTS_CONNECTING:
		return stateConnecting
	case C.SRTS_CONNECTED:
		return stateConnected
	}
	return stateBroken
}

// close ends the connection; a blocked write or accept on it returns.
func (s socket) close() { C.srt_close(C.int(s)) }

// waiting is what libsrt has of what was written and neither sees acknowledged nor
// has dropped, in bytes, and by how much the oldest of it came before
// the newest.
func (s socket) waiting() (bytes uint64, age time.Duration, ok bool) {
	var packets, payload C.size_t
	ms := C.srt_getsndbuffer(C.int(s), &packets, &payload)
	if ms < 0 {
		return 0, 0, false
	}
	return uint64(payload), time.Duration(ms) * time.Millisecond, true
}

// totals reads the counters without clearing them.
func (s socket) totals() (t totals, ok bool) {
	var c C.SRT_TRACEBSTATS
	if C.srt_bistats(C.int(s), &c, 0, 1) != 0 {
		return t, false
	}
	t = totals{
		// The packets dropped are miscounted (1.5.1: one for each time), their payload is not.
		dropped:       uint64(c.byteSndDropTotal) - uint64(c.pktSndDropTotal)*header,
		retransmitted: uint64(c.pktRetransTotal),
		rtt:           time.Duration(float64(c.msRTT) * float64(time.Millisecond)),
		latency:       time.Duration(c.msSndTsbPdDelay) * time.Millisecond,
	}
	if t.rtt == firstRTT {
		t.rtt = 0 // not measured yet
	}
	return t, true
}

// setMaxBW sets how much may be sent, in bytes per second; -1: as fast as it comes,
// 0: by libsrt's own guess.
func (s socket) setMaxBW(bytes int64) error {
	return optionError(C.set_maxbw(C.int(s), C.int64_t(bytes)))
}

func (s socket) maxBW() (int64, error) {
	var bytes C.int64_t
	err := optionError(C.get_maxbw(C.int(s), &bytes))
	return int64(bytes), err
}

func optionError(code C.int) error {
	if code == 0 {
		return nil
	}
	return fmt.Errorf("libsrt error %d: %s", code, C.GoString(C.srt_strerror(code, 0)))
}

// packetBits is a full packet on the wire. libsrt's estimate of the link begins
// at one of them a second, which says nothing.
const packetBits = 1500 * 8

// stats reads the counters without clearing them, and how many acknowledgements
// have come. ok is false once the socket is closed or broken.
func (s socket) stats() (st output.ConnStats, acks int, ok bool) {
	var c C.SRT_TRACEBSTATS
	if C.srt_bistats(C.int(s), &c, 0, 1) != 0 {
		return st, 0, false
	}
	st = output.ConnStats{
		BytesSent:     uint64(c.byteSentTotal),
		RTT:           time.Duration(float64(c.msRTT) * float64(time.Millisecond)),
		Retransmitted: uint64(c.pktRetransTotal),
		Lost:          uint64(c.pktSndDropTotal),
		Outstanding:   uint64(c.byteSndBuf),
		InFlight:      uint64(c.pktFlightSize),
		Buffered:      time.Duration(c.msSndBuf) * time.Millisecond,
	}
	if bits := int(float64(c.mbpsBandwidth) * 1e6); bits > 2*packetBits {
		st.Bandwidth = bits
	}
	return st, int(c.pktRecvACKTotal), true
}
