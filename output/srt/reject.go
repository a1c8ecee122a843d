package srt

/*
#include <srt/srt.h>
#include <srt/access_control.h>
*/
import "C"

import (
	"fmt"

	"github.com/encoderbox/encoderbox/output"
)

// reason is SRT's reason for a refusal: SRT_REJECT_REASON of srt.h, the
// predefined ones of access_control.h, or one of the peer's own from 2000 on.
type reason int

func (s socket) reason() reason { return reason(C.srt_getrejectreason(C.int(s))) }

// silent says that nothing was heard of the peer.
func (r reason) silent() bool { return r == C.SRT_REJ_TIMEOUT }

// final says that a handshake which is still going on has no hope. A stray
// datagram (SRT_REJ_ROGUE) does not end a rendezvous.
func (r reason) final() bool {
	switch r {
	case C.SRT_REJ_BADSECRET, C.SRT_REJ_UNSECURE, C.SRT_REJ_VERSION, C.SRT_REJ_MESSAGEAPI, C.SRT_REJ_CONGESTION, C.SRT_REJ_FILTER:
		return true
	}
	return false
}

// verdict is what a reason means to a person.
type verdict struct {
	words string
	cause output.Cause
	// lasting: the same attempt will be refused again (output.ErrRejected).
	lasting bool
}

// verdict explains a refusal of a connection as s says.
func (r reason) verdict(s settings) verdict {
	if r == C.SRT_REJ_ROGUE && s.mode == rendezvous {
		// The side that loses the contest of cookies sees no more than that.
		return verdict{"it broke off the handshake, for which a rendezvous has no reasons: do both sides have the same passphrase, or none, and are both in live mode?", output.CauseAuth, true}
	}
	if v, ok := verdicts[r]; ok {
		return v
	}
	switch {
	case r == C.SRT_REJ_UNSECURE && s.encrypted():
		return verdict{"this box has a passphrase and the other side has none: set the same on both sides, or none", output.CauseAuth, true}
	case r == C.SRT_REJ_UNSECURE:
		return verdict{"the other side wants a passphrase and none is set here: set passphrase to the other side's", output.CauseAuth, true}
	case r >= C.SRT_REJC_USERDEFINED:
		return verdict{fmt.Sprintf("reason %d, which the other side's application has given its own meaning", int(r)), output.CauseRejected, false}
	}
	return verdict{
		fmt.Sprintf("%s (reason %d)", C.GoString(C.srt_rejectreason_str(C.int(r))), int(r)), output.CauseRejected,
		r >= C.SRT_REJC_PREDEFINED+400 && r < C.SRT_REJC_PREDEFINED+500,
	}
}

var verdicts = map[reason]verdict{
	C.SRT_REJ_UNKNOWN:    {"no known reason: are the stream id and the passphrase right, and is the other side in the mode that fits (a listener for mode=caller)?", output.CauseRejected, false},
	C.SRT_REJ_SYSTEM:     {"a system call failed: has the other side run out of memory or ports?", output.CauseRejected, false},
	C.SRT_REJ_PEER:       {"the other side gave no reason: are the stream id and the passphrase right?", output.CauseRejected, true},
	C.SRT_REJ_RESOURCE:   {"the other side has no memory for another connection", output.CauseRejected, false},
	C.SRT_REJ_ROGUE:      {"the handshake does not fit: is the other side an SRT listener?", output.CauseRejected, true},
	C.SRT_REJ_BACKLOG:    {"too many callers wait there", output.CauseRejected, false},
	C.SRT_REJ_IPE:        {"an internal error of libsrt", output.CauseRejected, false},
	C.SRT_REJ_CLOSE:      {"the other side is shutting down", output.CauseClosed, false},
	C.SRT_REJ_VERSION:    {"one side's SRT is older than the other wants (minversion=…)", output.CauseRejected, true},
	C.SRT_REJ_RDVCOOKIE:  {"both sides of the rendezvous have the same cookie: is the address this box's own? If not, the next attempt draws another", output.CauseNetwork, false},
	C.SRT_REJ_BADSECRET:  {"the passphrase is wrong", output.CauseAuth, true},
	C.SRT_REJ_MESSAGEAPI: {"the other side is not in live mode (it has transtype=file, or another messageapi)", output.CauseRejected, true},
	C.SRT_REJ_CONGESTION: {"the other side is not in live mode (it has another congestion control)", output.CauseRejected, true},
	C.SRT_REJ_FILTER:     {"the packet filter (packetfilter=…) does not fit the other side's", output.CauseRejected, true},
	C.SRT_REJ_GROUP:      {"the other side wants a bonded connection", output.CauseRejected, true},

	C.SRT_REJX_FALLBACK:      {"refused by the other side's application, which gave no reason", output.CauseRejected, true},
	C.SRT_REJX_KEY_NOTSUP:    {"a key of the stream id (#!::key=…) is not supported there", output.CauseRejected, true},
	C.SRT_REJX_FILEPATH:      {"the stream id names a file that is not there", output.CauseRejected, true},
	C.SRT_REJX_HOSTNOTFOUND:  {"the host in the stream id (h=…) is not known there", output.CauseRejected, true},
	C.SRT_REJX_BAD_REQUEST:   {"the other side does not understand the stream id", output.CauseRejected, true},
	C.SRT_REJX_UNAUTHORIZED:  {"not authorised: is the stream id right?", output.CauseAuth, true},
	C.SRT_REJX_OVERLOAD:      {"the server is overloaded, or your credit there is used up", output.CauseRejected, false},
	C.SRT_REJX_FORBIDDEN:     {"forbidden for this stream id", output.CauseAuth, true},
	C.SRT_REJX_NOTFOUND:      {"the other side does not know this stream id", output.CauseRejected, true},
	C.SRT_REJX_BAD_MODE:      {"the stream id does not allow publishing (m=publish)", output.CauseRejected, true},
	C.SRT_REJX_UNACCEPTABLE:  {"what the stream id asks for cannot be had there, or the format is not taken", output.CauseRejected, true},
	C.SRT_REJX_CONFLICT:      {"the stream is in use: is another encoder publishing it?", output.CauseRejected, true},
	C.SRT_REJX_NOTSUP_MEDIA:  {"the kind of stream (t=…) is not supported there", output.CauseRejected, true},
	C.SRT_REJX_LOCKED:        {"the stream is in use: is another encoder publishing it?", output.CauseRejected, true},
	C.SRT_REJX_FAILED_DEPEND: {"the session that the stream id names is over", output.CauseRejected, true},
	C.SRT_REJX_ISE:           {"the server has an internal error", output.CauseRejected, false},
	C.SRT_REJX_UNIMPLEMENTED: {"the server does not support what the stream id asks for", output.CauseRejected, false},
	C.SRT_REJX_GW:            {"the server is a gateway, and what is behind it refused", output.CauseRejected, false},
	C.SRT_REJX_DOWN:          {"the service is down: maintenance, or a crash", output.CauseRejected, false},
	C.SRT_REJX_VERSION:       {"the server does not support this version of SRT", output.CauseRejected, true},
	C.SRT_REJX_NOROOM:        {"the server has no room left to keep the stream", output.CauseRejected, false},
}

// refused is a refusal as an error.
func (r reason) refused(s settings) error {
	v, address := r.verdict(s), s.address()
	if v.lasting {
		return output.WithCause(v.cause, fmt.Errorf("%w: %s refused the connection: %s", output.ErrRejected, address, v.words))
	}
	return output.WithCause(v.cause, fmt.Errorf("%s refused the connection: %s", address, v.words))
}
