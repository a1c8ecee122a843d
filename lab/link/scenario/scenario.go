// Package scenario holds the links that bit rate controllers are tried on, by name.
// The simulator and the bench with real transports run the same ones.
package scenario

import (
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

// Scenario is a link, what else is on it, and what is judged.
type Scenario struct {
	Name, Title string
	Length      time.Duration
	Warm        time.Duration // from the begin, that is not judged
	Limits      rate.Limits
	Latency     time.Duration // SRT's; what other receivers are assumed to buffer

	Trace  func(seed uint64) (*trace.Trace, error)
	RTT    time.Duration // of the empty link; half of it each way
	Delays []bottleneck.DelayStep
	Jitter time.Duration
	Loss   bottleneck.Loss
	Queue  int // bytes
	CoDel  bool

	Back        *trace.Trace // of a narrow way back, else nil
	BackLoad    float64      // bits per second of other traffic on it
	Competitors []Competitor
	Flows       []time.Duration // begins of more streams under the same law, each with its own encoder
	Destination int             // more destinations of the same encoder over the same link
	Changing    bool            // the picture has scenes that need little
	Overshoot   float64         // what the encoder puts out of what it is told; 0: as told

	Outages []Outage // in which nothing comes back either; they are judged
	Steps   bool     // changes of the capacity are judged
}

// Competitor is greedy TCP on the same link.
type Competitor struct {
	BBR      bool // otherwise CUBIC
	From, To time.Duration
}

// Outage is a time in which nothing gets through.
type Outage struct{ From, To time.Duration }

// Link is the way to the receiver.
func (s Scenario) Link(seed uint64) (bottleneck.Config, error) {
	t, err := s.Trace(seed)
	if err != nil {
		return bottleneck.Config{}, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return bottleneck.Config{
		Trace: t, QueueBytes: s.Queue, CoDel: s.CoDel, Delay: s.RTT / 2, Delays: s.Delays, Jitter: s.Jitter, Loss: s.Loss, Seed: seed,
	}, nil
}

// sharers is how many flows the link has at a moment.
func (s Scenario) sharers(at time.Duration) int {
	n := 1 + s.Destination
	for _, c := range s.Competitors {
		if at >= c.From && at < c.To {
			n++
		}
	}
	for _, from := range s.Flows {
		if at >= from {
			n++
		}
	}
	return n
}

// Usable is what a stream can use of the link in each second of the scenario, in bits
// per second of payload: its share, when all flows get the same, of what the trace
// carries, less headers and what is lost behind the queue, and not more than its highest
// bit rate. payload is the part of an IP packet that is not headers.
func (s Scenario) Usable(t *trace.Trace, payload float64) []float64 {
	var all []float64
	for at := time.Duration(0); at < s.Length; at += time.Second {
		// What is carried in a millisecond is delivered at its end.
		from := at + time.Millisecond
		share := t.Bits(from, from+time.Second) * (1 - s.Loss.Mean()) * payload / float64(s.sharers(at))
		all = append(all, min(share, float64(s.Limits.Max)))
	}
	return all
}

// ByName finds a scenario.
func ByName(name string) (Scenario, bool) {
	for _, s := range All() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}
