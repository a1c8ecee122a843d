package console

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
)

// Candidate is a configuration that somebody edits. Paths are dotted, as in
// docs/configuration.md: "streams.main.video.bitrate.max". Errors are for people; those
// with several lines have each problem on one. One goroutine uses it.
type Candidate interface {
	// Set puts a value at a path; both are checked as far as they can be alone.
	Set(path, value string) error
	// Delete takes out what was set at a path, and below it.
	Delete(path string) error
	// Show is what is set at a path and below, as TOML, secrets masked; "" is all.
	Show(path string) (string, error)
	// Diff is what Commit would change, in lines; none for nothing.
	Diff() []string
	// Validate says all that is wrong with it.
	Validate() error
	// Complete says how a path may go on; behind a whole path and a space, the values.
	Complete(typed string) []config.Completion
	// Commit makes it the running and the startup configuration, and tells what it did.
	Commit(ctx context.Context) (string, error)
	// CommitConfirmed makes it the running one, until within ends without a Confirm.
	CommitConfirmed(ctx context.Context, within time.Duration) (string, error)
	// Confirm keeps what CommitConfirmed made, whoever did.
	Confirm(ctx context.Context) (string, error)
	// Load makes an older version the candidate: "1" is the one before, "factory" the
	// first of all.
	Load(version string) error
	// Discard makes the running configuration the candidate.
	Discard()
}

// defaultWithin is how long "commit confirmed" waits for "confirm".
const defaultWithin = time.Minute

// configure begins to edit the configuration.
func (s *session) configure() error {
	if s.candidate != nil {
		return control.Errorf(control.Conflict, "this is the configuration mode already: exit leaves it")
	}
	c, err := s.console.options.Candidate(s.by)
	if err != nil {
		return problems(err)
	}
	s.candidate = c
	return s.term.say("Nothing holds before commit. diff shows what was changed, exit leaves.")
}

// problems makes an error of a candidate one for people.
func problems(err error) error {
	var e *control.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	lines := strings.Split(err.Error(), "\n")
	return &control.Error{Code: control.Failed, Message: lines[0], Problems: lines[1:]}
}

// configCommands are what there is in configuration mode.
func (s *session) configCommands() *control.Table {
	path := func(help string, optional bool) control.Arg {
		return control.Arg{Name: "path", Kind: control.Word, Help: help, Optional: optional}
	}
	cmd := func(name, help string, run func(context.Context, control.Args) error, args ...control.Arg) control.Command {
		return control.Command{Name: name, Help: help, Role: control.Admin, Reads: true, Args: args, Run: mine(run)}
	}
	leave := cmd("exit", "Leave the configuration mode", func(context.Context, control.Args) error { return s.exit() })
	leave.Confirm = []control.Ask{s.dropped}
	return control.New(s.console.options.State, nil, append(s.shared(),
		cmd("set", "Set a value", s.set, path("what to set, such as http.listen", false),
			control.Arg{Name: "value", Kind: control.Text, Help: "the value; left out for a secret one, which is then asked for", Optional: true}),
		cmd("delete", "Take a value out, or a table with all below it", func(_ context.Context, a control.Args) error {
			return problems(s.candidate.Delete(a.Get("path")))
		}, path("what to take out", false)),
		cmd("show", "Show the candidate, or a part of it", func(ctx context.Context, a control.Args) error {
			text, err := s.candidate.Show(strings.TrimSuffix(a.Get("path"), "."))
			return s.shown(ctx, text, err)
		}, path("the part", true)),
		cmd("diff", "Show what commit would change", func(ctx context.Context, _ control.Args) error {
			if lines := s.candidate.Diff(); len(lines) > 0 {
				return s.term.page(ctx, strings.Join(lines, "\n"))
			}
			return s.term.say("Nothing was changed.")
		}),
		cmd("validate", "Say all that is wrong with the candidate", func(context.Context, control.Args) error {
			return s.told(s.candidate.Validate(), "The candidate is valid.")
		}),
		cmd("commit", "Make the candidate hold; confirmed: only until a confirm is due", s.commit,
			control.Arg{Name: "how", Kind: control.Choice, Choices: []string{"confirmed"}, Help: "goes back by itself without a confirm", Optional: true},
			control.Arg{Name: "within", Kind: control.Duration, Help: "time for the confirm; 1m if left out", Optional: true, Min: 10, Max: 3600}),
		cmd("confirm", "Keep what commit confirmed made", func(ctx context.Context, _ control.Args) error {
			return s.work(ctx, s.candidate.Confirm, "Confirmed.")
		}),
		cmd("rollback", "Make an older version the candidate", func(_ context.Context, a control.Args) error {
			return s.told(s.candidate.Load(a.Get("version")), "The candidate is that version: diff shows it, commit makes it hold.")
		}, control.Arg{Name: "version", Kind: control.Word, Help: "how many commits ago, or factory"}),
		cmd("discard", "Forget what was changed", func(context.Context, control.Args) error {
			s.candidate.Discard()
			return s.term.say("The candidate is the running configuration again.")
		}),
		cmd("do", "Run a command of the mode outside", func(context.Context, control.Args) error {
			return &control.Error{Code: control.Usage, Message: "do what?", Hint: "do show status"}
		}, control.Arg{Name: "command", Kind: control.Text, Help: "the command", Optional: true}),
		leave)...)
}

// dropped asks before changes are lost.
func (s *session) dropped(control.Args) string {
	if len(s.candidate.Diff()) == 0 {
		return ""
	}
	return "What was not committed is dropped. Leave?"
}

// exit leaves the configuration mode.
func (s *session) exit() error {
	s.candidate = nil
	return nil
}

// set puts a value into the candidate, asking for a secret one that was not typed.
func (s *session) set(ctx context.Context, a control.Args) error {
	path, value := a.Get("path"), a.Get("value")
	k, unknown := config.Describe(path)
	secret := k.Secret
	s.secret = s.secret || secret && value != ""
	if _, typed := a["value"]; !typed && unknown == nil && k.Form == config.Value {
		if !secret {
			return &control.Error{Code: control.Usage, Message: "set " + path + ": the value is missing", Hint: "set " + path + " ?   shows what may stand there; delete " + path + "   takes it out"}
		}
		text, err := s.hidden(ctx, path)
		if err != nil {
			return err
		}
		value = text
	}
	return problems(s.candidate.Set(path, value))
}

// commit makes the candidate hold.
func (s *session) commit(ctx context.Context, a control.Args) error {
	if a.Get("how") == "" {
		return s.work(ctx, s.candidate.Commit, "Committed.")
	}
	within := defaultWithin
	if d := a.Duration("within"); d > 0 {
		within = d
	}
	return s.work(ctx, func(ctx context.Context) (string, error) { return s.candidate.CommitConfirmed(ctx, within) },
		"Committed for "+config.Duration(within).String()+". Type confirm to keep it; else the box goes back by itself.")
}

// work does what may take its time; ^C ends it.
func (s *session) work(ctx context.Context, f func(context.Context) (string, error), done string) error {
	r, err := s.await(ctx, false, func(ctx context.Context, _ func(control.Progress)) (control.Result, error) {
		text, err := f(ctx)
		return control.Result{Text: text}, err
	})
	if r.Text != "" {
		done += "\n" + r.Text
	}
	return s.told(err, done)
}

// told says what came of something.
func (s *session) told(err error, done string) error {
	if err != nil {
		return problems(err)
	}
	return s.term.say("%s", done)
}

// shown pages a text.
func (s *session) shown(ctx context.Context, text string, err error) error {
	if err != nil {
		return problems(err)
	}
	return s.term.page(ctx, text)
}

// configCandidates are how a path or a value of the candidate may go on; false where
// neither is being typed.
func (s *session) configCandidates(words []string) (all []control.Completion, ok bool) {
	if s.candidate == nil || len(words) < 2 || len(words) > 3 {
		return nil, false
	}
	_, r, err := read(words[:1], []*control.Table{s.config})
	takesPath := r.Command == "set" || r.Command == "delete" || r.Command == "show"
	if err != nil || !takesPath || len(words) == 3 && r.Command != "set" {
		return nil, false
	}
	if len(words) == 2 {
		for _, c := range s.candidate.Complete(words[1]) {
			if c.More {
				c.Text += "."
			}
			all = append(all, control.Completion{Word: c.Text, Help: c.Help})
		}
		return all, true
	}
	for _, c := range s.candidate.Complete(words[1] + " " + words[2]) {
		all = append(all, control.Completion{Word: control.Quote(c.Text), Help: c.Help})
	}
	return all, true
}
