// Package remote is encoderctl: the box's commands from a command line, over its
// HTTP API.
package remote

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Exit statuses.
const (
	ExitOK          = 0
	ExitFailed      = 1 // the box refused, or a preflight said no go
	ExitUsage       = 2
	ExitUnreachable = 3 // no encoderd answers
)

const usage = `encoderctl commands a running encoderd.

Usage:
  encoderctl [-address URL] [-json] COMMAND

Commands:
  destinations             every destination with its state
  preflight NAME           go the way to a destination and say go or no-go
    -publish               … and publish a test pattern, to measure what it carries
    -seconds N             for so long (default 5)
  pause NAME               end a destination's connection until resume
  resume NAME
  retry NAME               try a destination again now

NAME is a destination, or STREAM/DESTINATION where several streams have it.

Options:
  -address URL             of the box (default $ENCODERBOX_ADDRESS, or http://localhost:8080)
  -json                    answers as JSON

Exit status: 0 fine or go, 1 failed or no-go, 2 wrong usage, 3 no encoderd answers.
`

// client runs one command.
type client struct {
	base           *url.URL
	http           *http.Client
	json           bool
	stdout, stderr io.Writer
}

// errUsage is a command line that is not understood.
var errUsage = errors.New("wrong usage")

// Main runs encoderctl with its arguments and returns the exit status.
func Main(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("encoderctl", flag.ContinueOnError)
	flags.SetOutput(stderr)
	address := flags.String("address", env("ENCODERBOX_ADDRESS"), "")
	asJSON := flags.Bool("json", false, "")
	flags.Usage = func() {}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp) || err == nil && flags.Arg(0) == "help":
		fmt.Fprint(stdout, usage)
		return ExitOK
	case err != nil:
		fmt.Fprintln(stderr, "see encoderctl help")
		return ExitUsage
	}
	base, err := boxURL(*address)
	if err != nil {
		fmt.Fprintln(stderr, "encoderctl:", err)
		return ExitUsage
	}
	c := &client{base: base, http: newHTTP(), json: *asJSON, stdout: stdout, stderr: stderr}
	defer c.http.CloseIdleConnections()
	err = c.run(ctx, flags.Args())
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return c.exit(err)
}

func boxURL(address string) (*url.URL, error) {
	if address == "" {
		address = "http://localhost:8080"
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("address %q is not http://HOST:PORT", address)
	}
	return u, nil
}

func (c *client) run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: no command; see encoderctl help", errUsage)
	}
	name, args := args[0], args[1:]
	switch name {
	case "destinations":
		if len(args) > 0 {
			return fmt.Errorf("%w: destinations takes no argument", errUsage)
		}
		return c.destinations(ctx)
	case "preflight":
		return c.preflight(ctx, args)
	case "pause", "resume", "retry":
		if len(args) != 1 {
			return fmt.Errorf("%w: %s needs the name of one destination", errUsage, name)
		}
		return c.command(ctx, args[0], name)
	}
	return fmt.Errorf("%w: no command %q; see encoderctl help", errUsage, name)
}

// exit says what went wrong and makes the exit status of it.
func (c *client) exit(err error) int {
	var lost *unreachable
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errNoGo):
		return ExitFailed // it has been said
	}
	fmt.Fprintln(c.stderr, "encoderctl:", err)
	switch {
	case errors.Is(err, errUsage):
		return ExitUsage
	case errors.As(err, &lost):
		return ExitUnreachable
	}
	return ExitFailed
}
