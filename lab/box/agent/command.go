package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/lab/box/wire"
)

type agent struct {
	mu       sync.Mutex // guards the field below
	commands map[int]*command
}

type command struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// run runs a command for as long as the request lives, in a process group of
// its own; the whole group is killed when the host goes.
func (a *agent) run(w http.ResponseWriter, r *http.Request) {
	body := bufio.NewReader(r.Body)
	line, err := body.ReadBytes('\n')
	var want wire.Run
	if err == nil {
		err = json.Unmarshal(line, &want)
	}
	if err == nil && len(want.Argv) == 0 {
		err = errors.New("no command")
	}
	if err != nil {
		http.Error(w, "agent: read the command: "+err.Error(), http.StatusBadRequest)
		return
	}
	out := &frames{w: w, rc: http.NewResponseController(w)}
	cmd := exec.CommandContext(r.Context(), want.Argv[0], want.Argv[1:]...)
	cmd.Env = append(os.Environ(), want.Env...)
	cmd.Dir = cmp.Or(want.Dir, "/tmp")
	cmd.Stdout, cmd.Stderr = out.writer(wire.Stdout), out.writer(wire.Stderr)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // what it left behind may hold its output
	// Not cmd.Stdin: Wait would wait for input that the command never reads.
	stdin, err := cmd.StdinPipe()
	done := func() {}
	if err == nil {
		err = out.start(cmd, func() { done = a.add(cmd) })
	}
	if err != nil {
		out.exit(wire.Exit{Code: -1, Error: err.Error()})
		return
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = io.Copy(stdin, body) // a command need not read all of it
		_ = stdin.Close()
	}()
	_ = cmd.Wait() // the state below says more
	done()
	out.exit(exitOf(cmd.ProcessState))
	_ = r.Body.Close() // ends the copy, should the host send on
	<-fed
}

func exitOf(s *os.ProcessState) wire.Exit {
	e := wire.Exit{Code: s.ExitCode()}
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		e.Signal = int(ws.Signal())
	}
	return e
}

// add keeps a running command until the function it returns is called.
func (a *agent) add(cmd *exec.Cmd) func() {
	c := &command{cmd: cmd, done: make(chan struct{})}
	pid := cmd.Process.Pid
	a.mu.Lock()
	defer a.mu.Unlock()
	a.commands[pid] = c
	return func() {
		close(c.done)
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.commands, pid)
	}
}

// await returns once no command runs.
func (a *agent) await() {
	a.mu.Lock()
	var all []*command
	for _, c := range a.commands {
		all = append(all, c)
	}
	a.mu.Unlock()
	for _, c := range all {
		<-c.done
	}
}

func (a *agent) signal(w http.ResponseWriter, r *http.Request) {
	pid, err := strconv.Atoi(r.FormValue("pid"))
	number, err2 := strconv.Atoi(r.FormValue("signal"))
	if err := errors.Join(err, err2); err != nil {
		http.Error(w, "agent: signal: "+err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	c := a.commands[pid]
	a.mu.Unlock()
	if c == nil {
		http.Error(w, fmt.Sprintf("agent: signal: no command of the host's has process id %d", pid), http.StatusNotFound)
		return
	}
	if syscall.Signal(number) == syscall.SIGKILL {
		_ = syscall.Kill(-pid, syscall.SIGKILL) // all it has started
	}
	if err := c.cmd.Process.Signal(syscall.Signal(number)); err != nil && !errors.Is(err, os.ErrProcessDone) {
		http.Error(w, "agent: signal: "+err.Error(), http.StatusGone)
	}
}

// frames writes to the host what a command says.
type frames struct {
	mu sync.Mutex // guards the stream below
	w  io.Writer
	rc *http.ResponseController
}

// start starts a command, calls started, and then says so before anything that
// the command says.
func (f *frames) start(cmd *exec.Cmd, started func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	started()
	f.write(wire.Started, []byte(strconv.Itoa(cmd.Process.Pid)))
	return nil
}

func (f *frames) send(k wire.Kind, payload []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(k, payload)
}

// write is called with the lock held.
func (f *frames) write(k wire.Kind, payload []byte) {
	// The host is gone when this fails: the request's context ends, and so does the command.
	if wire.WriteFrame(f.w, k, payload) == nil {
		_ = f.rc.Flush()
	}
}

func (f *frames) exit(e wire.Exit) {
	b, err := json.Marshal(e)
	if err != nil {
		b = []byte("{}")
	}
	f.send(wire.Exited, b)
}

func (f *frames) writer(k wire.Kind) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		n := len(b)
		for len(b) > 0 {
			part := b[:min(len(b), wire.MaxFrame)]
			f.send(k, part)
			b = b[len(part):]
		}
		return n, nil
	})
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(b []byte) (int, error) { return w(b) }
