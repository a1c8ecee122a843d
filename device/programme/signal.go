package programme

import (
	"cmp"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/media"
)

// signalConditions are the conditions (warnings, but for the lost device) that
// stand for the signals of a capture device, with what a person can do.
var signalConditions = map[capture.Signal]struct {
	code     string
	severity status.Severity
	message  string
}{
	capture.SignalNone:        {"input.no_signal", status.Warning, "no signal: check the cable, and that the source is switched on"},
	capture.SignalUnstable:    {"input.unstable", status.Warning, "no lock on the signal: check the cable, or try a shorter one"},
	capture.SignalUnsupported: {"input.unsupported", status.Warning, "the signal's format cannot be taken: set the source to another one"},
	capture.SignalStalled:     {"input.stalled", status.Warning, "the device gives no pictures though it has a signal: it is being restarted"},
	capture.SignalDeviceLost:  {"input.device_lost", status.Error, "the capture device is not there: plug it in; encoderd -probe lists what there is"},
	capture.SignalRecovering:  {"encoder.recovering", status.Warning, "the hardware encoder failed and was restarted"},
}

// reportSignal takes a transition of a live input into conditions, and into
// events and log as far as changes has it. It is called in order, one call at a
// time.
func (p *Programme) reportSignal(s capture.LiveStatus) {
	holds, is := signalConditions[s.Signal]
	for _, c := range signalConditions {
		if !is || c.code != holds.code {
			p.report.Clear(c.code)
		}
	}
	message := "signal: " + s.Signal.String()
	if s.Signal == capture.SignalOK {
		message = fmt.Sprintf("signal: %s, %dx%d %s", s.Device, s.Arriving.Width, s.Arriving.Height, s.Arriving.Pixel)
	}
	if s.Detail != "" {
		message += " (" + s.Detail + ")"
	}
	severity := status.Info
	if is {
		severity = holds.severity
		text := holds.message
		if s.Detail != "" {
			text += " (" + s.Detail + ")"
		}
		p.report.Raise(status.Condition{Code: holds.code, Severity: severity, Message: text})
	}
	p.tellChange(p.changes.add(line{severity: severity, message: message, signal: s}, time.Now()))
}

// ConditionSound (a warning, or an info where there never was any): the sound
// card brings nothing, and silence takes its place.
const ConditionSound = "input.no_sound"

// reportSound takes the state of a live input's sound into a condition.
func (p *Programme) reportSound(in *capture.Input) {
	reporter, ok := in.Samples.(capture.LiveReporter)
	if !ok {
		return
	}
	s := reporter.Live()
	if !s.Slate || s.Signal == capture.SignalOK || s.Signal == capture.SignalStarting {
		p.report.Clear(ConditionSound)
		return
	}
	severity := status.Info
	if s.Losses > 0 {
		severity = status.Warning
	}
	p.report.Raise(status.Condition{
		Code: ConditionSound, Severity: severity,
		Message: fmt.Sprintf("no sound comes in, silence takes its place (%s): see input.audio_device; encoderd -probe lists the sound cards",
			cmp.Or(s.Detail, s.Signal.String())),
	})
}

// clearSignal takes back what reportSignal and reportSound raised, when the
// input ends.
func (p *Programme) clearSignal() {
	p.report.Clear(ConditionSound)
	for _, c := range signalConditions {
		p.report.Clear(c.code)
	}
}

// signalOf is what status shows of an input's signal; nil for one that has none.
func (p *Programme) signalOf(in *capture.Input) *status.Signal {
	reporter, ok := in.Frames.(capture.LiveReporter)
	if !ok {
		return nil
	}
	s := reporter.Live()
	return &status.Signal{
		State: s.Signal.String(), Detail: s.Detail, Since: p.wall(s.Since), Device: s.Device,
		Width: s.Arriving.Width, Height: s.Arriving.Height, FrameRate: frameRate(s.Arriving.FrameRate), Pixel: pixel(s.Arriving),
		Transfer: s.Transfer.String(), TransferReason: s.Reason,
		Slate: s.Slate, Losses: s.Losses, SlateFrames: s.Slates, Frames: s.Frames, Skipped: s.Skipped,
	}
}

// describe is an input for people: of a live one, what delivers now.
func describe(in *capture.Input) string {
	reporter, ok := in.Frames.(capture.LiveReporter)
	if !ok {
		return in.Description
	}
	s := reporter.Live()
	if s.Device == "" {
		return "no capture device yet"
	}
	return s.Device
}

// wall is a time of the stream's clock for a person. Where the system's clock
// is not set yet it is as wrong as everything else the box shows; once it is, the
// time is another. While it is not, the same time stays the same.
func (p *Programme) wall(t time.Duration) time.Time {
	now := time.Now().Add(t - p.hub.Clock().Now()).Round(time.Millisecond)
	p.mu.Lock()
	defer p.mu.Unlock()
	const apart = 100 * time.Millisecond // of the readings of the two clocks, at most
	if t != p.since || now.Sub(p.sinceWall).Abs() > apart {
		p.since, p.sinceWall = t, now
	}
	return p.sinceWall
}

func frameRate(r media.Rational) float64 {
	if r.IsZero() {
		return 0
	}
	return r.Float()
}

func pixel(f media.VideoFormat) string {
	if f.Width == 0 {
		return ""
	}
	return f.Pixel.String()
}
