package push

import (
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// State of a destination.
type State string

// The states.
const (
	Disabled     State = "disabled"   // by the configuration, paused by a person, or held by its group
	Starting     State = "starting"   // waits for the programme
	Connecting   State = "connecting" // first attempt, or waits for the other side to call
	Active       State = "active"
	Reconnecting State = "reconnecting" // waits, or tries again
	Failed       State = "failed"       // gave up: bad configuration, or RetryLimit reached
)

// Status is a snapshot of a destination; the receiver owns it.
type Status struct {
	Name  string
	Kind  string
	URL   string // without secrets
	State State
	// Enabled is Spec.Enabled. Disabled may have other reasons.
	Enabled bool
	// Cause is that of the failure that Reconnecting and Failed follow; "" without one.
	Cause output.Cause
	// Reason says in words why the state is as it is where that is no failure, or
	// more than one: "paused by 192.168.1.20", "standby: main is active".
	Reason string
	Paused bool // by a person: until Resume
	Held   bool // by its group: until that lets it go
	// Breaker is BreakerOpen while the receiver is left alone, BreakerHalfOpen during
	// the one attempt that then decides.
	Breaker string
	// Shedding is ShedVideo or ShedAll while the bit rate policy leaves that out of an
	// active connection (Advise); Reason says so too.
	Shedding string
	Alarm    string // one line while less than Spec.MinBitrate is sent

	Attempts    uint64    // to connect, since the destination was made
	ConnectedAt time.Time // zero unless Active
	NextAttempt time.Time // zero unless waiting for it

	Bytes         uint64 // sent, all connections
	Bitrate       int    // bits per second over the last seconds
	Dropped       uint64 // packets this destination was too slow for, all connections
	Shed          uint64 // packets that the bit rate policy left out, all connections
	QueuePackets  int    // waiting to be sent now
	QueueBytes    int
	LatencyP99    time.Duration // encoder output to socket write done, last 10 to 20 s
	RTT           time.Duration // 0 where the transport does not tell
	Retransmitted uint64        // packets, this connection
	Lost          uint64        // packets the transport gave up on, this connection
	Outstanding   uint64        // bytes in the transport's hands that the peer has not acknowledged
	InFlight      uint64        // packets sent but not acknowledged
	Buffered      time.Duration // of programme in the sender's buffer
	Bandwidth     int           // bits per second that the transport believes the link takes

	Errors []TimedError // the last five, newest first
}

// TimedError is something that went wrong once, as one line without secrets.
type TimedError struct {
	Time    time.Time
	Message string
	Cause   output.Cause
}

// What Status.Shedding can be besides "".
const (
	ShedVideo = "video"
	ShedAll   = "all"
)

// What Status.Breaker can be besides "".
const (
	BreakerOpen     = "open"
	BreakerHalfOpen = "half_open"
)

const keptErrors = 5
