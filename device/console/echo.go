package console

import (
	"context"
	"errors"
	"strings"
	"time"
)

// errEcho says that it is no person who types.
var errEcho = errors.New("the other side says what a console says: it is one, or an echo")

const (
	// fewEchoes are what a person may paste of a session in a line's time.
	fewEchoes = 5
	// hush is how long an echo must be silent.
	hush = 5 * time.Second
)

// echoed says that a typed line is what a console writes: two boxes on one cable would
// talk for ever, and fail to log in until nobody can.
func echoed(line string) bool {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "% ") {
		return true
	}
	for _, said := range []string{"press Enter for the console", "login:", "password:", "box> ", "box(config)#"} {
		if strings.Contains(line+" ", said) {
			return true
		}
	}
	return false
}

// heard counts what echoes in a session, and ends it when it was too much.
func (s *session) heard(line string) error {
	if !echoed(line) {
		return nil
	}
	if s.echoes++; s.echoes >= fewEchoes {
		return errEcho
	}
	return nil
}

// quiet says nothing until the other side has said nothing for a while.
func (s *session) quiet(ctx context.Context) error {
	s.term.idle = hush
	defer func() { s.term.idle = 0 }()
	for {
		_, err := s.term.key(ctx)
		switch {
		case errors.Is(err, errIdle):
			return nil
		case err != nil && !errors.Is(err, errFlood):
			return err
		}
	}
}
