package live

import (
	"math"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

const (
	// fadeTime is how long sound fades at a seam.
	fadeTime = 5 * time.Millisecond
	// tolerance is how far a run may be from where the one before it ends and
	// still count as its continuation: capture times jitter.
	tolerance = 10 * time.Millisecond
	// silentRun is the longest run of silence.
	silentRun = 20 * time.Millisecond
	// maxFill is the longest hole that is filled: the machine slept.
	maxFill = 10 * time.Second
)

// sound joins the card's runs and silence into one: contiguous, on a grid that
// counts samples since time zero, so that nothing is rounded twice. At a seam,
// 5 ms of what was there, played backwards, fade out beneath what comes: the
// level and the spectrum go on, nothing clicks, and nothing has to be held back
// for it.
type sound struct {
	format media.AudioFormat
	emit   func(media.Samples)

	next   int64   // sample where the sound sent so far ends
	silent bool    // silence was sent last
	broken bool    // what the card sends does not continue what was sent
	gain   []int32 // of what comes, for each sample of a seam, 1<<15 is 1
	tail   []int16 // the last samples sent, as long as a seam
	under  []int16 // what still fades out, in the order of playing
	zero   []int16
}

func newSound(f media.AudioFormat) *sound {
	n := int(samplesIn(fadeTime, f))
	s := &sound{format: f, silent: true, gain: make([]int32, n), tail: make([]int16, n*f.Channels)}
	for i := range s.gain {
		s.gain[i] = int32(math.Round((1 - math.Cos(math.Pi*(float64(i)+0.5)/float64(n))) / 2 * (1 << 15)))
	}
	s.zero = make([]int16, int(samplesIn(silentRun, f))*f.Channels)
	return s
}

func samplesIn(d time.Duration, f media.AudioFormat) int64 { return media.ToTimescale(d, f.SampleRate) }

// start begins the grid at a time, if the sound has not gone beyond it.
func (s *sound) start(at time.Duration) {
	s.next = max(s.next, samplesIn(at, s.format))
}

// card sends a run of the card where its PTS says: a hole before it becomes
// silence, what overlaps the sound that was sent is cut off.
func (s *sound) card(run media.Samples) {
	channels := int64(s.format.Channels)
	at := samplesIn(run.PTS, s.format)
	off := at - s.next
	if limit := samplesIn(tolerance, s.format); off > limit || off < -limit {
		s.broken = true
	}
	if s.broken || s.silent {
		s.silence(at)
		run.Data = run.Data[min(max(0, -off)*channels, int64(len(run.Data))):]
	}
	if len(run.Data) == 0 {
		return
	}
	if s.broken || s.silent {
		s.seam()
	}
	s.silent, s.broken = false, false
	s.send(run.Data)
}

// silence sends silence up to a sample.
func (s *sound) silence(until int64) {
	if until <= s.next {
		return
	}
	if !s.silent {
		s.seam()
		s.silent = true
	}
	if most := samplesIn(maxFill, s.format); until-s.next > most {
		s.next = until - most // a hole, for whoever encodes to see
	}
	run := int64(len(s.zero) / s.format.Channels)
	for s.next < until {
		n := min(run, until-s.next)
		s.send(s.zero[:n*int64(s.format.Channels)])
	}
}

// seam begins one: what was sent last fades out, backwards.
func (s *sound) seam() {
	s.under = make([]int16, len(s.tail))
	c := s.format.Channels
	for i := 0; i < len(s.tail); i += c {
		copy(s.under[i:i+c], s.tail[len(s.tail)-c-i:])
	}
}

// send sends a run behind the sound so far.
func (s *sound) send(data []int16) {
	if len(s.under) > 0 {
		data = s.mix(data)
	}
	if n := len(data); n >= len(s.tail) {
		copy(s.tail, data[n-len(s.tail):])
	} else {
		copy(s.tail, s.tail[n:])
		copy(s.tail[len(s.tail)-n:], data)
	}
	pts := media.FromTimescale(s.next, s.format.SampleRate)
	s.next += int64(len(data) / s.format.Channels)
	s.emit(media.Samples{Format: s.format, PTS: pts, Data: data})
}

// mix is data with what still fades out.
func (s *sound) mix(data []int16) []int16 {
	out := append([]int16(nil), data...)
	n := min(len(out), len(s.under))
	first := len(s.tail) - len(s.under)
	for i := range n {
		up := s.gain[(first+i)/s.format.Channels]
		out[i] = int16((int32(out[i])*up + int32(s.under[i])*(1<<15-up)) >> 15)
	}
	s.under = s.under[n:]
	return out
}

// remix fits samples to another number of channels: one is given to all, all
// are averaged into one, and otherwise the first ones are taken.
func remix(data []int16, from, to int) []int16 {
	out := make([]int16, len(data)/from*to)
	for i := range len(data) / from {
		in, o := data[i*from:(i+1)*from], out[i*to:(i+1)*to]
		if to == 1 {
			var sum int32
			for _, v := range in {
				sum += int32(v)
			}
			o[0] = int16(sum / int32(from))
			continue
		}
		for c := range o {
			if c < from || from == 1 {
				o[c] = in[min(c, from-1)]
			}
		}
	}
	return out
}
