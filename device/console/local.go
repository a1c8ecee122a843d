package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// commands are what only the console has, for this session.
func (s *session) commands() *control.Table {
	all := append(s.shared(), []control.Command{
		{Name: "monitor", Help: "Show the status and keep it up to date, until a key is pressed", Role: control.Viewer, Reads: true,
			Args: []control.Arg{{Name: "seconds", Kind: control.Integer, Help: "from one picture to the next", Unit: "seconds", Optional: true, Default: "1", Min: 1, Max: 3600}},
			Run: mine(func(ctx context.Context, a control.Args) error {
				return s.monitor(ctx, time.Duration(a.Int("seconds"))*time.Second)
			})},
		{Name: "watch events", Help: "Show what happens as it happens, until a key is pressed", Role: control.Viewer, Reads: true,
			Run: mine(func(ctx context.Context, _ control.Args) error { return s.watchEvents(ctx) })},
		{Name: "exit", Help: "Log out", Role: control.Viewer, Reads: true, Run: mine(func(context.Context, control.Args) error { return errLeft })},
		{Name: "logout", Help: "Log out", Role: control.Viewer, Reads: true, Run: mine(func(context.Context, control.Args) error { return errLeft })},
	}...)
	all = append(all, s.terminalCommands()...)
	if s.console.options.Machine != nil {
		all = append(all, control.Command{Name: "machine", Help: "Hand this line to a program: the protocol of docs/serial-protocol.md", Role: control.Viewer, Reads: true,
			Run: mine(func(ctx context.Context, _ control.Args) error { return s.machine(ctx) })})
	}
	if s.console.options.Candidate != nil {
		all = append(all, control.Command{Name: "configure", Help: "Edit the configuration; nothing holds before commit", Role: control.Admin, Reads: true,
			Run: mine(func(context.Context, control.Args) error { return s.configure() })})
	}
	return control.New(s.console.options.State, nil, all...)
}

// shared are those that the configuration mode has too.
func (s *session) shared() []control.Command {
	return []control.Command{
		{Name: "help", Help: "Explain a command, or list all", Role: control.Viewer, Reads: true,
			Args: []control.Arg{{Name: "command", Kind: control.Text, Help: "what to explain", Optional: true, Values: s.names}},
			Run: mine(func(ctx context.Context, a control.Args) error {
				text := s.explain(strings.Fields(a.Get("command")))
				if text == "" {
					return control.Errorf(control.NotFound, "there is no command %q: help lists all", a.Get("command"))
				}
				return s.term.page(ctx, text)
			})},
		{Name: "history", Help: "List what was typed in this session", Role: control.Viewer, Reads: true,
			Run: mine(func(ctx context.Context, _ control.Args) error { return s.showHistory(ctx) })},
	}
}

// terminalCommands say what is at the other end.
func (s *session) terminalCommands() []control.Command {
	number := func(name, help string, least int64, set func(int)) control.Command {
		return control.Command{Name: "terminal " + name, Help: help, Role: control.Viewer, Reads: true,
			Args: []control.Arg{{Name: "n", Kind: control.Integer, Help: help, Min: least, Max: 1000}},
			Run: mine(func(_ context.Context, a control.Args) error {
				set(int(a.Int("n")))
				return nil
			})}
	}
	sort := func(name, help string, dumb bool) control.Command {
		return control.Command{Name: "terminal " + name, Help: help, Role: control.Viewer, Reads: true,
			Run: mine(func(context.Context, control.Args) error {
				s.term.dumb = dumb
				return nil
			})}
	}
	return []control.Command{
		sort("ansi", "Use what a VT100 can: this is so at first", false),
		sort("dumb", "Use nothing but lines of text", true),
		number("width", "Columns of your terminal (80 at first)", 20, func(n int) { s.term.row.width = n }),
		number("length", "Rows of your terminal (24 at first); 0: no pauses", 0, func(n int) { s.term.length = n }),
	}
}

// names are the commands that help can explain.
func (s *session) names(*status.Snapshot, control.Args) (all []string) {
	for _, t := range s.tables() {
		for _, c := range t.Of(s.by) {
			all = append(all, c.Name)
		}
	}
	return all
}

func (s *session) showHistory(ctx context.Context) error {
	var b strings.Builder
	for i, l := range s.past.lines {
		fmt.Fprintf(&b, "%4d  %s\n", i+1, l)
	}
	return s.term.page(ctx, b.String())
}

// machine hands the line to a program until that leaves it.
func (s *session) machine(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := s.term.in
	in.set(nil, true)
	defer in.set(nil, false)
	rw := &machineLine{ctx: ctx, cancel: cancel, in: in, out: s.term.out, ahead: s.term.rest}
	s.term.typed, s.term.rest = nil, nil
	rest, err := s.console.options.Machine(ctx, s.by, rw)
	s.term.rest = append(rest, rw.ahead...)
	switch {
	case ctx.Err() != nil && !rw.closed.Load():
		return context.Cause(ctx)
	case rw.broken != nil:
		return rw.broken
	case err != nil:
		return control.Errorf(control.Failed, "machine mode ended: %v", err)
	}
	return nil
}

// machineLine is a session's line in the hands of a program's protocol.
type machineLine struct {
	ctx    context.Context //nolint:containedctx // it is the life of a connection, which io.Reader cannot be given
	cancel context.CancelFunc
	in     *input
	out    io.Writer
	ahead  []byte
	closed atomic.Bool
	broken error // of the line itself
}

// Read implements io.Reader.
func (l *machineLine) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(l.ahead) == 0 {
		b, err := l.in.take(l.ctx, 0)
		if err != nil {
			if l.ctx.Err() != nil {
				return 0, io.EOF
			}
			l.broken = err
			return 0, fmt.Errorf("the line ended: %w", unexpected(err))
		}
		l.ahead = b
	}
	n := copy(p, l.ahead)
	l.ahead = l.ahead[n:]
	return n, nil
}

// unexpected makes of a line's end an error: io.EOF would be a program that has said all
// that it wants to have done.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Write implements io.Writer.
func (l *machineLine) Write(p []byte) (int, error) { return l.out.Write(p) }

// Close ends reading; the line stays open.
func (l *machineLine) Close() error {
	l.closed.Store(true)
	l.cancel()
	return nil
}
