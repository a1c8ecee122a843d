package console

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A password of a terminal in Latin-1 is noise here, twice the same.
func TestADisturbedSecretIsNotTaken(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("user password ada\r").sees("password (not shown): ")
		p.types("gr\xfcn\r").sees("disturbed by 1 byte")
		p.rest()
		p.types("gr\xfcn\r").sees("box> ")
		if len(b.ran) > 0 {
			t.Errorf("a password was set to %q", <-b.ran)
		}
	})
}

func TestNoiseIsNoFailedLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox().withLogin()
		p, stop := sit(t, New(b.options))
		p.types("\r").sees("login: ")
		for range 2 * failures {
			p.types("ada\r").sees("password: ")
			p.types("secr\xe9t\r").sees("disturbed by 1 byte")
			p.sees("login: ")
		}
		if d := b.options.Guard.Locked("ttyS0"); d > 0 {
			t.Errorf("noise has locked everybody out for %s", d)
		}
		p.types("ada\rsecret\r").sees("You have the role operator")
		_ = stop()
	})
}

func TestAnAnswerBeforeItsQuestionIsNone(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("reset\ry\ry\r").sees("Sure? [y/N] ")
		time.Sleep(time.Second)
		if len(b.ran) > 0 {
			t.Fatal("a paste has answered the questions of a reset")
		}
		p.types("y\r").sees("Really? [y/N] ")
		p.types("y\r").sees("Done.")
	})
}

// Names come from file names of USB sticks, too.
func TestCompletionCannotSteerTheTerminal(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("dest pau yon\t")
		p.types("?").sees("box> dest pau yon")
		p.mu.Lock()
		defer p.mu.Unlock()
		if strings.Contains(p.seen.String(), "\x1b[2J") {
			t.Error("the terminal was cleared by a name")
		}
	})
}
