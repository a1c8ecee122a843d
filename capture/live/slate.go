package live

import (
	"context"
	"time"

	"github.com/encoderbox/encoderbox/capture/slate"
	"github.com/encoderbox/encoderbox/media"
)

// runSlate puts the slate on the air whenever the device delivers nothing,
// until ctx ends.
func (f *Frames) runSlate(ctx context.Context, pool *sharedPool) error {
	show := &show{frames: f, pool: pool}
	defer show.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		case <-f.joint.wake:
		}
		wait, pts, on := f.joint.due(show.memory)
		f.tell()
		switch {
		case !on:
			show.end()
		case wait <= 0:
			show.paint(pts)
			wait = 0
		}
		timer.Reset(wait)
	}
}

// show is the slate while it is on the air. It belongs to runSlate's goroutine.
type show struct {
	frames  *Frames
	pool    *sharedPool
	painter *slate.Painter // nil while it is off
	failed  bool           // and that was logged
	address string
	asked   time.Duration // when for the address, last
}

// memory is what the joint asks for. It takes from the pool itself, and not as
// the session does.
func (s *show) memory() (free bool, generation uint64) {
	b := s.pool.Pool.Get()
	if b == nil {
		return false, 0
	}
	if b.DMA != nil {
		generation = b.DMA.Generation
	}
	media.Frame{Buffer: b}.Release()
	return true, generation
}

// paint draws and sends one picture.
func (s *show) paint(pts time.Duration) {
	b := s.pool.Pool.Get()
	if b == nil {
		s.miss()
		return
	}
	if err := s.draw(b, pts); err != nil {
		media.Frame{Buffer: b}.Release()
		s.miss()
		if !s.failed {
			s.failed = true
			s.frames.cfg.Log.Error("live input: the slate cannot be drawn", "error", err)
		}
		return
	}
	s.frames.joint.slatePicture(b, pts)
}

func (s *show) miss() {
	s.frames.state.mu.Lock()
	s.frames.missed++
	s.frames.state.mu.Unlock()
}

func (s *show) draw(b *media.Buffer, pts time.Duration) (err error) {
	text := s.text(pts)
	if s.painter == nil {
		if s.painter, err = slate.New(s.pool.Layout(), s.frames.clock, text); err != nil {
			return err
		}
		s.pool.watch(true)
	}
	s.painter.SetText(text)
	if s.pool.wasTouched(b) {
		s.painter.Touched(b)
	}
	return s.painter.Paint(b, pts)
}

func (s *show) text(now time.Duration) slate.Text {
	if s.frames.joint.isForced() { // what the audience sees has nothing for people at the box
		text := slate.Break()
		text.Stream = s.frames.cfg.Stream
		return text
	}
	live := s.frames.Live()
	text := slate.Say(live.Signal, live.Detail)
	if ask := s.frames.cfg.Address; ask != nil && (s.painter == nil || now-s.asked >= time.Second) {
		s.address, s.asked = ask(), now
	}
	text.Stream, text.Device, text.Address = s.frames.cfg.Stream, live.Device, s.address
	return text
}

// end frees what the slate holds.
func (s *show) end() {
	if s.painter == nil {
		return
	}
	if err := s.painter.Close(); err != nil {
		s.frames.cfg.Log.Warn("live input: end of the slate", "error", err)
	}
	s.painter = nil
	s.pool.watch(false)
}
