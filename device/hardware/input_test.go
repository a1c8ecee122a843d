package hardware

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/board"
	v4l2capture "github.com/encoderbox/encoderbox/capture/v4l2"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// Every quirk that a model can have reaches the code that captures, for the
// driver that it is of alone; one that nobody knows is told.
func TestCaptureQuirksOfTheModelReachItsDriver(t *testing.T) {
	b := &Box{model: board.Model{Capture: board.Capture{
		EDIDWait: time.Second, MaxPixelRate: 5e6,
		Quirks: []board.CaptureQuirk{
			{Driver: "unicam", Is: board.CaptureStrideAlign, Value: 64},
			{Driver: "unicam", Is: board.CaptureForceCopy, Text: "slow memory"},
			{Driver: "unicam", Is: board.CaptureBridge, Text: "tc358743"},
			{Driver: "unicam", Is: board.CaptureBusCode, Value: int(v4l2.BusYUYV)},
			{Driver: "unicam", Is: board.CaptureMinQueued, Value: 3},
			{Driver: "unicam", Is: board.CaptureArrivalTime},
		},
	}}}
	var log bytes.Buffer
	of := b.captureQuirks(slog.New(slog.NewTextHandler(&log, nil)))
	want := v4l2capture.Quirks{
		EDIDWait: time.Second, MaxPixelRate: 5e6,
		StrideAlign: 64, ForceCopy: "slow memory", Bridge: "tc358743", BusCode: v4l2.BusYUYV, MinQueued: 3, ArrivalTime: true,
	}
	if got := of(v4l2.Info{Driver: "unicam"}); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got := of(v4l2.Info{Driver: "uvcvideo"}); got != (v4l2capture.Quirks{EDIDWait: time.Second, MaxPixelRate: 5e6}) {
		t.Errorf("another driver has %+v", got)
	}
	if log.Len() > 0 {
		t.Errorf("%s", &log)
	}
	b.model.Capture.Quirks = []board.CaptureQuirk{{Driver: "unicam", Is: "of-tomorrow"}}
	of(v4l2.Info{Driver: "unicam"})
	if !bytes.Contains(log.Bytes(), []byte("of-tomorrow")) {
		t.Errorf("an unknown quirk is not told: %s", &log)
	}
}
