package console

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
)

// Whoever pulls the cable sees nothing of what runs any more: it is given up, and has
// ended when the console has.
func TestALostLineEndsWhatRuns(t *testing.T) {
	for typed, shown := range map[string]string{
		"update\r": "30%", "tidy\r": "", "monitor\r": "Any key ends this.", "watch events\r": "any key ends",
		"show lines\r": "more lines", "machine\r": "READY", "configure\rset console.password\r": "not shown", "configure\rcommit\r": "",
	} {
		t.Run(strings.ReplaceAll(strings.TrimSpace(typed), "\r", " "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox()
				ended := false
				// until is work that goes on until it is given up, and then tidies.
				until := func(ctx context.Context) error {
					select {
					case <-ctx.Done():
					case <-time.After(time.Hour):
					}
					time.Sleep(2 * time.Second)
					ended = true
					return context.Cause(ctx)
				}
				b.options.Candidate = func(control.Caller) (Candidate, error) { return slowCommit{b.candidate, until}, nil }
				b.options.Table = control.New(b.store, nil, append(b.options.Table.Commands(), control.Command{
					Name: "tidy", Help: "Take an hour", Role: control.Viewer,
					Run: func(ctx context.Context, _ control.Call) (control.Result, error) { return control.Result{}, until(ctx) },
				})...)
				ours, theirs := net.Pipe()
				p := newPerson(t, theirs)
				p.patience = time.Hour
				done := make(chan error, 1)
				go func() { done <- New(b.options).Run(t.Context(), "ttyS0", ours) }()
				p.sees("press Enter")
				p.types("\r").sees("> ")
				p.types(typed).sees(shown)
				synctest.Wait()
				lost := time.Now()
				theirs.Close()
				err := <-done
				if err == nil {
					t.Error("no error")
				}
				if d := time.Since(lost); d > 3*time.Second {
					t.Errorf("the console ends %s after its line: %v", d, err)
				}
				if (strings.Contains(typed, "tidy") || strings.Contains(typed, "commit")) && !ended {
					t.Error("what ran was not waited for")
				}
				<-p.end
			})
		})
	}
}

// slowCommit is a candidate whose commit takes its time.
type slowCommit struct {
	*fakeCandidate
	work func(context.Context) error
}

func (s slowCommit) Commit(ctx context.Context) (string, error) { return "", s.work(ctx) }

// The end of a line is no end of what a program had to say: what it asked for is given up.
func TestALostLineIsNoEndOfAProgramsWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		read := make(chan error, 1)
		b.options.Machine = func(_ context.Context, _ control.Caller, rw io.ReadWriteCloser) ([]byte, error) {
			_, err := rw.Read(make([]byte, 1))
			read <- err
			return nil, err
		}
		ours, theirs := net.Pipe()
		p := newPerson(t, theirs)
		p.patience = time.Hour
		done := make(chan error, 1)
		go func() { done <- New(b.options).Run(t.Context(), "ttyS0", ours) }()
		p.sees("press Enter")
		p.types("\rmachine\r").sees("box> machine\r\n")
		theirs.Close()
		if err := <-read; err == nil || errors.Is(err, io.EOF) {
			t.Errorf("a program reads %v", err)
		}
		<-done
		<-p.end
	})
}
