package srt

/*
#cgo LDFLAGS: -lsrt
#include <srt/srt.h>
#include <srt/access_control.h>

static int connect_to(SRTSOCKET u, const void *addr, int len) {
	return srt_connect(u, (const struct sockaddr *)addr, len) == SRT_ERROR ? srt_getlasterror(NULL) : 0;
}
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"github.com/encoderbox/encoderbox/output"
)

// socket is a libsrt socket id. Its methods are what srtgo lacks: a connect
// that a context can end, the reason of a refusal, statistics that do not clear
// what another reader counts, and a close that may run beside a blocked write.
// libsrt takes all of them from any thread.
type socket C.int

// options that srtgo has no constant for, srt.h.
const (
	optSndSyn  = C.SRTO_SNDSYN
	optRcvSyn  = C.SRTO_RCVSYN
	optSndTime = C.SRTO_SNDTIMEO
)

// connect begins to connect; state tells how it goes on. The socket must be
// in non-blocking mode (SRTO_RCVSYN off).
func (s socket) connect(addr netip.AddrPort) error {
	var (
		port [2]byte
		code C.int
	)
	binary.BigEndian.PutUint16(port[:], addr.Port())
	if ip := addr.Addr().Unmap(); ip.Is4() {
		raw := syscall.RawSockaddrInet4{Family: syscall.AF_INET, Addr: ip.As4()}
		raw.Port = binary.NativeEndian.Uint16(port[:])
		code = C.connect_to(C.int(s), unsafe.Pointer(&raw), C.int(unsafe.Sizeof(raw)))
	} else {
		raw := syscall.RawSockaddrInet6{Family: syscall.AF_INET6, Addr: ip.As16()}
		raw.Port = binary.NativeEndian.Uint16(port[:])
		code = C.connect_to(C.int(s), unsafe.Pointer(&raw), C.int(unsafe.Sizeof(raw)))
	}
	if code != 0 {
		return fmt.Errorf("libsrt error %d: %s", code, C.GoString(C.srt_strerror(code, 0)))
	}
	return nil
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

// close ends the connection; a blocked write on it returns.
func (s socket) close() { C.srt_close(C.int(s)) }

// stats reads the counters without clearing them. ok is false once the socket
// is closed.
func (s socket) stats() (st output.ConnStats, ok bool) {
	var c C.SRT_TRACEBSTATS
	if C.srt_bistats(C.int(s), &c, 0, 1) != 0 {
		return st, false
	}
	return output.ConnStats{
		BytesSent:     uint64(c.byteSentTotal),
		RTT:           time.Duration(float64(c.msRTT) * float64(time.Millisecond)),
		Retransmitted: uint64(c.pktRetransTotal),
		Lost:          uint64(c.pktSndDropTotal),
		Outstanding:   uint64(c.byteSndBuf),
	}, true
}

// refusal is why the last connection attempt failed: words, whether waiting
// will not mend it, and whether nothing answered at all.
func (s socket) refusal() (words string, rejected, silent bool) {
	code := C.srt_getrejectreason(C.int(s))
	switch code {
	case C.SRT_REJ_TIMEOUT:
		return "", false, true
	case C.SRT_REJ_BADSECRET:
		return "the passphrase is wrong", true, false
	case C.SRT_REJ_UNSECURE:
		return "one side has a passphrase and the other has none: set the listener's in the URL (passphrase=…), or none on both", true, false
	case C.SRT_REJ_UNKNOWN:
		return "no known reason: are the stream id and the passphrase right?", false, false
	case C.SRT_REJ_PEER:
		return "the listener gave no reason: are the stream id and the passphrase right?", true, false
	case C.SRT_REJ_VERSION:
		return "the listener's SRT version does not fit", true, false
	case C.SRT_REJ_MESSAGEAPI, C.SRT_REJ_CONGESTION:
		return "the listener is not in live mode", true, false
	case C.SRT_REJ_FILTER:
		return "the packet filter (packetfilter=…) does not fit the listener's", true, false
	case C.SRT_REJ_BACKLOG:
		return "the listener has too many callers waiting", false, false
	case C.SRT_REJX_BAD_REQUEST:
		return "the listener does not understand the stream id", true, false
	case C.SRT_REJX_UNAUTHORIZED:
		return "not authorised: is the stream id right?", true, false
	case C.SRT_REJX_FORBIDDEN:
		return "forbidden for this stream id", true, false
	case C.SRT_REJX_NOTFOUND:
		return "the listener does not know this stream id", true, false
	case C.SRT_REJX_BAD_MODE:
		return "the stream id does not allow publishing (m=publish)", true, false
	case C.SRT_REJX_CONFLICT, C.SRT_REJX_LOCKED:
		return "the stream is in use: is another encoder publishing it?", true, false
	case C.SRT_REJX_OVERLOAD:
		return "the server is overloaded", false, false
	}
	return fmt.Sprintf("%s (reason %d)", C.GoString(C.srt_rejectreason_str(code)), int(code)),
		code >= C.SRT_REJC_PREDEFINED+400 && code < C.SRT_REJC_PREDEFINED+500, false
}
