package programme

import (
	"context"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

type broken struct{}

func (broken) Run(context.Context, media.Writer) error { panic("table entry 7 of 3") }

func TestAPanicOfTheInputIsAnErrorOfTheProgramme(t *testing.T) {
	h := hub.New(media.NewClock())
	defer h.Close()
	p := newProgramme(h, status.NewStore("").Stream("main"))
	in := &capture.Input{Packets: broken{}, Kinds: []media.Kind{media.Video}}
	err := p.run(t.Context(), Spec{}, in, plan{passthrough: true, kinds: in.Kinds}, func() {})
	if err == nil || !strings.Contains(err.Error(), "table entry 7 of 3") {
		t.Errorf("ended with %v", err)
	}
}
