// Package console tests the serial console from outside: a real terminal program at one
// end of a null modem cable, the console with a real configuration at the other.
package console

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/commit"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/console"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/machine"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/pty"
)

const startup = "[streams.main]\n\n[streams.main.destinations.youtube]\nurl = \"rtmp://a.example/live/stream-key\"\n"

// box is a console on the cable's one end; the test has the other.
type box struct {
	cable *pty.Cable
	keeps *commit.Keeper
	file  string // startup configuration
}

// candidate is a commit.Session as the console wants it.
type candidate struct {
	*commit.Session
	k  *commit.Keeper
	by string
}

func (c candidate) Show(path string) (string, error) {
	shown, err := c.Session.Show(path)
	return strings.Join(shown.Set, "\n"), err
}

func (c candidate) Commit(ctx context.Context) (string, error) {
	return notes(c.Session.Commit(ctx, c.by))
}

func (c candidate) CommitConfirmed(ctx context.Context, within time.Duration) (string, error) {
	return notes(c.Session.CommitConfirmed(ctx, c.by, within))
}

func (c candidate) Confirm(context.Context) (string, error) { return notes(c.k.Confirm(c.by)) }

func notes(d commit.Done, err error) (string, error) { return strings.Join(d.Notes, "\n"), err }

// newBox serves a console until the test ends.
func newBox(t *testing.T) *box {
	t.Helper()
	cable, err := pty.NewCable()
	require.NoError(t, err)
	b := &box{cable: cable, file: filepath.Join(t.TempDir(), "encoderd.toml")}
	require.NoError(t, os.WriteFile(b.file, []byte(startup), 0o600))
	cfg, err := config.Load(b.file, config.Rules{})
	require.NoError(t, err)
	b.keeps = commit.New(cfg, commit.Options{File: b.file, Folder: func() (string, error) { return filepath.Join(filepath.Dir(b.file), "versions"), nil }})

	store := status.NewStore("v1.0")
	r := store.Stream("main")
	r.SetDefault(true)
	r.SetInput(status.Input{Kind: "pattern", Description: "1280x720 at 30", State: status.InputRunning})
	r.SetDestination(status.Destination{Name: "youtube", Kind: "rtmp", URL: "rtmp://a.example/live/***", State: status.Active, Bitrate: 2_500_000})
	names := func(s *status.Snapshot, _ control.Args) []string { return []string{s.Streams[0].Destinations[0].Name} }
	table := control.New(store, nil,
		control.Command{Name: "destination pause", Help: "End a connection until resume", Role: control.Operator, Args: []control.Arg{{Name: "name", Kind: control.Word, Help: "which one", Values: names}}, Run: func(_ context.Context, call control.Call) (control.Result, error) {
			r.SetDestination(status.Destination{Name: call.Args.Get("name"), Kind: "rtmp", State: status.Disabled, Reason: "paused by " + call.Caller.Name})
			return control.Result{}, nil
		}},
		control.Command{Name: "show status", Help: "What goes on", Role: control.Viewer, Reads: true, Run: func(context.Context, control.Call) (control.Result, error) { return control.Result{}, nil }},
	)
	var programs *machine.Server
	c := console.New(console.Options{
		Machine: func(ctx context.Context, by control.Caller, rw io.ReadWriteCloser) ([]byte, error) {
			return programs.Serve(ctx, rw, machine.Options{Caller: by})
		},
		State: store, Idle: 10 * time.Minute,
		Pages: func() []string { return []string{"http://192.168.1.5:8080/"} },
		Login: console.OnePassword("admin", "secret"),
		Candidate: func(by control.Caller) (console.Candidate, error) {
			return candidate{b.keeps.NewSession(), b.keeps, by.Name}, nil
		},
		Table: table,
	})
	programs = &machine.Server{State: store, Table: table, Product: "encoderbox", Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- console.Ports{Device: cable.Box, Run: c.Run}.Serve(ctx) }()
	go func() {
		b.keeps.Run(ctx)
		done <- nil
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		<-done
		cable.Close()
	})
	return b
}
