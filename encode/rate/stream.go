package rate

import "time"

// Policy says whose path decides when an encoder has several.
type Policy string

// The policies.
const (
	// ProtectPrimary: the path of the primary destination decides; others shed or
	// pause where they carry less.
	ProtectPrimary Policy = "protect-primary"
	// ProtectAll: the slowest path decides, down to the least bit rate; one that
	// cannot take even that sheds.
	ProtectAll Policy = "protect-all"
	// BestForMost: the rate at which the sum over the destinations of what they get
	// is highest.
	BestForMost Policy = "best-for-most"
)

// StreamConfig is what a Stream works with. Bit rates are of video alone.
type StreamConfig struct {
	Min, Start, Max int
	Policy          Policy
	// Fixed: the encoder stays at Max; paths are followed, and shed, all the same.
	Fixed bool
}

// EncoderState is what an encoder has put out so far.
type EncoderState struct {
	At           time.Duration // on the samples' clock
	Video, Audio uint64        // bytes coded
	Pictures     uint64
}

// PathState is a path, now.
type PathState struct {
	Name    string
	Primary bool
	// Connection is another number for each connection; 0: there is none, and Sample
	// means nothing.
	Connection uint64
	Sample     Sample
}

// Decision is what is to be done.
type Decision struct {
	Setting Setting
	Decider string // the path whose limit it is; "" for none
	Reason  Reason
	Paths   []PathDecision // in the order of the states given
}

// PathDecision is what is to be done on one path.
type PathDecision struct {
	Name   string
	Advice Advice
	Shed   bool     // video is left out from the next GOP border on
	Pause  bool     // nothing is sent
	Shares []string // other paths that seem to go over the same uplink
}

// Stream makes one Setting of what the paths of an encoder carry.
type Stream struct{ config StreamConfig }

// NewStream returns a Stream without paths: it stays at Start, and goes to Max.
func NewStream(c StreamConfig) *Stream { return &Stream{config: c} }

// SetConfig changes the configuration; what is known of the paths stays.
func (s *Stream) SetConfig(c StreamConfig) { s.config = c }

// Step takes the state of the encoder and of all the paths that there are now, about
// every Interval.
func (s *Stream) Step(EncoderState, []PathState) Decision {
	return Decision{Setting: Setting{Bitrate: s.config.Max, Divider: 1, Scale: 1}, Reason: AtMax}
}
