package programme

import (
	"testing"

	"github.com/encoderbox/encoderbox/capture"
)

// shown is a picture source that has a slate.
type shown struct {
	capture.FrameSource
	on bool
}

func (s *shown) ShowSlate(on bool) { s.on = on }

func TestTheSlateIsOfInputsThatHaveOne(t *testing.T) {
	p := &Programme{}
	if p.SetSlate(true) {
		t.Error("shown while no input is open")
	}
	end := p.slate.use(&capture.Input{})
	if p.SetSlate(true) {
		t.Error("shown by an input without")
	}
	end()
	first := &shown{}
	end = p.slate.use(&capture.Input{Frames: first})
	if !p.SetSlate(true) || !first.on {
		t.Error("not shown")
	}
	end()
	next := &shown{}
	defer p.slate.use(&capture.Input{Frames: next})()
	if !next.on {
		t.Error("forgotten when the input was opened anew")
	}
	if !p.SetSlate(false) || next.on {
		t.Error("shown still")
	}
}
