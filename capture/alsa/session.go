package alsa

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/drift"
	kernel "github.com/encoderbox/encoderbox/media/v4l2"

	"github.com/encoderbox/encoderbox/media"
)

const (
	// stall is how long a started card may bring nothing.
	stall = time.Second
	// maxRestarts in a row without sound between them; then it is no use. That a
	// card brought frames is not enough: the first 100 ms tell when they were.
	maxRestarts = 5
	// sayOverruns is how often overruns are written of.
	sayOverruns = 10 * time.Second
	// slab is how much sound's memory is taken at a time.
	slab = 200 * time.Millisecond
)

// Session is an open card; it implements live.AudioSession.
type Session struct {
	audio  *Audio
	card   Card
	device device
	clock  *media.Clock
	log    *slog.Logger
	rate   int                  // of the card
	mono   func() time.Duration // CLOCK_MONOTONIC; nil: that

	format    media.AudioFormat
	converter *drift.Converter
	frames    []float32
	memory    []int16
	read      int64 // frames since the start
	restarts  int   // in a row
	silenced  int   // overruns that were not written of
	said      time.Time

	mu    sync.Mutex // guards stats
	stats Stats
}

// Format implements live.AudioSession.
func (s *Session) Format() media.AudioFormat { return s.format }

// Device implements live.AudioSession.
func (s *Session) Device() string { return s.card.String() }

// Convert sets the format that Run emits: any rate that drift takes, 1 or 2
// channels. It is called before Run.
func (s *Session) Convert(to media.AudioFormat) error {
	p := s.device.Params()
	c, err := drift.New(drift.Config{Rate: s.rate, Channels: p.Channels, Out: to})
	if err != nil {
		return fmt.Errorf("alsa: %s: %w", s.card, err)
	}
	s.format, s.converter = to, c
	s.frames = make([]float32, p.Period*p.Channels)
	return nil
}

// Close implements live.AudioSession.
func (s *Session) Close() error { return s.device.Close() }

// Stats are the counters so far. It may be called from any goroutine.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run implements live.AudioSession.
//
// The first sound comes 100 ms after the start. A run does not follow the one
// before where the card lost frames: it ran over because the box had no time to
// read for longer than its buffer (500 ms where the card can). A card that turns
// out to run at another rate than its driver says (HDMI sources change theirs)
// ends the session; the next one goes by what was measured.
func (s *Session) Run(ctx context.Context, emit func(media.Samples)) error {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		s.device.Wake()
	})
	defer func() {
		if !stop() {
			<-woken // Close takes away what it writes to
		}
	}()
	ahead := s.ahead()
	if err := s.start(emit); err != nil {
		return err
	}
	wait := max(stall, 4*s.periodTime())
	for last := s.clock.Now(); ; {
		ready, err := s.device.Wait(wait)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return s.failed(err)
		}
		got := false
		if ready {
			if got, err = s.take(ahead, emit); err != nil {
				return err
			}
		}
		switch now := s.clock.Now(); {
		case got:
			last = now
		case now-last >= wait:
			return &capture.SignalError{Signal: capture.SignalStalled, Detail: s.card.String() + " brings no sound"}
		case ready:
			time.Sleep(time.Millisecond) // a driver that wakes us for nothing must not make a busy loop
		}
		if err := s.rightRate(); err != nil {
			return err
		}
	}
}

// ahead is how far CLOCK_MONOTONIC is ahead of the stream's clock, which is the
// same clock with another zero: the tightest of some readings.
func (s *Session) ahead() time.Duration {
	mono := s.mono
	if mono == nil {
		mono = kernel.MonotonicNow
	}
	var best, width time.Duration
	for i := range 5 {
		a := s.clock.Now()
		m := mono()
		b := s.clock.Now()
		if i == 0 || b-a < width {
			best, width = m-(a+b)/2, b-a
		}
	}
	return best
}

func (s *Session) periodTime() time.Duration {
	p := s.device.Params()
	return media.SamplesToDuration(int64(p.Period), p.Rate)
}

// start starts the card, for the first time or again.
func (s *Session) start(emit func(media.Samples)) error {
	s.converter.Restart()
	s.drain(emit)
	s.read = 0
	if err := s.device.Start(); err != nil {
		return s.failed(err)
	}
	return nil
}

// take reads what is there. got says whether that was a period at least.
func (s *Session) take(ahead time.Duration, emit func(media.Samples)) (got bool, err error) {
	st, err := s.device.Status()
	if err != nil {
		return false, s.failed(err)
	}
	switch st.State {
	case running:
	case disconnected:
		return false, s.failed(syscall.ENODEV)
	default:
		return false, s.restart(emit)
	}
	s.converter.Observe(s.read+int64(st.Available), st.At-ahead)
	p := s.device.Params()
	for ; st.Available >= p.Period; st.Available -= p.Period {
		data, err := s.device.Read()
		switch {
		case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ESTRPIPE):
			return got, s.restart(emit)
		case err != nil:
			return got, s.failed(err)
		}
		s.read += int64(p.Period)
		s.converter.Write(decode(s.frames, data, p.Format))
		if s.drain(emit) {
			s.restarts = 0
		}
		got = true
	}
	s.report(0)
	return got, nil
}

// restart goes on after an overrun.
func (s *Session) restart(emit func(media.Samples)) error {
	s.report(1)
	if s.restarts++; s.restarts > maxRestarts {
		return &capture.SignalError{Signal: capture.SignalStalled, Detail: fmt.Sprintf("%s was started %d times and stops at once", s.card, s.restarts)}
	}
	if s.silenced++; time.Since(s.said) >= sayOverruns {
		s.log.Warn("sound card ran over: started again, some sound is lost", "card", s.card.String(), "times", s.silenced)
		s.silenced, s.said = 0, time.Now()
	}
	return s.start(emit)
}

// drain emits what the converter has, and says whether that was anything.
func (s *Session) drain(emit func(media.Samples)) (some bool) {
	for {
		if len(s.memory) < s.format.Channels*64 {
			s.memory = make([]int16, s.format.Channels*int(slab*time.Duration(s.format.SampleRate)/time.Second))
		}
		first, n := s.converter.Read(s.memory)
		if n == 0 {
			return some
		}
		some = true
		n *= s.format.Channels
		emit(media.Samples{
			Format: s.format, PTS: media.SamplesToDuration(first, s.format.SampleRate),
			Data: s.memory[:n:n],
		})
		s.memory = s.memory[n:]
	}
}

// rightRate ends the session when the card runs at another rate.
func (s *Session) rightRate() error {
	rate, wrong := s.converter.Mismatch()
	if !wrong {
		return nil
	}
	s.audio.setRate(s.card, s.device.Params().Rate, rate)
	return &capture.SignalError{
		Signal: capture.SignalUnstable,
		Detail: fmt.Sprintf("%s changed from %d to %d Hz", s.card, s.rate, rate),
	}
}

// failed is why the session ends.
func (s *Session) failed(err error) error {
	if gone(err) {
		return &capture.SignalError{Signal: capture.SignalDeviceLost, Detail: s.card.String(), Err: err}
	}
	return fmt.Errorf("alsa: %s: %w", s.card, err)
}

func (s *Session) report(overruns uint64) {
	st := s.converter.Stats()
	s.mu.Lock()
	s.stats.Stats = st
	s.stats.Overruns += overruns
	s.mu.Unlock()
}
