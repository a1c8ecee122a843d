package live

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// silenceAfter is how long no samples may come before silence takes their place:
// as long as a picture stands before the slate comes, and as a sound card buffers.
// What arrives later than that has lost its place.
const silenceAfter = 500 * time.Millisecond

// Samples is the sound part: the card's, or silence. It ends with its context
// and not otherwise.
//
// Live tells of the card as Frames' tells of the picture: Slate is that silence
// is on, Frames and Slates count runs, Skipped those that could not be used.
type Samples struct {
	*state
	cfg Config

	mu      sync.Mutex // held while a run goes out; guards the fields below
	sound   *sound
	arrived time.Duration        // when the card's last run came, or waiting for it began
	since   time.Duration        // of the running session
	stop    context.CancelFunc   // ends it; nil: none runs
	reason  *capture.SignalError // why nothing comes; nil: not said
	silent  bool
	muted   bool // a person shows the slate
}

var (
	_ capture.SampleSource = (*Samples)(nil)
	_ capture.LiveReporter = (*Samples)(nil)
)

func newSamples(cfg Config, clock *media.Clock) *Samples {
	s := &Samples{
		state: &state{clock: clock}, cfg: cfg, sound: newSound(cfg.AudioFormat),
	}
	s.live.Since = clock.Now()
	return s
}

// ShowSlate has silence in the place of what the card delivers, as Frames.ShowSlate
// has the slate.
func (s *Samples) ShowSlate(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.muted = on
}

// Run implements capture.SampleSource. Runs are emitted one at a time, from the
// card's goroutine or from Run's own.
func (s *Samples) Run(ctx context.Context, emit func(media.Samples)) error {
	s.begins(emit)
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	var card sync.WaitGroup
	card.Go(func() { end(protect(s.cfg.Log, func() error { return s.runCard(running) })) })
	err := protect(s.cfg.Log, func() error { return s.runSilence(running) })
	end(err)
	card.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return context.Cause(running)
}

func (s *Samples) begins(emit func(media.Samples)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	s.sound.emit, s.arrived, s.silent = emit, now, false
	s.sound.start(now)
}

// runSilence sends silence whenever the card sends nothing.
func (s *Samples) runSilence(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		timer.Reset(s.fill())
	}
}

// fill sends the silence that is due, and returns when to look again.
func (s *Samples) fill() (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if wait = s.arrived + silenceAfter - now; wait > 0 {
		return wait
	}
	if s.stop != nil && now-max(s.since, s.arrived) > stallLimit {
		s.stop()
	}
	if !s.silent {
		s.silent = true
		reason := s.reason
		if reason == nil {
			reason = &capture.SignalError{Signal: capture.SignalStalled, Detail: "The sound card sends nothing."}
			if s.stop == nil {
				reason = &capture.SignalError{Signal: capture.SignalStarting}
			}
		}
		s.show(reason)
	}
	s.sound.silence(samplesIn(now, s.sound.format))
	s.change(func(l *capture.LiveStatus) { l.Slates++ })
	return silentRun
}

func (s *Samples) show(reason *capture.SignalError) {
	s.change(func(l *capture.LiveStatus) { l.Signal, l.Detail, l.Slate = reason.Signal, reason.Detail, true })
}

// run takes one of the card's.
func (s *Samples) run(r media.Samples) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if r.Format.SampleRate != s.cfg.AudioFormat.SampleRate || r.Format.Channels <= 0 || len(r.Data)%r.Format.Channels != 0 ||
		r.PTS < now-maxLag-r.Duration() || r.PTS > now+tolerance { // its clock is not ours
		s.change(func(l *capture.LiveStatus) { l.Skipped++ })
		return
	}
	if len(r.Data) == 0 {
		return
	}
	if to := s.cfg.AudioFormat.Channels; r.Format.Channels != to {
		r.Data = remix(r.Data, r.Format.Channels, to)
	}
	if s.muted {
		r.Data = make([]int16, len(r.Data)) // the card's own may be in use still
	}
	r.Format = s.cfg.AudioFormat
	s.arrived, s.reason, s.silent = now, nil, false
	s.sound.card(r)
	s.change(func(l *capture.LiveStatus) {
		l.Signal, l.Detail, l.Slate = capture.SignalOK, "", false
		l.Frames++
	})
}

// lost says why nothing comes.
func (s *Samples) lost(err error) {
	reason := why(err)
	s.cfg.Log.Debug("live input: no sound", "reason", reason)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reason = reason
	if s.silent {
		s.show(reason)
	}
}

// runCard opens the card, runs it, and opens it again, until ctx ends.
func (s *Samples) runCard(ctx context.Context) error {
	again := newRetry(ctx, s.cfg.Wake)
	for {
		session, err := s.cfg.Audio.Open(ctx)
		if err == nil {
			var runs uint64
			if runs, err = s.runSession(ctx, session); runs > 0 {
				again.reset()
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.lost(err)
		if err := again.wait(ctx); err != nil {
			return err
		}
	}
}

// runSession runs an open card to its end and closes it.
func (s *Samples) runSession(ctx context.Context, session AudioSession) (runs uint64, err error) {
	defer func() {
		if closeErr := session.Close(); closeErr != nil {
			s.cfg.Log.Warn("live input: close the sound card", "device", session.Device(), "error", closeErr)
		}
	}()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	s.change(func(l *capture.LiveStatus) { l.Device = session.Device() })
	if err := convert(session, s.cfg.AudioFormat); err != nil {
		return 0, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	s.session(stop)
	defer s.session(nil)
	err = session.Run(running, func(r media.Samples) {
		runs++
		s.run(r)
	})
	switch {
	case ctx.Err() != nil:
		return runs, ctx.Err()
	case running.Err() != nil:
		return runs, stalled(stallLimit)
	case err == nil:
		return runs, &capture.SignalError{Signal: capture.SignalStalled, Detail: "The sound card ended its stream."}
	}
	return runs, err
}

func (s *Samples) session(stop context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop, s.since = stop, s.clock.Now()
}

// convert brings a card to the stream's format: by itself, or, where only the
// number of channels differs, later by remix.
func convert(session AudioSession, to media.AudioFormat) error {
	has := session.Format()
	if has == to {
		return nil
	}
	var err error
	if c, ok := session.(Converter); ok {
		if err = c.Convert(to); err == nil {
			has = session.Format()
		}
	}
	if has.SampleRate == to.SampleRate && has.Channels > 0 {
		return nil
	}
	return &capture.SignalError{
		Signal: capture.SignalUnsupported, Err: err,
		Detail: fmt.Sprintf("the card gives %d Hz, %d channels, the stream has %d Hz, %d channels", has.SampleRate, has.Channels, to.SampleRate, to.Channels),
	}
}
