package box

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/lab/box/wire"
)

const killGrace = 5 * time.Second // from killing a command to giving the agent up

// Cmd is a command of the box's. Its fields are set before Start.
type Cmd struct {
	Args   []string
	Env    []string // added to the box's
	Dir    string   // /tmp when empty
	Stdin  io.Reader
	Stdout io.Writer // dropped when nil
	Stderr io.Writer // dropped when nil

	box  *Box
	link *link
	body io.ReadCloser
	in   *bufio.Reader
	pid  int
	done chan struct{}
	exit wire.Exit
	err  error // why exit is not known
}

// Command makes a command that Start starts.
func (b *Box) Command(argv ...string) *Cmd { return &Cmd{box: b, Args: argv} }

// ExitError says that a command ended other than with exit code 0.
type ExitError struct {
	Args   []string
	Code   int            // -1 when a signal ended it
	Signal syscall.Signal // 0 when none did
	Stderr string         // the end of it, where Run read it
}

func (e *ExitError) Error() string {
	how := fmt.Sprintf("exit code %d", e.Code)
	if e.Signal != 0 {
		how = "ended by signal " + strconv.Itoa(int(e.Signal)) + " (" + e.Signal.String() + ")"
	}
	if e.Stderr != "" {
		how += ": " + e.Stderr
	}
	return fmt.Sprintf("box: %s: %s", strings.Join(e.Args, " "), how)
}

// Start starts the command, and returns once it runs. It is killed when ctx
// ends. Wait must be called.
func (c *Cmd) Start(ctx context.Context) error {
	line, err := json.Marshal(wire.Run{Argv: c.Args, Env: c.Env, Dir: c.Dir})
	if err != nil {
		return fmt.Errorf("box: %s: %w", c.Args, err)
	}
	var body io.Reader = bytes.NewReader(append(line, '\n'))
	if c.Stdin != nil {
		body = io.MultiReader(body, c.Stdin)
	}
	// The request outlives ctx: a command is killed first, and its end awaited.
	life, give := context.WithCancelCause(context.WithoutCancel(ctx))
	if c.link, err = c.box.connect(ctx); err == nil {
		c.body, err = c.box.open(life, http.MethodPost, wire.RunPath, nil, body)
	}
	if err == nil {
		c.in = bufio.NewReader(c.body)
		err = c.started()
	}
	if err != nil {
		give(err)
		return fmt.Errorf("box: start %s: %w", strings.Join(c.Args, " "), err)
	}
	c.done = make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		c.watch(ctx, give)
	}()
	go func() {
		c.read()
		if c.err != nil {
			c.err = c.box.broken(life, c.link, c.err)
		}
		close(c.done)
		<-watched
		_ = c.body.Close()
		give(nil)
	}()
	return nil
}

// started reads the first frame.
func (c *Cmd) started() error {
	kind, payload, err := wire.ReadFrame(c.in)
	if err != nil {
		return err
	}
	if kind == wire.Exited {
		var e wire.Exit
		if err := json.Unmarshal(payload, &e); err != nil {
			return err
		}
		return errors.New(e.Error)
	}
	c.pid, err = strconv.Atoi(string(payload))
	return err
}

// watch kills the command when ctx ends, and gives the agent up when that does
// not end it.
func (c *Cmd) watch(ctx context.Context, give context.CancelCauseFunc) {
	select {
	case <-c.done:
		return
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), killGrace)
	defer cancel()
	_ = c.signal(grace, syscall.SIGKILL) // fails when it has just ended
	select {
	case <-c.done:
	case <-grace.Done():
		give(context.Cause(ctx))
	}
}

// read passes the command's output on until it has ended.
func (c *Cmd) read() {
	for {
		kind, payload, err := wire.ReadFrame(c.in)
		if err != nil {
			c.err = err
			return
		}
		switch kind {
		case wire.Stdout:
			c.err = pass(c.Stdout, payload)
		case wire.Stderr:
			c.err = pass(c.Stderr, payload)
		case wire.Exited:
			c.err = json.Unmarshal(payload, &c.exit)
			return
		}
		if c.err != nil {
			return
		}
	}
}

func pass(w io.Writer, b []byte) error {
	if w == nil {
		return nil
	}
	_, err := w.Write(b)
	return err
}

// PID is the command's process id in the box.
func (c *Cmd) PID() int { return c.pid }

// Done is closed once the command has ended.
func (c *Cmd) Done() <-chan struct{} { return c.done }

// Signal sends a signal to the command; SIGKILL also to what it has started.
func (c *Cmd) Signal(s syscall.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), killGrace)
	defer cancel()
	return c.signal(ctx, s)
}

func (c *Cmd) signal(ctx context.Context, s syscall.Signal) error {
	query := url.Values{"pid": {strconv.Itoa(c.pid)}, "signal": {strconv.Itoa(int(s))}}
	body, err := c.box.open(ctx, http.MethodPost, wire.SignalPath, query, nil)
	if err != nil {
		return fmt.Errorf("box: send %s to %s: %w", s, c.Args[0], err)
	}
	return body.Close()
}

// Wait returns once the command has ended. Its error is nil for exit code 0,
// and an *ExitError for any other end that the command came to.
func (c *Cmd) Wait() error {
	<-c.done
	if c.err != nil {
		return fmt.Errorf("box: %s: %w", strings.Join(c.Args, " "), c.err)
	}
	if c.exit.Code != 0 || c.exit.Signal != 0 {
		return &ExitError{Args: slices.Clone(c.Args), Code: c.exit.Code, Signal: syscall.Signal(c.exit.Signal)}
	}
	return nil
}

// Result is what a command wrote.
type Result struct{ Stdout, Stderr string }

// Run runs a command to its end, or until ctx ends. An end other than with exit
// code 0 is an error; the result is there in any case.
func (b *Box) Run(ctx context.Context, argv ...string) (Result, error) {
	return b.Command(argv...).Run(ctx)
}

// Run is Start and Wait; output that nobody else takes is in the result.
func (c *Cmd) Run(ctx context.Context) (Result, error) {
	var out, err bytes.Buffer
	if c.Stdout == nil {
		c.Stdout = &out
	}
	if c.Stderr == nil {
		c.Stderr = &err
	}
	if err := c.Start(ctx); err != nil {
		return Result{}, err
	}
	failed := c.Wait()
	var exit *ExitError
	if errors.As(failed, &exit) {
		exit.Stderr = lastLines(err.String(), 10)
	}
	return Result{Stdout: out.String(), Stderr: err.String()}, failed
}

// Must is Run for a command whose failure fails the test; it returns what it
// wrote on stdout.
func (b *Box) Must(argv ...string) string {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := b.Run(ctx, argv...)
	if err != nil {
		b.tb.Fatalf("%v", err)
	}
	return r.Stdout
}

// LoadModule loads a kernel module, and what it depends on, with parameters
// such as "n_devs=2".
func (b *Box) LoadModule(name string, params ...string) {
	b.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := b.Run(ctx, append([]string{"modprobe", name}, params...)...); err != nil {
		b.tb.Fatalf("%v\n%s", err, b.image.said)
	}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}
