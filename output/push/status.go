package push

import "time"

// State of a destination.
type State string

// The states.
const (
	Disabled     State = "disabled"
	Starting     State = "starting"   // waits for the programme's tracks
	Connecting   State = "connecting" // first attempt
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

	Attempts    uint64    // to connect, since the destination was made
	ConnectedAt time.Time // zero unless Active
	NextAttempt time.Time // zero unless waiting for it

	Bytes         uint64 // sent, all connections
	Bitrate       int    // bits per second over the last seconds
	Dropped       uint64 // packets this destination was too slow for, all connections
	QueuePackets  int    // waiting to be sent now
	QueueBytes    int
	LatencyP99    time.Duration // encoder output to socket write done, last 10 to 20 s
	RTT           time.Duration // 0 where the transport does not tell
	Retransmitted uint64        // packets, this connection
	Lost          uint64        // packets the transport gave up on, this connection
	Outstanding   uint64        // bytes in the transport's hands that the peer has not acknowledged

	Errors []TimedError // the last five, newest first
}

// TimedError is something that went wrong once, as one line without secrets.
type TimedError struct {
	Time    time.Time
	Message string
}

const keptErrors = 5
