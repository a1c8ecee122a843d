package v4l2capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/live"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// subscribe asks for news of the signal. A driver that has none is polled when
// its pictures stop. What a receiver says of the sound in its signal is not asked
// for: capture/alsa measures the rate, and a card without sound gives silence.
func (s *session) subscribe() {
	from := s.events()
	id := uint32(max(0, s.input))
	if s.pipe != nil {
		id = 0 // of a subdevice: the pad
	}
	if err := from.Subscribe(v4l2.EventSourceChange, id); err != nil {
		s.log.Debug("the driver tells of no source changes", "error", err)
	}
}

// writeEDID gives the receiver its EDID. One that has it is left alone: writing
// it drops the hot-plug line, and the source begins anew. Nor is it written
// again to the node before, which keeps it in a form of its own.
func (s *session) writeEDID(before string) (wrote bool, err error) {
	if s.timed == nil || s.cfg.EDID == nil {
		return false, nil
	}
	has, err := s.timed.EDID(s.edidPad())
	if err == nil && (bytes.Equal(has, s.cfg.EDID) || len(has) > 0 && before == s.node.Path) {
		return false, nil
	}
	switch err := s.timed.SetEDID(s.edidPad(), s.cfg.EDID); {
	case errors.Is(err, unix.ENOTTY):
		return false, nil // it is fixed
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.E2BIG):
		return false, &capture.SignalError{Signal: capture.SignalUnsupported, Err: err,
			Detail: fmt.Sprintf("the receiver does not take the EDID of %d bytes: give another", len(s.cfg.EDID))}
	case err != nil:
		return false, s.failed(err)
	}
	level, times := s.said.tell(slog.LevelInfo, "EDID "+s.name())
	s.log.LogAttrs(context.Background(), level, "EDID written", slog.Int("bytes", len(s.cfg.EDID)), times)
	return true, nil
}

// edidPad is whose EDID it is: of a node the input's, of a bridge the first.
func (s *session) edidPad() int {
	if s.pipe != nil {
		return 0
	}
	return max(0, s.input)
}

// lock sets the receiver to what arrives, and waits up to patience for that.
func (s *session) lock(ctx context.Context, patience time.Duration) error {
	until := time.Now().Add(patience)
	for {
		t, err := s.timed.QueryDVTimings()
		if err == nil {
			err = s.accept(t)
		}
		if err == nil {
			return nil
		}
		e := (*capture.SignalError)(nil)
		if errors.As(s.timing(err), &e); e.Signal == capture.SignalDeviceLost {
			return e
		}
		left := time.Until(until)
		if left <= 0 {
			return e
		}
		if err := s.await(ctx, min(left, 500*time.Millisecond)); err != nil {
			return err
		}
	}
}

// accept sets the receiver to timings that it measured.
func (s *session) accept(t v4l2.DVTimings) error {
	unsupported := func(why string) error {
		return &capture.SignalError{Signal: capture.SignalUnsupported, Detail: t.String() + ": " + why}
	}
	limit, rate := s.quirks.MaxPixelRate, float64(t.Width)*float64(t.Height)*t.FrameRate().Float()
	switch {
	case t.Interlaced:
		return unsupported("interlaced pictures are not taken; set the source to progressive (p)")
	case t.Width <= 0 || t.Height <= 0 || t.Width%2 != 0 || t.Height%2 != 0:
		return unsupported("width and height must be even")
	case limit > 0 && rate > 1.001*limit: // measured rates wobble
		return unsupported(fmt.Sprintf("the wiring of this board carries up to %.1f million pixels a second, this needs %.1f; set the source to a lower rate or size",
			limit/1e6, rate/1e6))
	}
	if err := s.timed.SetDVTimings(t); err != nil {
		if errors.Is(err, unix.ERANGE) || errors.Is(err, unix.EINVAL) {
			return unsupported("the receiver cannot take it; set the source to another size or rate")
		}
		return s.failed(err)
	}
	s.arriving = t
	return nil
}

// timing is failed, with what the receiver knows of the cable.
func (s *session) timing(err error) error {
	err = s.failed(err)
	e := (*capture.SignalError)(nil)
	if !errors.As(err, &e) || e.Signal != capture.SignalNone {
		return err
	}
	power, perr := s.timed.Get(v4l2.CtrlRXPowerPresent)
	edid, eerr := s.timed.EDID(s.edidPad())
	switch {
	case perr == nil && power == 0:
		e.Detail = "no cable, or the source has no power"
	case eerr == nil && len(edid) == 0, errors.Is(eerr, unix.ENODATA):
		e.Detail = "the receiver has no EDID, without which a source sends nothing: give one in the configuration"
	case perr == nil:
		e.Detail = "a source is connected, but sends nothing: switch on its output"
	}
	return e
}

// await waits for news of the signal.
func (s *session) await(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	got, ofBridge, err := s.poll.Wait(d, s.dev, v4l2.PollPri, s.bridge())
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case (got | ofBridge).Has(v4l2.PollHup):
		return lost(s.node.Path+" was unplugged", nil)
	case (got | ofBridge).Has(v4l2.PollPri):
		_, err = s.takeEvents()
	}
	return err
}

// takeEvents takes all that are pending, and says whether the source changed.
func (s *session) takeEvents() (changed bool, err error) {
	for {
		ev, err := s.events().DequeueEvent()
		switch {
		case errors.Is(err, v4l2.ErrAgain):
			return changed, nil
		case err != nil:
			return changed, s.failed(err)
		}
		changed = changed || ev.Type == v4l2.EventSourceChange
	}
}

// check asks the device for its signal: nil while it is what the session was
// opened for.
func (s *session) check() error {
	if s.timed == nil {
		return s.inputStatus()
	}
	t, err := s.timed.QueryDVTimings()
	switch {
	case err != nil:
		return s.timing(err)
	case !sameTiming(t, s.arriving):
		f := s.format
		f.Width, f.Height, f.FrameRate = t.Width, t.Height, t.FrameRate()
		return &live.Changed{To: f}
	}
	return nil
}

// sameTiming allows for what a receiver's measurements differ by.
func sameTiming(a, b v4l2.DVTimings) bool {
	if a.Width != b.Width || a.Height != b.Height || a.Interlaced != b.Interlaced {
		return false
	}
	x, y := a.FrameRate().Float(), b.FrameRate().Float()
	return math.Abs(x-y) <= 0.005*max(x, y)
}

// inputStatus is what a device without timings says of its input.
func (s *session) inputStatus() error {
	if s.input < 0 {
		return nil
	}
	inputs, err := s.dev.Inputs()
	if err != nil {
		return s.failed(err)
	}
	for _, d := range inputs {
		if d.Index != s.input {
			continue
		}
		switch {
		case d.Status.Has(v4l2.NoPower):
			return &capture.SignalError{Signal: capture.SignalNone, Detail: d.Name + " has no power"}
		case d.Status.Has(v4l2.NoSignal | v4l2.NoCarrier):
			return &capture.SignalError{Signal: capture.SignalNone, Detail: "nothing is connected to " + d.Name + ", or it is switched off"}
		case d.Status.Has(v4l2.NoHLock | v4l2.NoVLock | v4l2.NoSync):
			return &capture.SignalError{Signal: capture.SignalUnstable, Detail: "something is connected to " + d.Name + ", but its signal cannot be locked on"}
		}
	}
	return nil
}
