package output

import "time"

// Path is what a connection knows, at one moment, of its way to the receiver. The
// counters run from the connection's begin and never fall while it lasts; they count
// bytes as the transport takes them, protocol overhead included where it is known.
type Path struct {
	At time.Duration // on the monotonic clock of time.Since(a fixed time): only differences mean anything

	// Written is all that was given to the transport so far, or waits in the queue
	// before it, including what was dropped there.
	Written uint64
	// Outstanding, of Written, is neither acknowledged nor given up: the queue before
	// the transport, the transport's send buffer, and what is in flight.
	Outstanding uint64
	// Dropped, of Written, was given up unacknowledged, by the transport (SRT's
	// too-late packet drop) or the queue before it.
	Dropped uint64

	Retransmitted uint64 // packets sent again
	RTT, MinRTT   time.Duration
	// Budget is how long after it was written a byte may be acknowledged before the
	// receiver misses it: SRT's latency, or what the receiver is assumed to buffer.
	Budget time.Duration
	// AppLimited: the transport has sent all that it was given, so that what was
	// acknowledged since the last sample tells nothing of what the link can carry.
	AppLimited bool
	// Segment is how long the segments are, about, that the path is given whole, and
	// between which it may be idle; 0: it is given everything as it is coded.
	Segment time.Duration
}

// PathConn is a Conn that can tell of its path. Path and Pace may be called from any
// goroutine, do not block for longer than a system call, and may be called after
// Close: Path then reports false.
type PathConn interface {
	Conn
	// Path is read up to 50 times a second.
	Path() (p Path, ok bool)
	// Pace tells the transport how fast to send at most, in bits per second with
	// overhead; 0 lifts the limit. A transport without a pacer of its own does nothing.
	Pace(bitrate int) error
}

// PathAdvice is what a bitrate controller wants done on one path.
type PathAdvice struct {
	Pace int // bits per second, as PathConn.Pace
	// Shed: video is left out from the next GOP border on, sound goes on; after it,
	// video begins again with a key picture.
	Shed bool
	// Pause: nothing is sent. The connection is kept as long as the protocol lets it.
	Pause bool
	// Flush rises by one when what is queued before the transport is too old to be
	// of use: it is dropped, and the stream goes on with the next key picture.
	Flush uint64
}
