package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// maxWaiting bounds what was typed and not taken yet, bytes: a paste runs line by line.
	maxWaiting = 256 << 10
	// quiet is how long nothing must come before the end of a flood.
	quiet = 500 * time.Millisecond
)

// Errors of a session's input.
var (
	errIdle  = errors.New("nothing was typed for too long")
	errFlood = errors.New("more came than can wait")
	errLeft  = errors.New("logged out")
	errCtrlC = errors.New("^C")
	errTorn  = errors.New("the line was disturbed, or is too long") // it has been said
)

// input takes what comes from a line as fast as it comes, so that ^C is noticed while
// a command runs, and keeps it for who reads it.
type input struct {
	ready chan struct{} // has one when there may be something to take

	mu        sync.Mutex // guards the fields below
	waiting   []byte
	room      *sync.Cond      // of waiting, for raw
	raw       bool            // a program talks: all bytes are its own, and what does not fit waits outside
	interrupt func(why error) // takes ^C (errCanceled) and the line's end; nil: they are for who reads
	flood     bool            // what comes is dropped
	last      time.Time       // of what came
	err       error           // the line's end
}

func newInput() *input {
	in := &input{ready: make(chan struct{}, 1)}
	in.room = sync.NewCond(&in.mu)
	return in
}

// run reads until the line ends.
func (in *input) run(r io.Reader) {
	b := make([]byte, 4096)
	for {
		n, err := r.Read(b)
		in.add(b[:n], err)
		if err != nil {
			return
		}
	}
}

// add takes what was read.
func (in *input) add(b []byte, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.last = time.Now()
	for in.raw && in.err == nil && len(in.waiting) >= maxWaiting {
		in.room.Wait()
	}
	if i := bytes.LastIndexByte(b, 3); i >= 0 && !in.raw {
		in.waiting, in.flood = in.waiting[:0], false // it takes back what was typed ahead
		if in.interrupt != nil {
			in.interrupt(errCanceled)
			i++
		}
		b = b[i:]
	}
	switch {
	case in.flood:
	case len(in.waiting)+len(b) > maxWaiting && !in.raw:
		in.waiting, in.flood = nil, true
	default:
		in.waiting = append(in.waiting, b...)
	}
	if err != nil && in.err == nil {
		in.err = err
		if in.interrupt != nil {
			in.interrupt(err)
		}
	}
	in.wake()
}

// stop ends the waiting for room; the line is closed.
func (in *input) stop() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil {
		in.err = io.ErrClosedPipe
	}
	in.room.Broadcast()
	in.wake()
}

func (in *input) wake() {
	select {
	case in.ready <- struct{}{}:
	default:
	}
}

// set says who takes ^C and the line's end, at once where that has come, and whether a
// program talks. interrupt must not block.
func (in *input) set(interrupt func(why error), raw bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.interrupt, in.raw = interrupt, raw
	if interrupt != nil && in.err != nil {
		interrupt(in.err)
	}
	in.flood = in.flood && !raw
	in.room.Broadcast()
}

// pending says that there is something to take at once.
func (in *input) pending() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.waiting) > 0 || in.flood
}

// take waits for input, at most for idle (0: for ever). What came before the line's
// end is taken before the end is told. After a flood it is errFlood, once.
func (in *input) take(ctx context.Context, idle time.Duration) ([]byte, error) {
	var late <-chan time.Time
	if idle > 0 {
		timer := time.NewTimer(idle)
		defer timer.Stop()
		late = timer.C
	}
	for {
		b, settle, err := in.poll()
		switch {
		case b != nil || err != nil:
			return b, err
		case settle > 0:
			late = time.After(settle)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-in.ready:
		case <-late:
			if settle == 0 {
				return nil, errIdle
			}
		}
	}
}

// poll is what can be taken now; settle is how long a flood must still be quiet.
func (in *input) poll() (b []byte, settle time.Duration, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.flood && in.err == nil:
		if settle = quiet - time.Since(in.last); settle > 0 {
			return nil, settle, nil
		}
		in.flood = false
		return nil, 0, errFlood
	case len(in.waiting) > 0:
		b, in.waiting = in.waiting, nil
		in.room.Broadcast()
		return b, 0, nil
	}
	return nil, 0, in.err
}
