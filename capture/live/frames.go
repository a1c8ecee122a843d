package live

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// Frames is the picture part: the device's pictures, or the slate. It ends with
// its context, and by ErrChanged, and not otherwise.
type Frames struct {
	*state
	cfg    Config
	format media.VideoFormat // of the stream
	pixels []media.PixelFormat
	joint  *joint
	pool   capture.Pool // set before Run

	mu    sync.Mutex   // guards the field below
	first VideoSession // opened by Open, for the first Run
}

var (
	_ capture.FrameSource  = (*Frames)(nil)
	_ capture.PoolUser     = (*Frames)(nil)
	_ capture.LiveReporter = (*Frames)(nil)
)

func newFrames(cfg Config, format media.VideoFormat, clock *media.Clock, session VideoSession, reason *capture.SignalError) *Frames {
	s := &state{clock: clock, onChange: cfg.OnChange}
	f := &Frames{
		state: s, cfg: cfg, format: format, first: session,
		pixels: []media.PixelFormat{media.I420},
		joint:  newJoint(clock, format.FrameRate, s),
	}
	s.live.Since = clock.Now()
	if session != nil {
		f.pixels, s.live.Device = session.Pixels(), session.Device()
	} else {
		s.live.Signal, s.live.Detail = reason.Signal, reason.Detail
	}
	return f
}

// Pixels are the raw formats that need no conversion, best first, as far as the
// device was there to be asked.
func (f *Frames) Pixels() []media.PixelFormat { return f.pixels }

// UsePool implements capture.PoolUser. Without it the pictures are I420 in the
// process's own memory.
func (f *Frames) UsePool(p capture.Pool) { f.pool = p }

// Skipped counts pictures that could not be delivered for want of memory, or
// were damaged: the device's and the slate's.
func (f *Frames) Skipped() uint64 {
	skipped := f.Live().Skipped
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	return skipped + f.missed
}

// ShowSlate has the slate on the air, whatever the device delivers, until it is
// called with false. It may be called at any time, from any goroutine; the same again
// does nothing.
func (f *Frames) ShowSlate(on bool) { f.joint.force(on) }

func (f *Frames) close() error {
	if session := f.take(); session != nil {
		return session.Close()
	}
	return nil
}

func (f *Frames) take() VideoSession {
	f.mu.Lock()
	defer f.mu.Unlock()
	session := f.first
	f.first = nil
	return session
}

// Run implements capture.FrameSource. Pictures are emitted one at a time, from
// the device's goroutine or from Run's own.
func (f *Frames) Run(ctx context.Context, emit func(media.Frame)) error {
	if f.pool == nil {
		f.pool = capture.NewPool(f.format, nil)
	}
	shared := &sharedPool{Pool: f.pool}
	f.joint.start(emit)
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	var device sync.WaitGroup
	device.Go(func() { end(protect(f.cfg.Log, func() error { return f.runDevice(running, shared) })) })
	err := protect(f.cfg.Log, func() error { return f.runSlate(running, shared) })
	end(err)
	device.Wait()
	f.change(func(l *capture.LiveStatus) { l.Slate = false })
	f.tell()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return context.Cause(running)
}

// runDevice opens the device, runs it, and opens it again, until ctx ends.
func (f *Frames) runDevice(ctx context.Context, pool *sharedPool) error {
	again := newRetry(ctx, f.cfg.Wake)
	session := f.take()
	for {
		var err error
		if session == nil {
			session, err = f.cfg.Video.Open(ctx)
		}
		steady := false
		if err == nil {
			steady, err = f.runSession(ctx, session, pool)
			session = nil
		}
		if ctx.Err() != nil || errors.Is(err, ErrChanged) {
			return err
		}
		if steady {
			again.reset()
		}
		if f.report(err) && steady {
			continue // the signal is there, and was before: no reason to wait
		}
		if err := again.wait(ctx); err != nil {
			return err
		}
	}
}

// report makes an error the input's state. It says whether the signal is there.
func (f *Frames) report(err error) (there bool) {
	var changed *Changed
	if errors.As(err, &changed) {
		f.joint.lost(&capture.SignalError{Signal: capture.SignalStarting, Detail: changed.Error()}, false)
		return true
	}
	reason := why(err)
	f.cfg.Log.Debug("live input: no picture", "reason", reason)
	f.joint.lost(reason, reason.Signal != capture.SignalRecovering)
	return false
}

// steadyAfter is how long pictures must have come for the next attempt to be an
// early one: a signal that comes and goes must not make a seam, with its key
// pictures, many times a second.
const steadyAfter = 500 * time.Millisecond

// runSession runs an open session to its end and closes it. It returns whether
// it was a steady one, and why no more pictures come.
func (f *Frames) runSession(ctx context.Context, session VideoSession, pool *sharedPool) (steady bool, err error) {
	defer func() {
		if closeErr := session.Close(); closeErr != nil {
			f.cfg.Log.Warn("live input: close the device", "device", session.Device(), "error", closeErr)
		}
	}()
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	format := session.Format()
	if f.cfg.Follow && f.differs(format) {
		return false, fmt.Errorf("%w to %s", ErrChanged, describe(format))
	}
	f.change(func(l *capture.LiveStatus) { l.Device = session.Device() })
	if c, ok := session.(Chooser); ok {
		c.Choose(f.joint.wanted)
	}
	f.begin(session)
	defer f.end()
	for {
		var first, last time.Duration
		err := f.stream(ctx, session, pool, func(p media.Frame) {
			if last = f.clock.Now(); first == 0 {
				first = last
			}
			f.joint.picture(p, format)
		})
		steady = last-first >= steadyAfter
		if why(err).Signal != capture.SignalRecovering {
			return steady, err
		}
		f.report(err)
		if !steady { // an encoder that fails at once must not make this spin
			if err := pause(ctx, firstWait); err != nil {
				return false, err
			}
		}
	}
}

// stream is one Run of a session.
func (f *Frames) stream(ctx context.Context, session VideoSession, pool capture.Pool, emit func(media.Frame)) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	f.joint.session(session.Format().FrameRate, stop)
	defer f.joint.ended()
	err := session.Run(running, pool, emit)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case running.Err() != nil:
		return stalled(stallLimit)
	case err == nil:
		return &capture.SignalError{Signal: capture.SignalStalled, Detail: "The device ended its stream."}
	}
	return err
}

// differs says whether what arrives is not what the stream has, in the fields
// that the configuration leaves to the device.
func (f *Frames) differs(in media.VideoFormat) bool {
	if f.cfg.Format.Width == 0 && (in.Width&^1 != f.format.Width || in.Height&^1 != f.format.Height) {
		return true
	}
	if !f.cfg.Format.FrameRate.IsZero() || in.FrameRate.IsZero() {
		return false
	}
	// Measured rates wobble; 59.94 and 60 are a thousandth apart.
	return math.Abs(in.FrameRate.Float()/f.format.FrameRate.Float()-1) > 0.0005
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
