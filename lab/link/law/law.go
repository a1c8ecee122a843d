// Package law holds the bit rate laws of other programs, as their documented behaviour
// tells, re-implemented for comparison: none of their code is in here. Each is a
// rate.Law of one path.
package law

import (
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
)

// The transports that laws are run over.
const (
	SRT  = "srt"
	RTMP = "rtmp"
	HTTP = "http"
)

// Spec is a law that can be run.
type Spec struct {
	Name, Title string
	New         func(rate.Limits) rate.Law
	Transports  []string
	// Unsent is how many bytes a TCP socket takes that it has not sent
	// (TCP_NOTSENT_LOWAT); 0: as many as its buffer holds.
	Unsent int
	Queue  int // pictures that the program's queue before a socket holds; 0: any number
}

// Over says whether the law is run over a transport.
func (s Spec) Over(transport string) bool { return slices.Contains(s.Transports, transport) }

// Ours is the name of the product's law.
const Ours = "ours"

// All are the laws: the product's first.
func All() []Spec {
	ours := func(l rate.Limits) rate.Law { return rate.New(l) }
	return []Spec{
		{Name: Ours, Title: "this controller", New: ours, Transports: []string{SRT, RTMP, HTTP}, Unsent: 64 << 10, Queue: 2048},
		{Name: "fixed-3", Title: "fixed 3 Mb/s", New: func(rate.Limits) rate.Law { return Fixed(3_000_000) }, Transports: []string{SRT, RTMP, HTTP}},
		{Name: "belacoder", Title: "belacoder-style", New: Belacoder, Transports: []string{SRT}},
		{Name: "obs", Title: "OBS-style", New: OBS, Transports: []string{RTMP}},
		{Name: "rootencoder", Title: "RootEncoder-style", New: RootEncoder, Transports: []string{RTMP}, Queue: rootQueue},
	}
}

// ByName finds a law.
func ByName(name string) (Spec, bool) {
	for _, s := range All() {
		if s.Name == name {
			return s, true
		}
	}
	return Spec{}, false
}

// OwnQueue is the queue of the program before the socket, which some laws look at and
// rate.Sample does not tell apart from the socket's.
type OwnQueue struct {
	Packets int           // pictures
	Span    time.Duration // from the time of the oldest to the newest
	Fill    float64       // of what it holds at most, 0 to 1; 0 for one without a bound
	Sent    uint64        // bytes that were given to the socket
}

// QueueWatcher is a law that looks at the program's own queue: it is told before each
// Step.
type QueueWatcher interface{ Watch(OwnQueue) }

// Fixed never changes the bit rate.
type Fixed int

// Step implements rate.Law.
func (f Fixed) Step(rate.Sample) rate.Advice {
	return rate.Advice{Target: int(f), Reason: rate.Steady}
}
