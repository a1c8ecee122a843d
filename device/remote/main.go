// Package remote is encoderctl: the box's commands from a command line, over its
// control socket or its HTTP API. docs/encoderctl.md is its manual.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
)

// Exit statuses.
const (
	ExitOK          = 0
	ExitFailed      = 1 // the box refused, it failed, or a preflight said no go
	ExitUsage       = 2
	ExitUnreachable = 3 // no encoderd answers
	ExitConfirm     = 4 // a question must be answered, and nobody was there to ask
	ExitForbidden   = 5 // not with this token, or from here
)

const usage = `encoderctl commands a running encoderd.

Usage:
  encoderctl [OPTIONS] COMMAND [ARGUMENTS]

COMMAND is any command of the box, as on its console (encoderctl help lists them,
encoderctl help COMMAND explains one), or one of encoderctl's own:
  destinations             every destination with its state
  preflight NAME           go the way to a destination and say go or no-go
    -publish               … and publish a test pattern, to measure what it carries
    -seconds N             for so long (default 5)
  pause NAME               end a destination's connection until resume
  resume NAME              take back a pause
  retry NAME               try a destination again now
  monitor                  what happens, as it happens
  completion SHELL         the completion for bash, zsh or fish
  help [COMMAND]           this, or what a command of the box takes

NAME is a destination, or STREAM/DESTINATION where several streams have it.

Options, which may also stand behind the command; -- ends them:
  -address URL             of the box: http://HOST:PORT or unix:PATH (default
                           $ENCODERBOX_ADDRESS, or this machine's control socket, or
                           http://localhost:8080)
  -token TOKEN             for a box that asks for one (default $ENCODERBOX_TOKEN)
  -json                    answers as JSON
  -yes                     yes to every question
  -watch[=SECONDS]         repeat a command that shows something (default 2)

Exit status: 0 fine or go, 1 refused, failed or no-go, 2 wrong usage, 3 no encoderd
answers, 4 a question must be answered (-yes), 5 forbidden.
`

// Program is encoderctl with its surroundings.
type Program struct {
	Env            func(string) string
	Stdin          io.Reader // nil: nobody can be asked
	Stdout, Stderr io.Writer
}

// client runs one command.
type client struct {
	box      target
	token    string
	http     *http.Client
	json     bool
	yes      bool
	watching bool
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
}

// errUsage is a command line that is not understood.
var errUsage = errors.New("wrong usage")

// Main runs encoderctl without anybody to ask; see Program.
func Main(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	return Program{Env: env, Stdout: stdout, Stderr: stderr}.Run(ctx, args)
}

// Run runs encoderctl with its arguments and returns the exit status.
func (p Program) Run(ctx context.Context, args []string) int {
	if len(args) > 0 && args[0] == "__complete" {
		p.complete(ctx, args[1:])
		return ExitOK
	}
	o, err := parse(args)
	c := &client{stdin: p.Stdin, stdout: p.Stdout, stderr: p.Stderr}
	if err != nil {
		return c.exit(fmt.Errorf("%w: %w; see encoderctl help", errUsage, err))
	}
	if len(o.words) > 0 && o.words[0] == "completion" && !o.help {
		return c.exit(c.script(o.words[1:]))
	}
	if err := c.connect(ctx, p.Env, o); err != nil {
		return c.exit(fmt.Errorf("%w: %w", errUsage, err))
	}
	defer c.http.CloseIdleConnections()
	if o.help {
		o.words = append([]string{"help"}, o.words...)
	}
	err = c.run(ctx, o)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return c.exit(err)
}

// connect says which box is meant.
func (c *client) connect(ctx context.Context, env func(string) string, o options) (err error) {
	if o.address == "" {
		o.address = env("ENCODERBOX_ADDRESS")
	}
	if o.token == "" {
		o.token = env("ENCODERBOX_TOKEN")
	}
	if c.box, err = findBox(ctx, o.address, env); err != nil {
		return err
	}
	c.http, c.token, c.json, c.yes = newHTTP(c.box), o.token, o.json, o.yes
	return nil
}

func (c *client) run(ctx context.Context, o options) error {
	if len(o.words) == 0 {
		return fmt.Errorf("%w: no command; see encoderctl help", errUsage)
	}
	name, args := o.words[0], o.words[1:]
	if o.watch > 0 && name == "destinations" {
		return c.watch(ctx, o.watch, o.words, func(ctx context.Context) error { return c.own(ctx, name, args) })
	}
	switch name {
	case "destinations", "preflight", "pause", "resume", "retry", "monitor", "help":
		if o.watch > 0 {
			return fmt.Errorf("%w: -watch is for commands that show something", errUsage)
		}
		return c.own(ctx, name, args)
	}
	return c.boxCommand(ctx, o)
}

// own runs a command of encoderctl itself.
func (c *client) own(ctx context.Context, name string, args []string) error {
	switch name {
	case "preflight":
		return c.preflight(ctx, args)
	case "help":
		return c.help(ctx, args)
	case "pause", "resume", "retry":
		if len(args) != 1 {
			return fmt.Errorf("%w: %s needs the name of one destination", errUsage, name)
		}
		return c.command(ctx, args[0], name)
	}
	if len(args) > 0 {
		return fmt.Errorf("%w: %s takes no argument", errUsage, name)
	}
	if name == "monitor" {
		return c.monitor(ctx)
	}
	return c.destinations(ctx)
}

// exit says what went wrong and makes the exit status of it.
func (c *client) exit(err error) int {
	var lost *unreachable
	var e *control.Error
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errNoGo):
		return ExitFailed // it has been said
	}
	fmt.Fprintln(c.stderr, "encoderctl:", printable(err.Error()))
	if errors.As(err, &e) {
		for _, p := range e.Problems {
			fmt.Fprintln(c.stderr, "  "+printable(p))
		}
		if e.Hint != "" {
			fmt.Fprintln(c.stderr, "  try: "+printable(e.Hint))
		}
	}
	switch {
	case errors.Is(err, errUsage):
		return ExitUsage
	case errors.As(err, &lost):
		return ExitUnreachable
	case e == nil:
		return ExitFailed
	}
	switch e.Code {
	case control.Unknown, control.Usage:
		return ExitUsage
	case control.Confirm:
		return ExitConfirm
	case control.Forbidden:
		return ExitForbidden
	case control.NotFound, control.Conflict, control.Failed:
	}
	return ExitFailed
}

// watchEvery is between two times of -watch.
const watchEvery = 2 * time.Second
