package pattern

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// SampleSource delivers the sound in runs of 20 ms, each when its last sample
// is due, as a sound card would.
type SampleSource struct {
	line    timeline
	format  media.AudioFormat
	run     int     // samples a channel in a run
	silence []int16 // one run, shared by all that carry no beep
	beep    []int16 // one channel
	skipped atomic.Uint64
}

var _ capture.SampleSource = (*SampleSource)(nil)

func newSampleSource(line timeline, f media.AudioFormat) *SampleSource {
	run := f.SampleRate / 50
	return &SampleSource{
		line:    line,
		format:  f,
		run:     run,
		silence: make([]int16, run*f.Channels),
		beep:    newBeep(f.SampleRate),
	}
}

// newBeep is 80 ms of 1 kHz at -6 dBFS with raised-cosine edges of 1 ms: short
// enough for a sharp onset, long enough not to click.
func newBeep(rate int) []int16 {
	const level = 0.5 * math.MaxInt16
	b := make([]int16, rate*80/1000)
	edge := rate / 1000
	for i := range b {
		gain := 1.0
		if d := min(i, len(b)-1-i); d < edge {
			gain = (1 - math.Cos(math.Pi*(float64(d)+0.5)/float64(edge))) / 2
		}
		b[i] = int16(math.Round(level * gain * math.Sin(2*math.Pi*1000*float64(i)/float64(rate))))
	}
	return b
}

// Skipped counts the runs that were never delivered because the source was
// more than a second late.
func (s *SampleSource) Skipped() uint64 { return s.skipped.Load() }

// Run implements capture.SampleSource. It begins at the first run of the time
// line that is not yet past.
func (s *SampleSource) Run(ctx context.Context, emit func(media.Samples)) error {
	pace := capture.NewPacer(s.line.clock)
	for i := s.runFrom(s.line.clock.Now()); ; i++ {
		if err := pace.Wait(ctx, s.at((i+1)*int64(s.run))); err != nil {
			return err
		}
		if pace.Late(s.at(i*int64(s.run))) > capture.MaxLate {
			present := s.runFrom(s.line.clock.Now())
			s.skipped.Add(uint64(present - i))
			i = present - 1
			continue
		}
		first := i * int64(s.run)
		emit(media.Samples{Format: s.format, PTS: s.at(first), Data: s.samples(first)})
	}
}

// at is the PTS of sample n.
func (s *SampleSource) at(n int64) time.Duration {
	return s.line.origin + media.SamplesToDuration(n, s.format.SampleRate)
}

// runFrom is the first run that begins at or after t, which is not before the
// origin.
func (s *SampleSource) runFrom(t time.Duration) int64 {
	i := max(0, media.ToTimescale(t-s.line.origin, s.format.SampleRate)/int64(s.run)-1)
	for s.at(i*int64(s.run)) < t {
		i++
	}
	return i
}

// samples is the sound from sample first on, one run long.
func (s *SampleSource) samples(first int64) []int16 {
	data := s.silence
	end := first + int64(s.run)
	second := int64(s.at(first)/time.Second) - 1 // its beep may still sound
	for ; second <= int64(s.at(end)/time.Second); second++ {
		begin := s.line.beep(second, s.format.SampleRate)
		from, to := max(first, begin), min(end, begin+int64(len(s.beep)))
		if from >= to || second < 0 || begin < 0 {
			continue
		}
		if &data[0] == &s.silence[0] {
			data = make([]int16, len(s.silence))
		}
		for n := from; n < to; n++ {
			for c := range s.format.Channels {
				data[int(n-first)*s.format.Channels+c] = s.beep[n-begin]
			}
		}
	}
	return data
}
