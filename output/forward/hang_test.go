package forward

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// deaf is storage that does not answer until it is closed.
type deaf struct {
	*stream
	asked chan struct{} // one for each question
	hang  chan struct{}
}

func (s deaf) Segment(n uint64) (*segment.Segment, bool) {
	s.asked <- struct{}{}
	<-s.hang
	return s.stream.Segment(n)
}

func TestStatusAndUpdateDoNotWaitForStorage(t *testing.T) {
	st := newStream("a1", 1)
	for range 5 {
		st.cut()
	}
	src := deaf{st, make(chan struct{}, 100), make(chan struct{})}
	r := newRig(t, st, newServer(link), nil)
	d := New(src, r.spec, nil, nil)
	l, err := newLife(d, d.spec)
	if err != nil {
		t.Fatal(err)
	}
	l.cur = &cursor{started: true, begin: 1, next: 1}
	l.ledger.seen = 6
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.change(func(s *Status) {
			l.lookBack()
			l.fillStatus(s)
		})
	}()
	<-src.asked
	if s := d.Status(); s.Name != "cdn" {
		t.Errorf("status %+v", s)
	}
	spec := r.spec
	spec.RetryDelay = time.Minute
	if err := d.Update(spec); err != nil {
		t.Error(err)
	}
	l.mu.Lock()   // the lanes go on
	l.mu.Unlock() //nolint:staticcheck // nothing else is to be done
	close(src.hang)
	<-done
	if s := d.Status(); s.Oldest.IsZero() {
		t.Errorf("the oldest that waits is not known: %+v", s)
	}
}

// What storage may have all the same is not given up for a disk that hangs.
func TestUnansweredReadsAreNoLoss(t *testing.T) {
	st := newStream("a1", 1)
	st.cut()
	r := newRig(t, st, newServer(link), nil)
	d := New(st, r.spec, nil, nil)
	l, err := newLife(d, d.spec)
	if err != nil {
		t.Fatal(err)
	}
	l.cur = &cursor{started: true, begin: 1, next: 1}
	seg := st.Window().Segments[0]
	for range 10 * unreadableTries {
		err := fmt.Errorf("%w: %w", errContent, os.ErrDeadlineExceeded)
		if got := l.excuse(seg, err); !errors.Is(got, os.ErrDeadlineExceeded) {
			t.Fatalf("excused: %v", got)
		}
	}
	if l.counts.skipped != 0 {
		t.Errorf("%d segments were given up", l.counts.skipped)
	}
}

// Without storage nothing says that what waits is stored.
func TestBehindWithoutStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStream("a1", 1)
		r := newRig(t, st, newServer(link), nil)
		r.src = WindowOnly(st)
		st.cut()
		r.start()
		r.play(20 * s)
		r.server.set(func() { r.server.down = true })
		r.play(time.Minute)
		status := r.dest.Status()
		r.stop()
		if status.Stored {
			t.Errorf("says that storage is asked: %+v", status)
		}
		told := false
		for _, i := range r.incidents {
			told = told || strings.Contains(i.Detail, "storage.path")
			if strings.Contains(i.Detail, "is stored") {
				t.Errorf("told %q", i.Detail)
			}
		}
		if !told {
			t.Errorf("nobody says what to do: %+v", r.incidents)
		}
	})
}

func TestAWriteAfterThePeerHasGoneIsAClosedConnection(t *testing.T) {
	if cause, _ := diagnose(fmt.Errorf("put: %w", &net.OpError{Op: "write", Err: net.ErrClosed})); cause != CauseClosed {
		t.Errorf("cause %q", cause)
	}
}
