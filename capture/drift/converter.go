package drift

import (
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Converter makes a card's frames into samples on the stream's clock: Observe
// tells it when frames were captured, Write brings them, Read takes the result.
// It belongs to one goroutine, and allocates nothing once it is made.
//
// Sound comes out 100 ms after the card's start, when its line is known, and
// from then on half the filter (0.5 ms) behind the card.
type Converter struct {
	config Config
	line   *Line
	steer  steer
	filter filter

	// The card's frames from frame first on, one slice a channel that is worked
	// on, begin to end of each in use.
	chans      int
	past       [2][]float32
	begin, end int
	first      int64
	ending     bool // nothing comes behind what is there

	lost uint64
}

// New returns a Converter.
func New(c Config) (*Converter, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	line := NewLine(c.Rate)
	v := &Converter{
		config: c,
		line:   line,
		steer:  steer{line: line, in: c.Rate, out: c.Out.SampleRate},
		filter: newFilter(c.Rate, c.Out.SampleRate),
		chans:  min(c.Channels, c.Out.Channels),
	}
	for i := range v.chans {
		v.past[i] = make([]float32, 2*c.Rate+2*v.filter.taps)
	}
	v.clear()
	return v, nil
}

// clear begins with half a filter of silence before frame zero.
func (v *Converter) clear() {
	v.ending, v.steer.running = false, false
	v.begin, v.end = 0, v.filter.taps/2
	v.first = int64(-v.end)
	for i := range v.chans {
		clear(v.past[i][:v.end])
	}
}

// Observe takes a pair of the card's driver: so many frames were captured since
// its start, read or not, at that time on the stream's clock.
func (v *Converter) Observe(captured int64, at time.Duration) { v.line.Observe(captured, at) }

// Restart says that the card was stopped and starts again, because it ran over
// or was suspended: the frames that Write brings from now on have nothing to do
// with those before, and are counted from zero. What the sound before left is
// still to be read first. The rate of the card stays known.
func (v *Converter) Restart() {
	if !v.steer.running {
		v.clear()
	} else if !v.ending {
		v.pad()
		v.ending = true
	}
	v.line.Restart()
}

// pad puts half a filter of silence behind the last frame.
func (v *Converter) pad() {
	half := v.filter.taps / 2
	v.room(half)
	for i := range v.chans {
		clear(v.past[i][v.end : v.end+half])
	}
	v.end += half
}

// Write takes frames of the card, interleaved, in 16-bit units: full scale is
// ±32768. Frames beyond a second that nobody has read push the oldest out.
func (v *Converter) Write(frames []float32) {
	if v.ending {
		v.clear()
	}
	n := len(frames) / v.config.Channels
	if limit := v.config.Rate; n > limit {
		v.Write(frames[:limit*v.config.Channels])
		v.Write(frames[limit*v.config.Channels:])
		return
	}
	v.room(n)
	v.take(frames, n)
	v.end += n
}

func (v *Converter) take(frames []float32, n int) {
	c := v.config.Channels
	a := v.past[0][v.end : v.end+n]
	switch {
	case c == 1:
		copy(a, frames)
	case v.chans == 1:
		for i := range a {
			a[i] = (frames[i*c] + frames[i*c+1]) / 2
		}
	default:
		b := v.past[1][v.end : v.end+n]
		for i := range a {
			a[i], b[i] = frames[i*c], frames[i*c+1]
		}
	}
}

// room makes place for n more frames.
func (v *Converter) room(n int) {
	if v.end+n <= len(v.past[0]) {
		return
	}
	if over := v.end - v.begin + n + v.filter.taps - len(v.past[0]); over > 0 {
		v.lost += uint64(over)
		v.begin += over
		v.first += int64(over)
	}
	for i := range v.chans {
		copy(v.past[i], v.past[i][v.begin:v.end])
	}
	v.begin, v.end = 0, v.end-v.begin
}

// Read fills dst with samples, interleaved, and returns how many there are a
// channel, none where more must be written first. The first is sample number
// first of the clock: its PTS is media.SamplesToDuration(first, rate). Where
// first is not the end of the run before, samples are missing between them.
func (v *Converter) Read(dst []int16) (first int64, n int) {
	s := &v.steer
	if !s.running {
		if !v.line.Ready() {
			return 0, 0
		}
		s.begin()
	}
	if !v.ending && v.line.Doubt() {
		return 0, 0
	}
	most := len(dst) / v.config.Out.Channels
	first = s.next
	for n < most {
		if s.left == 0 && !v.ending && s.look() {
			if n > 0 {
				return first, n // the hole lies between this run and the next
			}
			first = s.next
		}
		made := v.make(dst[n*v.config.Out.Channels:], most-n)
		n += made
		if made == 0 {
			break
		}
	}
	if n == 0 && v.ending {
		v.clear()
	}
	return first, n
}

// make interpolates samples on one course, as many as there are frames for.
func (v *Converter) make(dst []int16, most int) (n int) {
	s := &v.steer
	if v.ending && s.left == 0 {
		s.left = steerEvery // the line is gone already: the course stays
	}
	step, taps := s.step(), v.filter.taps
	stop := min(most, s.left)
	for ; n < stop; n++ {
		at := v.begin + int(s.frame-v.first) - (taps/2 - 1)
		if at < v.begin { // only what was pushed out is before
			v.steer.moveTo(float64(v.first + int64(taps)))
			s.left = 0
			break
		}
		if at+taps > v.end {
			break
		}
		lo, hi, between := v.filter.at(s.frac)
		if v.chans == 2 {
			a, b := two(lo, hi, v.past[0][at:at+taps], v.past[1][at:at+taps], between)
			dst[2*n], dst[2*n+1] = round(a), round(b)
		} else {
			a := round(one(lo, hi, v.past[0][at:at+taps], between))
			if v.config.Out.Channels == 2 {
				dst[2*n], dst[2*n+1] = a, a
			} else {
				dst[n] = a
			}
		}
		s.advance(step, 1)
	}
	v.forget()
	return n
}

// forget gives back the frames that no further sample needs.
func (v *Converter) forget() {
	if done := int(v.steer.frame-v.first) - v.filter.taps; done > 0 {
		done = min(done, v.end-v.begin)
		v.begin += done
		v.first += int64(done)
	}
}

// round makes a sample of 16 bits, clipped.
func round(v float32) int16 {
	switch {
	case v >= 32767:
		return 32767
	case v <= -32768:
		return -32768
	case v < 0:
		return int16(v - 0.5)
	}
	return int16(v + 0.5)
}

// Format is the format of the result.
func (v *Converter) Format() media.AudioFormat { return v.config.Out }

// Mismatch is the nominal rate at which the card really runs, where that is
// another one than Config.Rate. ok after three seconds that agree.
func (v *Converter) Mismatch() (rate int, ok bool) { return v.line.Mismatch() }

// Stats are the state and the counters so far.
func (v *Converter) Stats() Stats {
	return Stats{
		Drift: v.line.Drift(), Error: time.Duration(v.steer.err * 1e9),
		Moves: v.line.moves, Skips: v.steer.skips, Holes: v.steer.holes, Lost: v.lost,
	}
}
