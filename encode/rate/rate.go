// Package rate decides the bit rate of an encoder from what the ways to its
// receivers carry. It is pure: it has no clock and does no I/O; whoever has the
// samples calls it, and does what it says.
//
// A Controller follows one path. A Stream has a Controller for each path of an
// encoder, and makes one Setting of what they say.
package rate

import "time"

// Interval is how often samples are meant to come. Laws use the samples' times, so
// that late, missing and doubled ones do no harm.
const Interval = 20 * time.Millisecond

// Limits bound the target of a path: bits per second in the path's own count, that
// is, all tracks with the transport's overhead. 0 < Min ≤ Start ≤ Max.
type Limits struct{ Min, Start, Max int }

// Sample is what a connection knows of its path at one moment; the fields are those
// of output.Path, which is where they are explained.
type Sample struct {
	At            time.Duration
	Written       uint64
	Outstanding   uint64
	Dropped       uint64
	Retransmitted uint64
	RTT, MinRTT   time.Duration
	Budget        time.Duration
	AppLimited    bool
	Segment       time.Duration
}

// Law is one way to follow a path. Step takes the samples of one connection in
// their order. It is used from one goroutine.
type Law interface{ Step(Sample) Advice }

// Advice is what a law makes of the samples so far.
type Advice struct {
	Target int // bits per second that the path is to be given, as Limits
	// Pace is how fast the transport may send, at most; 0: as fast as it likes.
	Pace int
	// Skip: what is queued will hardly be in time. No picture is to be coded until
	// it is false again.
	Skip bool
	// Key and Flush rise by one each time a key picture is needed, since something
	// was lost for good; and when all that is queued is too old to be sent.
	Key, Flush uint64

	Estimate int           // of what the link carries, bits per second; 0: not known yet
	Acked    int           // bits per second that were acknowledged lately
	Queue    time.Duration // by how much the oldest unacknowledged byte is older than on an empty path
	Reason   Reason        // of the last change of Target, or of standing still
}

// Reason is why a target is what it is.
type Reason string

// The reasons.
const (
	Starting   Reason = "start"       // no sample has told anything yet
	Steady     Reason = "steady"      // the path carries it; nothing to change
	AtMax      Reason = "max"         // the highest there is
	Probing    Reason = "probe"       // up: the path carries it without a queue
	NearLimit  Reason = "ceiling"     // slowly up: it broke here before
	Waiting    Reason = "wait"        // another path of the same uplink is being tried
	Limited    Reason = "app_limited" // not up: the encoder does not use what it has
	Tight      Reason = "tight"       // down: a segment takes nearly as long as it lasts
	Queueing   Reason = "queue"       // down: the queue grows
	TooOld     Reason = "age"         // down: what is queued may come too late
	Dropping   Reason = "dropped"     // down: the transport gave something up
	Outage     Reason = "outage"      // nothing is acknowledged; the estimate is frozen
	Restarting Reason = "restart"     // after an outage
	HandOver   Reason = "handover"    // the path has another delay now
	Inert      Reason = "encoder"     // the encoder does not do as it is told
)

// Words is the reason for people: "the queue grows".
func (r Reason) Words() string {
	if w, ok := words[r]; ok {
		return w
	}
	return string(r)
}

var words = map[Reason]string{
	Starting:   "the link is not known yet",
	Steady:     "the link carries it",
	AtMax:      "the highest bit rate that is set",
	Probing:    "the link carries it, more is tried",
	NearLimit:  "more is tried slowly: this is near what the link could not carry",
	Waiting:    "another destination on the same uplink is being tried",
	Limited:    "the picture needs no more",
	Tight:      "sending a segment takes nearly as long as it lasts",
	Queueing:   "the link is too slow: a queue grows",
	TooOld:     "what is queued may come too late",
	Dropping:   "the link was too slow: something was given up",
	Outage:     "the receiver acknowledges nothing",
	Restarting: "the link is back",
	HandOver:   "the link has changed its delay",
	Inert:      "the encoder does not keep to its bit rate",
}

// Setting is what the encoder's side is told.
type Setting struct {
	Bitrate int // of video, bits per second
	// Divider: every Divider-th picture is coded; 1, 2.
	Divider int
	// Scale: width and height are divided by it; 1, 2. Another one is another track.
	Scale int
	// AudioOnly: no pictures at all.
	AudioOnly bool
	// Skip: no picture for now; the next one after it goes on in the same GOP.
	Skip bool
	// Key rises by one each time that a key picture is asked for.
	Key uint64
}
