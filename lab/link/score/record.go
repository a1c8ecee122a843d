// Package score judges a run: what of the pictures arrived in time, what waited for how
// long, and how the bit rate moved. It is pure; simulator and real transports fill the
// same Record.
package score

import "time"

// Never is the arrival of a frame that did not.
const Never = time.Duration(-1)

// Frame is a picture that the camera gave.
type Frame struct {
	At      time.Duration // when it was written to the transport, or would have been
	Bytes   int           // of payload, sound with it; of a skipped one the sound alone
	Key     bool
	Skipped bool          // not coded
	Arrived time.Duration // when its last byte was at the receiver, or Never
	Noise   float64       // mean square difference of its luma from what the camera saw
}

// Point is a moment of a run, for plots and for the movement of the bit rate.
type Point struct {
	At                      time.Duration
	Target, Acked, Estimate int           // of the law, bits per second
	Encoded                 int           // what the encoder put out in the last half second, bits per second
	Queue                   time.Duration // what the law believes
	Wait                    time.Duration // what is true: how long the packet served last had waited in the link
	Reason                  string
}

// Change is another capacity, at a moment: the law is to follow.
type Change struct {
	At       time.Duration
	From, To float64 // usable, bits per second; From < To is a step up
	Until    time.Duration
	Outage   bool // nothing got through before this step up, or gets through after this step down
}

// Record is what happened in a run.
type Record struct {
	From, To time.Duration // what is judged
	Max      int           // the law's, bits per second
	Base     time.Duration // one way, on an empty link
	Bases    []Base        // changes of it
	Budget   time.Duration // a frame is late when it arrives later than this after Base
	Patient  bool          // the receiver decodes what is late all the same, so that nothing misses it
	Picture  time.Duration // from one frame to the next
	Usable   []float64     // of each second from 0 on, bits per second of payload, at most Max
	Frames   []Frame
	Points   []Point
	Waits    []time.Duration // of each packet of ours in the link's queue; none where the log is not there
	Changes  []Change
	Arrived  time.Duration // what arrives after this is not known
	// Moved is the mean square difference of the luma of what the camera saw in two
	// Frames; nil where there are no pictures.
	Moved func(a, b int) float64
}

// Base is another Base from a moment on.
type Base struct{ From, Delay time.Duration }

// BaseAt is the base delay of what is sent at a moment.
func (r *Record) BaseAt(at time.Duration) time.Duration {
	d := r.Base
	for _, b := range r.Bases {
		if at >= b.From {
			d = b.Delay
		}
	}
	return d
}

// OnTime says whether a frame was of use.
func (r *Record) OnTime(f Frame) bool {
	return f.Arrived != Never && f.Arrived <= f.At+r.BaseAt(f.At)+r.Budget
}
