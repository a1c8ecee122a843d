package preflight

import (
	"context"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/output"
)

// Datagrams go to anybody: only a connection of the protocol shows that somebody is there.
func TestSomebodyMustAnswer(t *testing.T) {
	rig := func(said string, err error) (*rig, *int) {
		r, asked := newRig(t, "srt://127.0.0.1:9000"), 0
		r.kind.Transports = []string{"udp"}
		r.kind.Probe = func(context.Context, output.Target) (string, error) { asked++; return said, err }
		return r, &asked
	}
	r, _ := rig("", output.WithCause(output.CauseNetwork, output.InWords("no answer from 127.0.0.1:9000", context.DeadlineExceeded)))
	if got := r.run(t); got.Go || got.Cause != output.CauseNetwork || !strings.HasPrefix(got.Reason, "answer: ") || !strings.Contains(got.Reason, "no answer from") {
		t.Errorf("nobody there: %+v", got)
	}
	r, _ = rig("it has accepted a connection", nil)
	if got := r.run(t); !got.Go || got.verdict(StepAnswer) != Good || got.verdict(StepPublish) != Skipped {
		t.Errorf("somebody there: %+v", got)
	}
	r, _ = rig("", nil)
	if got := r.run(t); !got.Go || got.verdict(StepAnswer) != Skipped {
		t.Errorf("no way to tell: %+v", got)
	}
	r, asked := rig("said", nil)
	r.o.Busy = true
	if got := r.run(t); got.verdict(StepAnswer) != Skipped || *asked != 0 {
		t.Errorf("on the air: %+v", got)
	}
	r, asked = rig("said", nil)
	r.o.Publish = true
	if got := r.run(t); got.verdict(StepAnswer) != "" || *asked != 0 {
		t.Errorf("publishing shows it: %+v", got)
	}
}
