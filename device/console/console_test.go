package console

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// inBubble runs a test on a clock of its own with a person at a box without a login.
func inBubble(t *testing.T, f func(t *testing.T, b *box, p *person)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		p, stop := sit(t, New(b.options))
		p.sees("press Enter for the console.")
		p.types("\r").sees("box> ")
		f(t, b, p)
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("the end of the console: %v", err)
		}
	})
}

func TestTheBannerSaysWhereOneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := sit(t, New(newBox().options))
		p.sees("press Enter")
		seen := p.types("\n").sees("box> ")
		for _, want := range []string{"Encoder box v1.2", "http://192.168.1.5:8080/", "? at any place"} {
			if !strings.Contains(seen, want) {
				t.Errorf("no %q in %q", want, seen)
			}
		}
		if strings.Contains(seen, "\x1b") {
			t.Errorf("the terminal is asked or steered on connect: %q", seen)
		}
		_ = stop()
	})
}

func TestCommandsAreTypedAsTheyAre(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("destination pause youtube\r").sees("It is youtube\r\nbox> ")
		p.types("dest pau \"two words\r").sees("waits for more")
		p.types("dest pau youtube\r").sees("It is youtube")
		p.types("frobnicate\r").sees(`% there is no command "frobnicate"`)
		p.types("destination pause\r").sees("name is missing")
		p.sees("try: destination pause NAME")
		p.types("\r\n\r").sees("box> ")
	})
}

func TestCompletionComesFromTheLiveState(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("des\t").sees("destination ")
		p.types("p\t").sees("pause ")
		p.types("\t").sees("\"two words\"")
		p.sees("box> destination pause ")
		p.types("youtu\t").sees("youtube ")
		p.types("\r").sees("It is youtube")
		b.store.Stream("main").SetDestination(status.Destination{Name: "fresh"})
		p.types("dest pau fre\t").sees("fresh ")
		p.types("\r").sees("It is fresh")
		p.types("dest pau \"two\t").sees(" words\"")
	})
}

func TestHelpDoesNotLoseTheLine(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		seen := p.types("destination ?").sees("box> destination ")
		if !strings.Contains(seen, "pause") || !strings.Contains(seen, "Connect again") {
			t.Errorf("help: %q", seen)
		}
		p.types("pause youtube\r").sees("It is youtube")
		p.types("?").sees("monitor")
		p.sees("box> ")
		p.types("dest pau srt://h?x\r").sees("It is srt://h?x")
		p.types("dest pau \"a?b\"\r").sees("It is a?b")
		p.types("dest pau \x16?\r").sees("It is ?")
		p.types("help destination pause\r").sees("NAME         which one")
		p.types("help\r").sees("watch events")
		p.types("set http.listen :90\r").sees("\"set\" is of the configuration mode\r\n  try: configure")
		p.types("set console.password geh3im\r").sees("of the configuration mode")
		if seen := p.types("history\r").sees("set http.listen"); strings.Contains(seen, "geh3im") {
			t.Errorf("a password is among what was typed: %q", seen)
		}
		p.types("help nothing\r").sees("there is no command")
	})
}

func TestHistoryAndKeys(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("dest pau youtube\r").sees("It is youtube")
		p.types("\x1b[A\r").sees("It is youtube")
		p.types("history\r").sees("   1  dest pau youtube\r\nbox> ")
		p.types("abc\x03").sees("^C\r\nbox> ")
		p.types("nonsense \x15dest pau yy\x17youtube\x1b[D\x1b[D\x05\x0c\r").sees("\x1b[2J\x1b[Hbox> dest pau youtube")
		p.sees("It is youtube")
		p.types("dest pau ä€😀\r").sees("It is ä€😀")
		p.types("\x04").sees("Logged out.")
		p.sees("press Enter")
	})
}

func TestQuestionsAreAsked(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("reset\r").sees("Sure? [y/N] ")
		p.types("y\r").sees("Really? [y/N] ")
		p.types("\r").sees("nothing was done")
		p.types("reset\r").sees("Sure? [y/N] ")
		p.types("\x03").sees("nothing was done")
		if len(b.ran) > 0 {
			t.Fatal("it was done")
		}
		p.types("reset\r").sees("Sure? [y/N] ")
		p.types("y\r").sees("Really? [y/N] ")
		p.types("yes\r").sees("Done.")
		if <-b.ran != "reset" {
			t.Error("it was not done")
		}
	})
}

func TestSecretsAreNeitherShownNorRemembered(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("user password ada\r").sees("password (not shown): ")
		p.types("tops3cret\r").sees("again: ")
		p.types("tops3cret\r").sees("It is ada")
		if got := <-b.ran; got != "adatops3cret" {
			t.Errorf("ran with %q", got)
		}
		p.types("user password ada inl1ne\r").sees("It is ada")
		p.rest()
		seen := p.types("history\r").sees("   1  user password ada\r\nbox> ")
		if strings.Contains(seen, "inl1ne") {
			t.Errorf("remembered: %q", seen)
		}
		p.types("user password ada\ra\rb\r").sees("not the same")
		p.mu.Lock()
		defer p.mu.Unlock()
		if strings.Contains(p.seen.String(), "tops3cret") {
			t.Error("the password was shown")
		}
	})
}

func TestPaging(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("show lines\r").sees("-- 37 more lines")
		p.types("\r").sees("-- 36 more lines")
		p.types(" ").sees("-- 13 more lines")
		p.types("q").sees("box> ")
		p.types("terminal length 0\r").sees("box> ")
		if got := p.types("show lines\r").sees("box> "); strings.Count(got, "\nline\r") != 60 {
			t.Errorf("%q", got)
		}
		p.types("terminal length 10\rterminal width 19\r").sees("not between 20 and 1000")
	})
}

func TestStatusIsATable(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		seen := p.types("show status\r").sees("box> ")
		for _, want := range []string{"stream main (default)", "youtube", "active", "2.5 Mbit/s", "paused by"} {
			if !strings.Contains(seen, want) {
				t.Errorf("no %q in %s", want, seen)
			}
		}
		if strings.Contains(seen, "\x1b") {
			t.Error("a name from outside steers the terminal")
		}
	})
}

func TestLongCommandsShowProgressAndCanBeGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("update\r").sees("\r[##########..........]  50%  download")
		if seen := p.sees("updated"); !strings.HasSuffix(seen, " \rupdated") {
			t.Errorf("the answer does not stand by itself: %q", seen)
		}
		p.types("update\r").sees(" 30%")
		p.types("typed ahead\x03").sees("you pressed ^C")
		p.types("terminal dumb\rupdate\r").sees("\n[##########..........]  50%  download\r\n")
		seen := p.sees("updated")
		if strings.Contains(seen, "\b") || strings.Contains(seen, "\x1b") {
			t.Errorf("not for a dumb terminal: %q", seen)
		}
	})
}

func TestMonitorAndEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("monitor 2\r").sees("\x1b[H")
		p.sees("Any key ends this.")
		b.store.Stream("main").SetDestination(status.Destination{Name: "youtube", State: status.Reconnecting})
		p.sees("reconnecting")
		p.types("x").sees("box> ")
		b.store.Log(status.Event{Subject: "input", Message: "long ago"})
		p.types("watch events\r").sees("any key ends")
		time.Sleep(time.Second)
		b.store.Log(status.Event{Subject: "input", Message: "lost", Severity: status.Warning})
		if seen := p.sees("warning input: lost"); strings.Contains(seen, "long ago") {
			t.Errorf("%q", seen)
		}
		p.types("\x03").sees("box> ")
	})
}

func TestConfigurationIsEditedAsACandidate(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("conf\r").sees("box(config)# ")
		p.types("set htt\t").sees("p.")
		p.types("\t").sees("listen ")
		p.types("?").sees("now")
		p.types(":90\rdiff\r").sees("+ http.listen = :90")
		p.types("set http.listen bad\r").sees("% first problem\r\n  second problem")
		p.types("set http.listen\r").sees("the value is missing")
		p.types("set console.password\rgeh3im\rgeh3im\rshow http\r").sees("shown http")
		p.types("validate\rdelete http.listen\rrollback 2\rcommit\r").sees("Committed.\r\nsaved: http.listen")
		p.types("commit confirmed 5m\r").sees("Committed for 5m.")
		p.types("confirm\r").sees("Confirmed.")
		p.types("do show status\r").sees("stream main")
		p.types("do configure\r").sees("already")
		p.types("config diff\r").sees("+ http.listen = :90")
		p.types("config stauts\r").sees("there is no command")
		p.types("exit\r").sees("dropped. Leave? [y/N] ")
		p.types("n\rdiscard\rexit\r").sees("box> ")
		want := "delete http.listen; load 2; commit; commit confirmed 5m0s; confirm"
		if got := b.candidate.notes(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		if strings.Contains(p.seen.String(), "geh3im") {
			t.Error("the password was shown")
		}
	})
}

func TestAProgramTakesTheLineAndGivesItBack(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("machine\n").sees("READY")
		p.types("hello\x03\n").sees("ACK hello\x03\n")
		p.types("ENDshow status\r").sees("stream main")
	})
}

func TestIdleSessionsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("configure\rset http.listen :90\r").sees("box(config)# ")
		time.Sleep(9 * time.Minute)
		p.types("x").sees("x")
		time.Sleep(9 * time.Minute)
		p.types("\x03").sees("box(config)# ")
		begun := time.Now()
		p.sees("Logged out: nothing was typed for 10m.")
		if d := time.Since(begun); d != 10*time.Minute {
			t.Errorf("after %s", d)
		}
		p.sees("press Enter")
	})
}

func TestNoiseIsNoCommand(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("\x00\x00reset\x00\x03").sees("^C") // BREAKs
		p.types("dest pau \xff\xfe\x80youtube\r").sees("disturbed by 3 bytes")
		p.types("\x1b[" + strings.Repeat("1", 300) + "\r").sees("box> ")
		p.types("\x15").types("dest pau youtube\r").sees("It is youtube")
		if len(b.ran) != 1 {
			t.Errorf("%d commands ran", len(b.ran))
		}
	})
}

func TestPastes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types(strings.Repeat("destination ", 100_000/12) + "\r").sees("longer than the 4096 that are taken")
		p.types(strings.Repeat("dest pau youtube\r", 100_000/17))
		for range 100_000 / 17 {
			<-b.ran
		}
		p.rest()
		p.types("update\r").sees("10%")
		p.types(strings.Repeat("reset\r", 300<<10/6)) // more than can wait
		p.sees("updated")
		p.sees("More came than can wait")
		p.types("dest pau youtube\r").sees("It is youtube")
		<-b.ran
		if len(b.ran) > 0 {
			t.Errorf("half a paste ran: %q", <-b.ran)
		}
	})
}

func TestTwoSessionsAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(newBox().options)
		a, stopA := sit(t, c)
		b, stopB := sit(t, c)
		a.types("\rupdate\r").sees("10%")
		a.types(strings.Repeat("x", 200<<10))
		b.types("\rdest pau youtube\r").sees("It is youtube")
		b.types("\x1b[A\x15history\r").sees("   1  dest pau youtube\r\nbox> ")
		a.sees("updated")
		_, _ = stopA(), stopB()
	})
}

func TestShutdownDoesNotWaitForAStuckLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := New(newBox().options).Run(ctx, "ttyS0", &stuck{make(chan struct{})}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// stuck is a line whose Write blocks until it is closed.
type stuck struct{ closed chan struct{} }

func (s *stuck) Read([]byte) (int, error) {
	<-s.closed
	return 0, io.EOF
}
func (s *stuck) Write([]byte) (int, error) {
	<-s.closed
	return 0, io.ErrClosedPipe
}
func (s *stuck) Close() error {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	return nil
}

func TestRolesHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := sit(t, New(newBox().withLogin().options))
		p.types("\r").sees("login: ")
		p.types("ada\rsecret\r").sees("You have the role " + control.Operator.String())
		p.types("configure\r").sees("needs the role admin")
		p.types("reset\r").sees("needs the role admin")
		p.types("dest pau youtube\r").sees("It is youtube")
		_ = stop()
	})
}
