package status

import "time"

// Rate is how a stream's bit rate follows the links to its destinations. Bit rates
// are bits per second: Min, Max, Target and Video of the pictures alone.
type Rate struct {
	Mode   string `json:"mode"`   // "adaptive", "fixed"
	Policy string `json:"policy"` // "protect-primary", "protect-all", "best-for-most"
	Min    int    `json:"min"`
	Max    int    `json:"max"`
	Target int    `json:"target"` // what the encoder is told
	Video  int    `json:"video"`  // what it has put out lately
	// Step is "full", or what is left out below Min: "half-rate", "half-size",
	// "audio-only".
	Step    string     `json:"step"`
	Decider string     `json:"decider"` // the destination whose link it is; "" for none
	Code    string     `json:"code"`    // stable: "queue", "probe", …
	Reason  string     `json:"reason"`  // the code in words
	Since   time.Time  `json:"since"`   // of the last change of Target that counts
	Paths   []RatePath `json:"paths"`   // of the destinations that run, by name
}

// RatePath is what is known of the link to a destination, and made of it. Bit rates
// are of all tracks with the transport's overhead.
type RatePath struct {
	Destination string `json:"destination"`
	RatePathPoint
	Code   string   `json:"code"`
	Reason string   `json:"reason"`
	Shares []string `json:"shares"` // destinations that seem to go over the same uplink
}

// RatePathPoint is the state of a path at one moment.
type RatePathPoint struct {
	Target   int     `json:"target"`
	Estimate int     `json:"estimate"` // of what the link carries; 0 while it is not known
	Sent     int     `json:"sent"`     // given to the transport
	Acked    int     `json:"acked"`    // acknowledged by the receiver
	Queue    float64 `json:"queue_ms"` // how long the oldest byte waits, beyond an empty link
	RTT      float64 `json:"rtt_ms"`
	// State is "following", "shed" (pictures are left out), "paused" (nothing is
	// sent), "outage" (nothing is acknowledged) or "idle" (not connected, or a
	// transport that tells nothing).
	State string `json:"state"`
}

// RateHistory is the last ten minutes of a stream's Rate. Its JSON form is the body
// of GET /api/v1/streams/{name}/rate.
type RateHistory struct {
	Stream   string       `json:"stream"`
	Mode     string       `json:"mode"`
	Policy   string       `json:"policy"`
	Min      int          `json:"min"`
	Max      int          `json:"max"`
	Interval int          `json:"interval_ms"` // of points, while anything is followed
	Next     uint64       `json:"next"`        // what to ask for next as since
	Now      int64        `json:"now"`         // as T of the points
	Decider  string       `json:"decider"`
	Code     string       `json:"code"`
	Reason   string       `json:"reason"`
	Step     string       `json:"step"`
	Points   []RatePoint  `json:"points"`  // oldest first
	Changes  []RateChange `json:"changes"` // likewise; several points may lie between two
}

// RatePoint is a stream's bit rate at one moment.
type RatePoint struct {
	Sequence uint64                   `json:"seq"`
	T        int64                    `json:"t"` // ms since 1970, by the box's clock as it is now
	Target   int                      `json:"target"`
	Video    int                      `json:"video"`
	Paths    map[string]RatePathPoint `json:"paths"` // by destination
}

// RateChange is a change of the target, and why.
type RateChange struct {
	Sequence    uint64 `json:"seq"` // one count with the points
	T           int64  `json:"t"`
	From        int    `json:"from"`
	To          int    `json:"to"`
	Destination string `json:"destination"`
	Code        string `json:"code"`
	Text        string `json:"text"`
}
