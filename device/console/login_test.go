package console

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
)

func TestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := sit(t, New(newBox().withLogin().options))
		p.types("\r").sees("login: ")
		p.types("\r").sees("login: ")
		p.types("broken\rx\r").sees("nobody can log in now: the list of users is damaged")
		p.types("ada\r").sees("password: ")
		p.types("secret\r").sees("box> ")
		if seen := p.seen.String(); strings.Contains(seen, "secret") {
			t.Errorf("shown: %q", seen)
		}
		p.types("logout\r").sees("Logged out.")
		p.types("\rad").sees("login: ad")
		p.sees("press Enter") // what was half typed does not wait for the next one
		_ = stop()
	})
}

func TestGuessingIsSlowedDownAcrossSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(newBox().withLogin().options)
		a, stopA := sit(t, c)
		b, stopB := sit(t, c)
		a.types("\r").sees("login: ")
		b.types("\r").sees("login: ")
		for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			begun := time.Now()
			a.types("ada\rwrong\rada\rsecret\r").sees("wrong name or password") // typed ahead: no attempt
			if d := time.Since(begun); d != want {
				t.Errorf("failure %d: answered after %s, want %s", i+1, d, want)
			}
		}
		b.types("ada\rwrong\r").sees("wrong name or password")
		b.types("ada\rwrong\r").sees("too many failed logins: try again in 52s")
		a.types("ada\rsecret\r").sees("too many failed logins")
		time.Sleep(time.Minute)
		a.types("\rada\rsecret\r").sees("You have the role operator")
		_, _ = stopA(), stopB()
	})
}

// Who guesses at one port does not lock the owner out at another.
func TestGuessingAtOnePortDoesNotLockAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(newBox().withLogin().options)
		thief, stopThief := sitAt(t, c, "ttyUSB0")
		owner, stopOwner := sitAt(t, c, "ttyS0")
		for range failures - 1 {
			thief.types("\rada\rwrong\r").sees("wrong name or password")
		}
		thief.types("ada\rwrong\r").sees("too many failed logins")
		owner.types("\rada\rsecret\r").sees("You have the role operator")
		thief.types("ada\rwrong\r").sees("too many failed logins") // the owner's success is not his
		_, _ = stopThief(), stopOwner()
	})
}

func TestLocksGrowAndAreForgotten(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		var g Guard
		for _, want := range []time.Duration{time.Minute, 2 * time.Minute, maxLock, maxLock} {
			for range failures {
				g.Failed("a")
			}
			if d := g.Locked("a"); d != want {
				t.Errorf("locked for %s, want %s", d, want)
			}
			time.Sleep(want)
		}
		time.Sleep(2 * forgotAfter)
		if d := g.Failed("a"); d != firstDelay || g.Locked("a") != 0 {
			t.Errorf("after an hour: %s, %s", d, g.Locked("a"))
		}
	})
}

// Many failures slow all ports down, and lock none that had none; what is remembered is
// bounded.
func TestManyFailuresSlowEverybodyDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Guard
		for n := range 10 * maxSources {
			g.Failed(fmt.Sprint(n))
			time.Sleep(time.Second)
		}
		if d := g.Failed("ttyS0"); d != maxDelay || g.Locked("ttyS0") != 0 {
			t.Errorf("answered after %s, locked for %s", d, g.Locked("ttyS0"))
		}
		if len(g.sources) > maxSources {
			t.Errorf("%d sources are remembered", len(g.sources))
		}
	})
}

func TestAPasswordMayHaveAnyCharacter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		b.options.Login = OnePassword("ada", "wh?t \"ä\\")
		p, stop := sit(t, New(b.options))
		p.types("\r").sees("login: ")
		p.types("ada\rwh?x\x7ft \"ä\\\r").sees("You have the role admin")
		_ = stop()
	})
}

func TestOnePassword(t *testing.T) {
	login := OnePassword("admin", "geheim")
	for _, c := range []struct{ name, password string }{{"admin", ""}, {"", ""}, {"admin\x00geheim", ""}, {"Admin", "geheim"}, {"admin", "geheim "}} {
		if role, err := login(t.Context(), c.name, c.password); !errors.Is(err, ErrDenied) || role != 0 {
			t.Errorf("%q: %v, %v", c, role, err)
		}
	}
	if role, err := login(t.Context(), "admin", "geheim"); err != nil || role != control.Admin {
		t.Errorf("%v, %v", role, err)
	}
}
