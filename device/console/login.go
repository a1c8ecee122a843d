package console

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
)

// loginTime is how long a login may take, so that nobody's half-typed name waits for
// the next person.
const loginTime = time.Minute

// login finds out who is there.
func (s *session) login(ctx context.Context) error {
	o := s.console.options
	if o.Login == nil {
		s.by = control.Caller{Name: "the console " + s.where, Surface: control.Console, Role: control.Admin}
		return nil
	}
	s.term.idle = loginTime
	defer func() { s.term.idle = o.Idle }()
	for {
		name, err := s.term.line(ctx, "login: ", assist{})
		if errors.Is(err, errCtrlC) || errors.Is(err, errTorn) || err == nil && strings.TrimSpace(name) == "" {
			continue
		}
		if err == nil && echoed(name) {
			if err = s.heard(name); err == nil {
				continue // no attempt
			}
		}
		if err != nil {
			return fresh(err)
		}
		password, err := s.term.line(ctx, "password: ", assist{hidden: true})
		if errors.Is(err, errCtrlC) || errors.Is(err, errTorn) { // noise is no attempt
			continue
		}
		if err != nil {
			return fresh(err)
		}
		role, err := s.check(ctx, strings.TrimSpace(name), password)
		if err == nil {
			s.by = control.Caller{Name: strings.TrimSpace(name) + " at " + s.where, Surface: control.Console, Role: role}
			return s.term.say("You have the role %s.\n", role)
		}
		if ctx.Err() != nil {
			return err
		}
		if err := s.term.say("%% %v", err); err != nil {
			return err
		}
	}
}

// fresh has a login that was not finished begin again from the start.
func fresh(err error) error {
	if errors.Is(err, errIdle) {
		return errFlood
	}
	return err
}

// check tries a name and a password. A wrong one takes its time, and what is typed
// meanwhile is no further attempt.
func (s *session) check(ctx context.Context, name, password string) (control.Role, error) {
	o := s.console.options
	if d := o.Guard.Locked(s.where); d > 0 {
		s.term.forget()
		return 0, locked(d)
	}
	role, err := o.Login(ctx, name, password)
	if err == nil {
		o.Guard.Succeeded(s.where)
		return role, nil
	}
	if !errors.Is(err, ErrDenied) {
		return 0, fmt.Errorf("nobody can log in now: %w", err)
	}
	o.Log.WarnContext(ctx, "console: a login failed", "line", s.where) // not the name: people type passwords there
	delay := time.NewTimer(o.Guard.Failed(s.where))
	defer delay.Stop()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-delay.C:
	}
	s.term.forget()
	if d := o.Guard.Locked(s.where); d > 0 {
		return 0, locked(d)
	}
	return 0, ErrDenied
}

// OnePassword is a Login with one name and one password, for admin.
func OnePassword(name, password string) func(context.Context, string, string) (control.Role, error) {
	sum := func(name, password string) [sha256.Size]byte { return sha256.Sum256([]byte(name + "\x00" + password)) }
	right := sum(name, password)
	return func(_ context.Context, name, password string) (control.Role, error) {
		given := sum(name, password)
		if subtle.ConstantTimeCompare(given[:], right[:]) != 1 {
			return 0, ErrDenied
		}
		return control.Admin, nil
	}
}
