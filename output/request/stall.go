package request

import (
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// stallWatch ends a request whose receiver takes nothing.
type stallWatch struct {
	stream *Stream
	half   time.Duration
	timer  *time.Timer
	ended  sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	last    output.ConnStats
	stopped bool
	stalled bool
}

// watch begins with a write and ends with stop. Two halves of the limit without a
// byte taken or acknowledged end the request.
func watch(s *Stream, limit time.Duration) *stallWatch {
	w := &stallWatch{stream: s, half: max(limit/2, time.Millisecond)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended.Add(1)
	w.timer = time.AfterFunc(w.half, w.look)
	return w
}

// look is the timer's.
func (w *stallWatch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.stream.Stats()
	moved := now.BytesSent != w.last.BytesSent || now.Outstanding != w.last.Outstanding
	w.last = now
	switch {
	case w.stopped:
		w.ended.Done()
	case moved:
		w.timer.Reset(w.half)
	default:
		w.stalled = true
		_ = w.stream.Close()
		w.ended.Done()
	}
}

// stop ends the watch and says whether it has ended the request.
func (w *stallWatch) stop() bool {
	w.mu.Lock()
	w.stopped = true
	pending := w.timer.Stop()
	w.mu.Unlock()
	if pending {
		w.ended.Done()
	}
	w.ended.Wait()
	return w.stalled
}
