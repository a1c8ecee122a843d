package hardware

import (
	"context"
	"log/slog"
	"strings"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/alsa"
	"github.com/encoderbox/encoderbox/capture/live"
	v4l2capture "github.com/encoderbox/encoderbox/capture/v4l2"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// Input is what is wanted of a capture device.
type Input struct {
	Device, AudioDevice string // as in the configuration
	EDID                string // Auto, None, or a file
	Width, Height       int    // 0: as it comes
	FrameRate           media.Rational
	Follow              bool
	Stream              string        // its name, for the slate
	Address             func() string // of the page, for the slate
	OnChange            func(capture.LiveStatus)
	Log                 *slog.Logger
}

// None stands for "leave it alone" in the configuration.
const None = "none"

// OpenInput opens a capture device with its sound, as an input that goes on
// when they do not. It fails only for what waiting does not cure: a file with
// an EDID that is none.
func (b *Box) OpenInput(ctx context.Context, in Input, clock *media.Clock) (*capture.Input, error) {
	edid, err := b.edid(in.EDID)
	if err != nil {
		return nil, err
	}
	video := v4l2capture.New(v4l2capture.Config{
		Selector: in.Device, Prefer: b.model.Capture.Drivers,
		Width: in.Width, Height: in.Height, FrameRate: in.FrameRate,
		EDID: edid, Quirks: b.captureQuirks(in.Log),
		Sys: b.sub("sys"), Dev: "/dev", Log: in.Log,
	}, clock)
	var sound live.Audio
	if in.AudioDevice != None {
		sound = alsa.New(alsa.Config{
			Selector: in.AudioDevice, Video: video.Parent, Hints: b.model.Capture.Sound,
			Log: in.Log,
		}, clock)
	}
	return live.Open(ctx, live.Config{
		Video: video, Audio: sound,
		Format: media.VideoFormat{Width: in.Width, Height: in.Height, FrameRate: in.FrameRate},
		Follow: in.Follow, Wake: b.came.wake, OnChange: in.OnChange,
		Stream: in.Stream, Address: in.Address, Log: in.Log,
	}, clock)
}

// captureQuirks are the model's data of a device as the driver code takes them.
func (b *Box) captureQuirks(log *slog.Logger) func(v4l2.Info) v4l2capture.Quirks {
	return func(i v4l2.Info) v4l2capture.Quirks {
		c := b.model.Capture
		q := v4l2capture.Quirks{EDIDWait: c.EDIDWait, MaxPixelRate: c.MaxPixelRate}
		for _, is := range captureQuirksOf(c, i.Driver) {
			switch is.Is {
			case board.CaptureStrideAlign:
				q.StrideAlign = is.Value
			case board.CaptureForceCopy:
				q.ForceCopy = is.Text
			case board.CaptureBridge:
				q.Bridge = is.Text
			case board.CaptureBusCode:
				q.BusCode = v4l2.BusCode(is.Value)
			case board.CaptureMinQueued:
				q.MinQueued = is.Value
			case board.CaptureArrivalTime:
				q.ArrivalTime = true
			default:
				log.Warn("a quirk of the board model is not known", "quirk", is.Is, "driver", is.Driver)
			}
		}
		return q
	}
}

// captureQuirksOf are those of a model for a driver.
func captureQuirksOf(c board.Capture, driver string) (list []board.CaptureQuirk) {
	for _, q := range c.Quirks {
		if strings.HasPrefix(driver, q.Driver) {
			list = append(list, q)
		}
	}
	return list
}
