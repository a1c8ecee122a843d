package v4l2capture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// session is an open device that has a signal. It implements live.VideoSession
// and live.Chooser.
type session struct {
	*source
	cfg   *Config
	sys   system
	log   *slog.Logger
	said  *repeats
	poll  poller // used by Open and Run alone
	wake  *waker
	stamp *stamper

	arriving v4l2.DVTimings // where the device is timed
	modes    []mode         // of the size and rate that arrives, best first
	format   media.VideoFormat
	wanted   func(pts time.Duration) bool // nil: all
	refused  string                       // why the device did not take the pool's memory

	hungry  atomic.Bool // Run waits for memory
	skipped atomic.Uint64
	mu      sync.Mutex // guards the fields below
	way     capture.Transfer
	reason  string
}

// Format implements live.VideoSession.
func (s *session) Format() media.VideoFormat { return s.format }

// Pixels implements live.VideoSession.
func (s *session) Pixels() []media.PixelFormat {
	if s.modes[0].jpeg {
		return []media.PixelFormat{media.I420, media.NV12, media.YUYV, media.UYVY}
	}
	var list []media.PixelFormat
	seen := map[media.PixelFormat]bool{}
	for _, m := range s.modes {
		if !seen[m.pixel] {
			seen[m.pixel] = true
			list = append(list, m.pixel)
		}
	}
	return list
}

// Device implements live.VideoSession.
func (s *session) Device() string { return s.name() }

// Choose implements live.Chooser.
func (s *session) Choose(wanted func(pts time.Duration) bool) { s.wanted = wanted }

// Status implements live.VideoSession.
func (s *session) Status() (way capture.Transfer, reason string, skipped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.way, s.reason, s.skipped.Load()
}

func (s *session) report(way capture.Transfer, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.way, s.reason = way, reason
}

// Close implements live.VideoSession.
func (s *session) Close() error {
	err := s.close()
	if s.wake != nil {
		err = errors.Join(err, s.wake.close())
	}
	return err
}

func (s *session) describe() string {
	f := fmt.Sprintf("%dx%d %v", s.format.Width, s.format.Height, s.modes[0].code)
	if s.format.FrameRate.IsZero() {
		return f
	}
	return fmt.Sprintf("%s %v fps", f, s.format.FrameRate)
}

func (s *session) minQueued() int {
	if n := s.quirks.MinQueued; n > 0 {
		return n
	}
	return 2
}

// Run implements live.VideoSession.
func (s *session) Run(ctx context.Context, pool capture.Pool, emit func(media.Frame)) error {
	defer wakeAtEnd(ctx, s.wake)()
	defer pool.OnFree(func() {
		if s.hungry.Load() {
			s.wake.Wake()
		}
	})()
	for {
		err := s.stream(ctx, pool, emit)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errRefused) && s.refused == "":
			// Once only: what is refused is not offered again.
			s.refused = err.Error()
			level, times := s.said.tell(slog.LevelInfo, "copied "+s.name()+err.Error())
			s.log.LogAttrs(ctx, level, "pictures are copied", slog.Any("reason", err), times)
		case errors.Is(err, errRefused):
			return &capture.SignalError{Signal: capture.SignalStalled, Detail: s.node.Path + " takes no memory", Err: err}
		default:
			return err
		}
	}
}

// stream runs one queue, from its set-up to its end.
func (s *session) stream(ctx context.Context, pool capture.Pool, emit func(media.Frame)) error {
	// News of before: it is looked at here, where nothing streams yet.
	if _, err := s.takeEvents(); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	p, err := s.negotiate(pool.Layout())
	if err != nil {
		return err
	}
	q := s.dev.queue(s.typ, p.format)
	feed, err := s.feeder(q, p, pool)
	if err != nil {
		_ = q.Close() // the error before says more
		if errors.Is(err, errRefused) {
			return err
		}
		return s.failed(err)
	}
	r := &run{session: s, plan: p, queue: q, feed: feed, emit: emit, payload: p.payload()}
	r.waitFrom(time.Now())
	err = r.loop(ctx)
	if cerr := feed.close(); cerr != nil {
		level, times := s.said.tell(slog.LevelWarn, "not closed "+s.name())
		s.log.LogAttrs(ctx, level, "capture queue did not close", slog.Any("error", cerr), times)
	}
	return err
}

func (s *session) feeder(q queue, p plan, pool capture.Pool) (feeder, error) {
	if p.share {
		f, err := newShared(q, p, pool, s.minQueued())
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	f, err := newCopied(s.sys, q, p, pool, s.minQueued())
	if err != nil {
		return nil, err
	}
	return f, nil
}
