package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
)

// session is one person at one line.
type session struct {
	console *Console
	where   string // the line's name
	line    io.ReadWriter
	term    *terminal
	by      control.Caller
	past    history
	secret  bool // the line that runs is not to be remembered
	echoes  int  // lines that were no person's

	here      *control.Table // what only the console has
	config    *control.Table // what there is in configuration mode
	candidate Candidate      // nil outside of it
}

// hold is a session from the login to its end, which its error tells.
func (s *session) hold(ctx context.Context) error {
	if err := s.login(ctx); err != nil {
		return err
	}
	s.console.options.Log.InfoContext(ctx, "console: a session began", "line", s.where, "by", s.by.Name)
	s.here, s.config = s.commands(), s.configCommands()
	for {
		line, err := s.term.line(ctx, s.prompt(), assist{past: &s.past, help: s.help, complete: s.complete})
		switch {
		case errors.Is(err, errCtrlC), errors.Is(err, errTorn):
			continue
		case errors.Is(err, errLeft):
			err = s.do(ctx, "exit")
		case err == nil:
			if err = s.heard(line); err == nil {
				err = s.do(ctx, line)
			}
		}
		if errors.Is(err, errFlood) {
			err = s.term.say("\n%% More came than can wait (%d kB): what had not run yet is left out. Paste less at once.", maxWaiting>>10)
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) prompt() string {
	if s.candidate != nil {
		return "box(config)# "
	}
	return "box> "
}

// tables are what there is to type here.
func (s *session) tables() []*control.Table {
	if s.candidate != nil {
		return []*control.Table{s.config}
	}
	return []*control.Table{s.here, s.console.options.Table}
}

// do runs a typed line. Its error ends the session; what went wrong with the command
// is told.
func (s *session) do(ctx context.Context, line string) error {
	words, open := control.Words(line)
	if len(words) == 0 {
		return nil
	}
	s.secret = false
	var err error
	if open {
		err = &control.Error{Code: control.Usage, Message: "a quote or a backslash waits for more", Hint: `put it in quotes of the other sort, or a \ before it`}
	} else {
		err = s.command(ctx, words)
	}
	if !s.secret {
		s.past.add(line)
	}
	return s.tell(err)
}

// tell shows what went wrong, unless it ends the session.
func (s *session) tell(err error) error {
	var e *control.Error
	if !errors.As(err, &e) {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%% %s\n", e.Message)
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "  %s\n", p)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "  try: %s\n", e.Hint)
	}
	return s.term.print(b.String())
}

// command runs what words say: in configuration mode of that mode, unless they say "do".
func (s *session) command(ctx context.Context, words []string) error {
	if s.candidate == nil && s.onlyConfigures(words[0]) {
		if len(words) > 1 {
			k, err := config.Describe(words[1])
			s.secret = err == nil && k.Secret
		}
		return &control.Error{Code: control.Unknown, Message: fmt.Sprintf("%q is of the configuration mode", words[0]), Hint: "configure, and then this line"}
	}
	if s.candidate == nil || len(words) == 1 {
		return s.run(ctx, words, s.tables())
	}
	outside := []*control.Table{s.here, s.console.options.Table}
	switch _, here := s.config.Find(words[1]); {
	case words[0] == "do":
		return s.run(ctx, words[1:], outside)
	case words[0] == "config" && here: // as hints say it: of this candidate, not of another one
		return s.run(ctx, words[1:], s.tables())
	case words[0] == "config":
		return s.run(ctx, words, outside[1:])
	}
	return s.run(ctx, words, s.tables())
}

// onlyConfigures says that a command is there in configuration mode, and nothing outside
// begins so.
func (s *session) onlyConfigures(word string) bool {
	_, there := s.config.Find(word)
	return there && len(s.here.Complete(s.by, []string{word})) == 0 && len(s.console.options.Table.Complete(s.by, []string{word})) == 0
}

// run finds words in tables, and runs what they say.
func (s *session) run(ctx context.Context, words []string, tables []*control.Table) error {
	table, request, err := read(words, tables)
	if err != nil {
		return err
	}
	c, _ := table.Find(request.Command)
	if err := s.askSecrets(ctx, c, &request); err != nil {
		return err
	}
	if table == s.here || table == s.config {
		return s.ours(ctx, table, request)
	}
	return s.confirmed(ctx, &request, func() error {
		result, err := s.await(ctx, c.Long, func(ctx context.Context, progress func(control.Progress)) (control.Result, error) {
			request.Progress = progress
			return table.Do(ctx, s.by, request)
		})
		if err != nil {
			return err
		}
		return s.result(ctx, c, result)
	})
}

// ours runs a command of the console itself, on this goroutine. A table's Do makes an
// *control.Error of every error; those that end the session go around it.
func (s *session) ours(ctx context.Context, table *control.Table, request control.Request) error {
	var end error
	ctx = context.WithValue(ctx, endKey{}, &end)
	return s.confirmed(ctx, &request, func() error {
		_, err := table.Do(ctx, s.by, request)
		if end != nil {
			return end
		}
		return err
	})
}

// endKey is where a command of the console leaves the error that ends the session.
type endKey struct{}

// mine makes a command of the console's own: its errors end the session, unless they
// are an *control.Error.
func mine(run func(ctx context.Context, args control.Args) error) func(context.Context, control.Call) (control.Result, error) {
	return func(ctx context.Context, call control.Call) (control.Result, error) {
		err := run(ctx, call.Args)
		var e *control.Error
		if err != nil && !errors.As(err, &e) {
			if end, ok := ctx.Value(endKey{}).(*error); ok {
				*end = err
			}
		}
		return control.Result{}, err
	}
}

// read finds the table that words are of. What is typed in full goes before what is
// cut short.
func read(words []string, tables []*control.Table) (*control.Table, control.Request, error) {
	var found *control.Table
	var request control.Request
	var first error
	for _, t := range tables {
		r, err := t.Read(words)
		var e *control.Error
		switch {
		case err == nil && found == nil:
			found, request = t, r
		case err == nil && whole(r.Command, words) && !whole(request.Command, words):
			found, request = t, r
		case err == nil && !whole(request.Command, words):
			return nil, r, &control.Error{Code: control.Unknown, Message: fmt.Sprintf("%q may be %s, %s", words[0], request.Command, r.Command), Hint: "type more of it"}
		case err != nil && (first == nil || errors.As(err, &e) && (e.Code == control.Usage || e.Hint != "")):
			first = err
		}
	}
	if found == nil {
		return nil, request, first
	}
	return found, request, nil
}

// whole says that a command's first word was typed in full.
func whole(command string, words []string) bool {
	first, _, _ := strings.Cut(command, " ")
	return first == words[0]
}

// askSecrets reads secret arguments that were not typed, without showing them. A line
// with one in it is not remembered.
func (s *session) askSecrets(ctx context.Context, c control.Command, r *control.Request) error {
	for _, a := range c.Args {
		_, typed := r.Args[a.Name]
		switch {
		case !a.Secret:
		case typed:
			s.secret = true
		case !a.Optional:
			text, err := s.hidden(ctx, a.Name)
			if err != nil {
				return err
			}
			r.Args[a.Name] = text
		}
	}
	return nil
}

// hidden reads something secret, twice.
func (s *session) hidden(ctx context.Context, name string) (string, error) {
	text, err := s.term.line(ctx, name+" (not shown): ", assist{hidden: true})
	if err != nil {
		return "", notDone(err)
	}
	again, err := s.term.line(ctx, "again: ", assist{hidden: true})
	if err != nil {
		return "", notDone(err)
	}
	if text != again {
		return "", control.Errorf(control.Usage, "the two are not the same: nothing was done")
	}
	return text, nil
}

// notDone makes of a ^C at a question, and of noise, that nothing is done.
func notDone(err error) error {
	if errors.Is(err, errCtrlC) || errors.Is(err, errLeft) || errors.Is(err, errTorn) {
		return control.Errorf(control.Confirm, nothingDone)
	}
	return err
}

// confirmed runs a command, asking its questions.
func (s *session) confirmed(ctx context.Context, r *control.Request, run func() error) error {
	for {
		err := run()
		var e *control.Error
		if !errors.As(err, &e) || e.Code != control.Confirm || e.Message == nothingDone {
			return err
		}
		yes, err := s.yes(ctx, e.Message)
		if err != nil {
			return err
		}
		if !yes {
			return control.Errorf(control.Confirm, nothingDone)
		}
		r.Confirmed++
	}
}

// nothingDone is what somebody is told who did not say yes.
const nothingDone = "nothing was done"

// yes asks a question. What was typed before it was seen is no answer.
func (s *session) yes(ctx context.Context, question string) (bool, error) {
	s.term.forget()
	answer, err := s.term.line(ctx, clean(question)+" [y/N] ", assist{})
	if err != nil {
		return false, notDone(err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// result shows what came of a command.
func (s *session) result(ctx context.Context, c control.Command, r control.Result) error {
	text := r.Text
	if text == "" && c.Name == "show status" {
		text = Status(s.console.options.State.Load(), s.term.row.width)
	}
	if text == "" && !c.Reads {
		text = "Done."
	}
	return s.term.page(ctx, text)
}
