package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/device/status"
)

// Table is all commands. It is safe for concurrent use.
type Table struct {
	commands []Command // by name
	state    State
	done     func(Caller, Command, Args, error)
}

// New makes a table of commands. done, if it is not nil, is told of each that was run
// and changes something (see Command.Reads), with its error; secret arguments are
// left out of both. New panics where the commands contradict each other: a mistake in the program.
func New(state State, done func(Caller, Command, Args, error), commands ...Command) *Table {
	t := &Table{commands: slices.Clone(commands), state: state, done: done}
	slices.SortFunc(t.commands, func(a, b Command) int { return cmp.Compare(a.Name, b.Name) })
	for i, c := range t.commands {
		if err := c.check(); err != nil {
			panic(fmt.Sprintf("control: command %q: %v", c.Name, err))
		}
		if i > 0 && strings.HasPrefix(c.Name+" ", t.commands[i-1].Name+" ") {
			panic(fmt.Sprintf("control: command %q begins as %q", c.Name, t.commands[i-1].Name))
		}
	}
	return t
}

// check finds what a command's contract forbids.
func (c Command) check() error {
	words := strings.Fields(c.Name)
	switch {
	case len(words) == 0 || len(words) > 3 || strings.Join(words, " ") != c.Name || strings.ToLower(c.Name) != c.Name:
		return errors.New("a name is one to three lower-case words")
	case c.Help == "" || strings.HasSuffix(c.Help, "."):
		return errors.New("help is one line without a period")
	case c.Role < Viewer || c.Role > Admin:
		return errors.New("it needs a role")
	case c.Run == nil:
		return errors.New("it does nothing")
	}
	seen, optional := map[string]bool{}, false
	for i, a := range c.Args {
		switch {
		case a.Name == "" || seen[a.Name]:
			return fmt.Errorf("argument %d: a name of its own is missing", i+1)
		case optional && !a.Optional:
			return fmt.Errorf("argument %s: it can be left out only if those behind it can", c.Args[i-1].Name)
		case a.Kind == Choice && len(a.Choices) == 0:
			return fmt.Errorf("argument %s: nothing to choose from", a.Name)
		case a.Kind == Text && i != len(c.Args)-1:
			return fmt.Errorf("argument %s: the rest of a line can only be last", a.Name)
		}
		seen[a.Name], optional = true, a.Optional
	}
	return nil
}

// Commands are all of them, by name. The slice is the caller's.
func (t *Table) Commands() []Command { return slices.Clone(t.commands) }

// Of are the commands that a caller may have.
func (t *Table) Of(c Caller) []Command {
	return slices.DeleteFunc(t.Commands(), func(x Command) bool { return !x.open(c) })
}

func (c Command) open(by Caller) bool { return by.Role >= c.Role && c.Except[by.Surface] == "" }

// Find returns the command of a name.
func (t *Table) Find(name string) (Command, bool) {
	i, ok := slices.BinarySearchFunc(t.commands, name, func(c Command, n string) int { return cmp.Compare(c.Name, n) })
	if !ok {
		return Command{}, false
	}
	return t.commands[i], true
}

// Do has a command done. It returns when it is, or when ctx has ended and the
// command has noticed. The error is an *Error.
func (t *Table) Do(ctx context.Context, by Caller, r Request) (Result, error) {
	c, ok := t.Find(r.Command)
	if !ok {
		return Result{}, t.unknown(strings.Fields(r.Command), nil, 0)
	}
	args, err := t.admit(c, by, r)
	if err != nil {
		return Result{}, err
	}
	progress := r.Progress
	if progress == nil {
		progress = func(Progress) {}
	}
	result, err := c.Run(ctx, Call{Caller: by, Args: args, Progress: progress})
	err = told(ctx, c, err)
	if t.done != nil && !c.Reads {
		t.done(by, c, c.shown(args), c.concealed(args, err))
	}
	if err != nil {
		return Result{}, err
	}
	return result, nil
}

// admit says whether a command is to be run, and with which arguments.
func (t *Table) admit(c Command, by Caller, r Request) (Args, error) {
	if why := c.Except[by.Surface]; why != "" {
		return nil, Errorf(Forbidden, "%q: %s", c.Name, why)
	}
	if by.Role < c.Role {
		return nil, Errorf(Forbidden, "%q needs the role %s: %s has %s", c.Name, c.Role, by.Name, by.Role)
	}
	args, err := c.parse(r.Args)
	if err != nil {
		return nil, err
	}
	answered := r.Confirmed
	for _, ask := range c.Confirm {
		question := ask(args)
		if question == "" {
			continue
		}
		if answered--; answered < 0 {
			return nil, Errorf(Confirm, "%s", question)
		}
	}
	return args, nil
}

// told makes a command's error one for people.
func told(ctx context.Context, c Command, err error) error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case ctx.Err() != nil:
		return Errorf(Failed, "%q was given up: %v", c.Name, context.Cause(ctx))
	}
	return Errorf(Failed, "%v", err)
}

// shown are arguments without the secret ones.
func (c Command) shown(args Args) Args {
	all := Args{}
	for _, a := range c.Args {
		if v := args.Get(a.Name); v != "" && !a.Secret {
			all[a.Name] = v
		}
	}
	return all
}

// hidden stands for a secret argument in an error.
const hidden = "***"

// concealed is an error without the secret arguments, for others than who typed them. A
// document may be quoted in parts: of its problems nothing is told.
func (c Command) concealed(args Args, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	shown := *e
	for _, a := range c.Args {
		v := args.Get(a.Name)
		switch {
		case !a.Secret || v == "":
		case a.Kind == Document && e.Code == Usage:
			shown.Message, shown.Problems = fmt.Sprintf("%s is not valid", a.Name), nil
		default:
			shown.Message = strings.ReplaceAll(shown.Message, v, hidden)
			shown.Problems = nil
		}
	}
	return &shown
}

// parse makes the arguments of a request canonical.
func (c Command) parse(given map[string]string) (Args, error) {
	args := Args{}
	for _, a := range c.Args {
		text, ok := given[a.Name]
		if !ok || text == "" && a.Optional {
			if !a.Optional {
				return nil, &Error{Code: Usage, Message: fmt.Sprintf("%q: %s is missing: %s", c.Name, a.Name, a.Help), Hint: c.Synopsis()}
			}
			if text = a.Default; text == "" {
				continue
			}
		}
		canonical, err := a.parse(text)
		if err != nil {
			return nil, &Error{Code: Usage, Message: fmt.Sprintf("%q: %s: %v", c.Name, a.Name, err), Hint: c.Synopsis()}
		}
		args[a.Name] = canonical
	}
	for name := range given {
		if !slices.ContainsFunc(c.Args, func(a Arg) bool { return a.Name == name }) {
			return nil, &Error{Code: Usage, Message: fmt.Sprintf("%q: there is no argument %q", c.Name, clip(name)), Hint: c.Synopsis()}
		}
	}
	return args, nil
}

// Synopsis is how a command is typed: "destination pause NAME [REASON]".
func (c Command) Synopsis() string {
	var b strings.Builder
	b.WriteString(c.Name)
	for _, a := range c.Args {
		name := strings.ToUpper(a.Name)
		switch a.Kind {
		case Switch:
			name = "on|off"
		case Choice:
			name = strings.Join(a.Choices, "|")
		}
		if a.Optional {
			name = "[" + name + "]"
		}
		b.WriteString(" " + name)
	}
	return b.String()
}

// Listed is how wide a column of commands is, in a list of many.
const Listed = 30

// Brief is the synopsis where a list has room for it, else the name and a sign that more
// is to be typed.
func (c Command) Brief() string {
	if s := c.Synopsis(); len(s) <= Listed {
		return s
	}
	return c.Name + " …"
}

// snapshot is the state now.
func (t *Table) snapshot() *status.Snapshot {
	if t.state == nil {
		return &status.Snapshot{}
	}
	return t.state.Load()
}
