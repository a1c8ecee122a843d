package programme

import (
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

// card is a sound card in a state.
type card struct {
	noSamples
	capture.LiveStatus
}

func (c card) Live() capture.LiveStatus { return c.LiveStatus }

func TestMissingSoundIsACondition(t *testing.T) {
	store := status.NewStore("")
	p := newProgramme(hub.New(media.NewClock()), store.Stream("main"))
	pulled := capture.LiveStatus{Signal: capture.SignalDeviceLost, Slate: true, Detail: "Grabber (hw:1,0)", Losses: 1}
	never := capture.LiveStatus{Signal: capture.SignalDeviceLost, Slate: true, Detail: "no sound card captures"}
	for _, c := range []struct {
		what string
		is   capture.LiveStatus
		want status.Severity // "": none
	}{
		{"starting", capture.LiveStatus{Signal: capture.SignalStarting, Slate: true}, ""},
		{"there is none", never, status.Info},
		{"it plays", capture.LiveStatus{Signal: capture.SignalOK}, ""},
		{"it was pulled", pulled, status.Warning},
		{"a hole too short to be heard", capture.LiveStatus{Signal: capture.SignalDeviceLost, Losses: 1}, ""},
		{"it was pulled again", pulled, status.Warning},
	} {
		p.reportSound(&capture.Input{Samples: card{LiveStatus: c.is}})
		var got []status.Condition
		if streams := store.Load().Streams; len(streams) > 0 {
			got = streams[0].Conditions
		}
		switch {
		case c.want == "" && len(got) == 0:
		case c.want != "" && len(got) == 1 && got[0].Code == ConditionSound && got[0].Severity == c.want && strings.Contains(got[0].Message, c.is.Detail):
		default:
			t.Errorf("%s: %+v", c.what, got)
		}
	}
	p.clearSignal()
	if got := store.Load().Streams[0].Conditions; len(got) != 0 {
		t.Errorf("after the input's end: %+v", got)
	}
}
