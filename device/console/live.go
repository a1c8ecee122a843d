package console

import (
	"context"
	"errors"
	"strings"
	"time"
)

// monitor shows the status anew until a key is pressed.
func (s *session) monitor(ctx context.Context, every time.Duration) error {
	if !s.term.dumb {
		if err := s.term.raw("\x1b[2J"); err != nil {
			return err
		}
	}
	since := time.Now()
	for {
		if err := s.picture(); err != nil {
			return err
		}
		pressed, err := s.pressed(ctx, every)
		if err != nil || pressed {
			return s.term.after(err, s.term.raw("\r\n"))
		}
		if s.unattended(since) {
			return errIdle
		}
	}
}

// unattended says that somebody who had to log in has typed nothing for too long.
func (s *session) unattended(since time.Time) bool {
	o := s.console.options
	return o.Login != nil && o.Idle > 0 && time.Since(since) > o.Idle
}

// picture shows the status once, on the whole screen where the terminal can.
func (s *session) picture() error {
	t := s.term
	lines := strings.Split(strings.TrimSuffix(Status(s.console.options.State.Load(), t.row.width), "\n"), "\n")
	if t.dumb {
		return t.say("\n%s", strings.Join(lines, "\n"))
	}
	if room := t.length - 2; t.length > 0 && len(lines) > max(1, room) {
		lines = append(lines[:max(1, room-1)], "… terminal length N shows more")
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, l := range lines {
		b.WriteString(clean(l) + "\x1b[K\r\n")
	}
	b.WriteString("\x1b[JAny key ends this. ")
	return t.raw(b.String())
}

// pressed waits for a key, for a while.
func (s *session) pressed(ctx context.Context, wait time.Duration) (bool, error) {
	idle := s.term.idle
	defer func() { s.term.idle = idle }()
	s.term.idle = wait
	_, err := s.term.key(ctx)
	if errors.Is(err, errIdle) {
		return false, nil
	}
	return err == nil, err
}

// watchEvents shows events from now on until a key is pressed.
func (s *session) watchEvents(ctx context.Context) error {
	if err := s.term.say("Events appear as they happen; any key ends this."); err != nil {
		return err
	}
	seen := uint64(0)
	if before, _ := s.console.options.State.Events(0); len(before) > 0 {
		seen = before[len(before)-1].Sequence
	}
	const look = 200 * time.Millisecond // a key is answered at once; events need not be
	for since := time.Now(); ; {
		pressed, err := s.pressed(ctx, look)
		if err != nil || pressed {
			return err
		}
		events, _ := s.console.options.State.Events(seen)
		for _, e := range events {
			seen = e.Sequence
			if err := s.term.say("%s", event(e)); err != nil {
				return err
			}
		}
		if s.unattended(since) {
			return errIdle
		}
	}
}
