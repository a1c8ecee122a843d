// Package console is the box in the hands of a person at a serial cable: a login, a
// command line in the manner of network gear with help, completion, history and paging,
// the configuration as a candidate that is committed, and a live view. It does what
// control.Table has, and shows what status has.
//
// A Console talks over any line; Ports finds and opens serial ones. What programs say
// on the same line ("machine") is not the console's.
//
// The line editor is our own and needs nothing of a terminal but backspace: x/term's
// needs ANSI for every cursor movement, cannot tell ^C from ^D, and spins for ever on
// an escape sequence longer than its buffer, which line noise is enough for.
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// State is what the console shows. *status.Store is one.
type State interface {
	Load() *status.Snapshot
	Watch() (*status.Snapshot, <-chan struct{})
	Events(since uint64) ([]status.Event, <-chan struct{})
}

var _ State = (*status.Store)(nil)

// Options are what a Console needs.
type Options struct {
	Product string // in the banner; "" is "Encoder box"
	State   State
	Table   *control.Table
	// Pages are the addresses of the web page now; may be nil.
	Pages func() []string
	// Login says what somebody may do; nil: whoever has the cable is admin. The error is
	// ErrDenied for a wrong name or password, anything else is told to the person. It is
	// called by several sessions at once.
	Login func(ctx context.Context, name, password string) (control.Role, error)
	// Guard slows down guessing. Consoles that check the same passwords share one; nil:
	// one of its own.
	Guard *Guard
	// Idle ends a session at which nothing is typed for so long; 0: never.
	Idle time.Duration
	// Candidate begins to edit the configuration for somebody; nil: "configure" is
	// not there.
	Candidate func(by control.Caller) (Candidate, error)
	// Machine talks the machine line protocol until ctx ends, rw ends, or the program
	// leaves; nil: "machine" is not there. All bytes of the line are its own; rest is what
	// it read and did not use. Reads end with io.EOF once ctx ends or rw is closed, which
	// does not close the line, and with another error when the line is lost. Nothing of it uses rw once it has returned.
	Machine func(ctx context.Context, by control.Caller, rw io.ReadWriteCloser) (rest []byte, err error)
	Log     *slog.Logger
}

// ErrDenied is a Login's answer to a wrong name or password.
var ErrDenied = errors.New("wrong name or password")

// Console holds sessions with people. It is safe for concurrent use.
type Console struct{ options Options }

// New makes a console.
func New(o Options) *Console {
	if o.Guard == nil {
		o.Guard = &Guard{}
	}
	if o.Product == "" {
		o.Product = "Encoder box"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Console{o}
}

// Run talks with whoever is at the other end of a line, one session after another,
// until ctx ends or the line does; name is for people: "ttyS0". It closes rw, which
// must end its Read and Write, and waits for all it started. Its error is never nil.
func (c *Console) Run(ctx context.Context, name string, rw io.ReadWriteCloser) error {
	ctx, cancel := context.WithCancelCause(ctx)
	in := newInput()
	var reader sync.WaitGroup
	reader.Go(func() { in.run(rw) })
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() { // also while a Write is stuck
		defer close(closed)
		_ = rw.Close()
	})
	err := c.sessions(ctx, name, in, rw)
	cancel(err)
	in.stop()
	<-closed
	reader.Wait()
	return err
}

// sessions holds one after another.
func (c *Console) sessions(ctx context.Context, name string, in *input, rw io.ReadWriter) error {
	echo := false
	for {
		s := &session{console: c, where: name, line: rw, term: newTerminal(in, rw, 0)}
		err := s.begin(ctx, echo)
		echo = false
		if err == nil {
			s.term.idle = c.options.Idle
			err = s.hold(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("console: %s: %w", name, context.Cause(ctx))
		case errors.Is(err, errLeft):
			err = s.term.raw("\r\nLogged out.\r\n")
		case errors.Is(err, errIdle):
			err = s.term.raw("\r\nLogged out: nothing was typed for " + config.Duration(c.options.Idle).String() + ".\r\n")
		case errors.Is(err, errEcho):
			c.options.Log.WarnContext(ctx, "console: the session is ended", "line", name, "err", err)
			echo, err = true, nil
		case errors.Is(err, errFlood):
			err = s.term.raw("\r\n")
		case errors.Is(err, ErrStalled):
			c.options.Log.WarnContext(ctx, "console: nobody takes what is written, the session is ended", "line", name)
			err = nil
		}
		if err != nil {
			return fmt.Errorf("console: %s: %w", name, err)
		}
	}
}

// begin waits for somebody. Only then is the banner of use: a cable shows nothing of
// what came before, and whatever else writes to the line may go on. An
// echo is not invited.
func (s *session) begin(ctx context.Context, echo bool) error {
	invitation := "\r\n" + s.console.options.Product + " " + s.console.options.State.Load().Hostname + ": press Enter for the console.\r\n"
	if echo {
		if err := s.quiet(ctx); err != nil {
			return err
		}
	} else if err := s.term.raw(invitation); err != nil && !errors.Is(err, ErrStalled) {
		return err
	}
	for {
		k, err := s.term.key(ctx)
		switch {
		case errors.Is(err, errFlood): // noise
		case err != nil:
			return err
		case k == keyEnter:
			return s.term.print(s.banner())
		}
	}
}

// banner is what somebody sees first.
func (s *session) banner() string {
	o := s.console.options
	now := o.State.Load()
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s %s, host %s\n", o.Product, now.Version, now.Hostname)
	if o.Pages != nil {
		if pages := o.Pages(); len(pages) > 0 {
			fmt.Fprintf(&b, "Page: %s\n", strings.Join(pages, "  "))
		} else {
			b.WriteString("Page: none, there is no network address yet\n")
		}
	}
	b.WriteString("Help: ? at any place, TAB completes, help COMMAND explains\n\n")
	return b.String()
}
