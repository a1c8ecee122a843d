package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/board/panel/serialpanel/paneltest"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/pty"
)

// box is a running daemon with a front panel and a console plugged in.
type box struct {
	*encoderd.Daemon
	tb      peer.TB
	panel   *pty.Port
	console *pty.Port
}

// The streams that are encoded meanwhile, in software.
const (
	idle = "[streams.main.input]\nkind = \"pattern\"\nwidth = 320\nheight = 180\nframe_rate = 10\n" +
		"[streams.main.video]\nencoder = \"software\"\nbitrate = { max = \"300k\", mode = \"fixed\" }\n"
	full = "[streams.main.input]\nkind = \"pattern\"\nwidth = 3840\nheight = 2160\nframe_rate = 60\n" +
		"[streams.main.video]\nencoder = \"software\"\nbitrate = { max = \"20M\", mode = \"fixed\" }\n"
)

// start starts a daemon that encodes a stream, with surfaces.
func (b *bench) start(tb peer.TB, stream string) *box {
	tb.Helper()
	x := &box{tb: tb, panel: port(tb), console: port(tb)}
	x.Daemon = encoderd.Launch(tb, encoderd.Options{Binary: b.encoderd, TOML: x.surfaces() + stream})
	x.AwaitPage()
	return x
}

func port(tb peer.TB) *pty.Port {
	tb.Helper()
	p, err := pty.NewPort()
	if err != nil {
		tb.Fatalf("%w", err)
	}
	tb.Cleanup(func() { _ = p.Close() })
	return p
}

// surfaces are the part of the configuration that plugs both in.
func (x *box) surfaces() string {
	return fmt.Sprintf("[board]\npanel_port = %q\n[console]\ndevice = %q\n", x.panel.Device, x.console.Device)
}

// patience is how long anything is waited for.
const patience = 20 * time.Second

// plug plugs a panel of 20x4 characters in, and waits until it shows something.
func (x *box) plug(ctx context.Context) (*paneltest.Panel, *screen, error) {
	ctx, stop := context.WithCancel(ctx)
	s := newScreen(x.panel)
	p := paneltest.New(s, "name=Bench text=20x4 keys=up,down,left,right,ok,back lights=status:red,status:green,live,record")
	var runs sync.WaitGroup
	runs.Go(func() { _ = p.Run(ctx) }) // ends with the port
	x.tb.Cleanup(func() {
		stop()
		_ = x.panel.Close()
		runs.Wait()
	})
	return p, s, within(ctx, "the panel to show something", func() bool { return strings.Join(s.rows(), "") != "" })
}

// within waits until something holds.
func within(ctx context.Context, what string, holds func() bool) error {
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v for %s", patience, what)
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// person types at the console.
type person struct {
	line *pty.Port
	seen strings.Builder
}

const prompt = "box> "

// login presses Enter until there is a prompt: without a password nothing else is asked.
func (x *box) login(ctx context.Context) (*person, error) {
	p := &person{line: x.console}
	answered := func() bool {
		_, err := p.ask("\r", "\n"+prompt, time.Second/2)
		return err == nil && p.quiet(time.Second/2) == nil
	}
	return p, within(ctx, "the console's prompt", answered)
}

// ask types text and reads up to what ends the answer.
func (p *person) ask(text, end string, within time.Duration) (answer string, err error) {
	p.seen.Reset()
	deadline := time.Now().Add(within)
	if err := errors.Join(p.line.SetWriteDeadline(deadline), p.line.SetReadDeadline(deadline)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(p.line, text); err != nil {
		return "", err
	}
	buffer := make([]byte, 16<<10)
	for !strings.HasSuffix(p.seen.String(), end) {
		n, err := p.line.Read(buffer)
		p.seen.Write(buffer[:n])
		if err != nil {
			return "", fmt.Errorf("console: typed %q, waited for %q, read %q: %w", text, end, p.seen.String(), err)
		}
	}
	return p.seen.String(), nil
}

// quiet waits, and fails where the console says anything meanwhile: the prompt before
// was not the end of the answer.
func (p *person) quiet(wait time.Duration) error {
	if err := p.line.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	buffer := make([]byte, 4096)
	if n, _ := p.line.Read(buffer); n > 0 { // else its time is over
		return fmt.Errorf("console: behind the prompt came %q", buffer[:n])
	}
	return nil
}

// program is a client of the line protocol, at the Unix socket.
type program struct {
	net.Conn
	lines *bufio.Scanner
}

func (x *box) program(ctx context.Context) (*program, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(x.Live, "machine.sock"))
	if err != nil {
		return nil, err
	}
	p := &program{c, bufio.NewScanner(c)}
	p.lines.Buffer(nil, 64<<10)
	return p, nil
}

// until reads up to a line that begins so.
func (p *program) until(begins string) (string, error) {
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	for p.lines.Scan() {
		switch line := p.lines.Text(); {
		case strings.HasPrefix(line, begins):
			return line, nil
		case strings.HasPrefix(line, "NACK"):
			return "", fmt.Errorf("line protocol: waited for %q, read %q", begins, line)
		}
	}
	return "", fmt.Errorf("line protocol: waited for %q: %w", begins, errors.Join(p.lines.Err(), io.ErrUnexpectedEOF))
}

// local is a client of the control socket, as encoderctl is.
func (x *box) local() *http.Client {
	socket := filepath.Join(x.Live, "control.sock")
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	x.tb.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t, Timeout: patience}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
