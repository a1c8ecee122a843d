package programme

import (
	"sync"

	"github.com/encoderbox/encoderbox/capture"
)

// slater is a part of an input that has a slate, or silence, to show in its place.
type slater interface{ ShowSlate(on bool) }

// slate is what a person wants of the input that is open. The zero value shows the
// input.
type slate struct {
	mu    sync.Mutex // guards the fields below
	on    bool
	parts []slater // of the open input
}

// use has an input that was opened show what is wanted; end is called when it closes.
func (s *slate) use(in *capture.Input) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, part := range []any{in.Frames, in.Samples} {
		if p, ok := part.(slater); ok {
			p.ShowSlate(s.on)
			s.parts = append(s.parts, p)
		}
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.parts = nil
	}
}

// SetSlate shows the slate, without sound, in the input's place, or the input again:
// until the programme ends, over changes of the input's format too. It returns false,
// having changed nothing, where the input has no slate or is not open. It may be
// called from any goroutine.
func (p *Programme) SetSlate(on bool) bool {
	s := &p.slate
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.parts) == 0 {
		return false
	}
	s.on = on
	for _, part := range s.parts {
		part.ShowSlate(on)
	}
	return true
}
