package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	stopGrace = 3 * time.Second // from SIGTERM to SIGKILL
	logTail   = 16 << 10        // bytes of a log that a failing test shows
)

// Command says what process to start.
type Command struct {
	Name   string    // what messages call it; the base name of Args[0] when empty
	Args   []string  // program and arguments
	Dir    string    // working folder; Start makes a new one when empty
	Env    []string  // added to the environment
	Stdout io.Writer // kept in the log when nil
	Place  Place     // where it runs

	logPath string                            // a new file in Dir when empty
	settled func(ended <-chan struct{}) error // of a server: waits, after its ports are open, until it serves
}

// Process is a running program in a process group of its own. It is killed by
// the kernel should the program that started it die.
type Process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	place   Place
	done    chan struct{} // closed once the process has been waited for

	mu      sync.Mutex // guards the fields below
	err     error
	peakRSS int64
}

// Start starts a program, and stops it at the end of the test. When the test
// fails, the end of the program's log goes into the test's output.
func Start(tb TB, c Command) *Process {
	tb.Helper()
	if c.Dir == "" {
		c.Dir = tb.TempDir()
	}
	p, err := spawn(c)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() {
		p.Stop()
		p.logIfFailed(tb)
	})
	return p
}

func (p *Process) logIfFailed(tb TB) {
	if tb.Failed() {
		tb.Logf("log of %s (%s):\n%s", p.name, p.logPath, p.Log())
	}
}

func spawn(c Command) (*Process, error) {
	name := c.Name
	if name == "" {
		name = filepath.Base(c.Args[0])
	}
	path, err := lookPath(c.Args[0])
	if err != nil {
		return nil, err
	}
	log, err := openLog(c, name)
	if err != nil {
		return nil, fmt.Errorf("peer: make a log for %s: %w", name, err)
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command(path, c.Args[1:]...)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = c.Stdout, log
	if c.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.WaitDelay = time.Second // a child that outlives it must not hold its pipe
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &Process{name: name, logPath: log.Name(), cmd: cmd, place: c.Place, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("peer: start %s: %w", name, err)
	}
	return p, nil
}

func openLog(c Command, name string) (*os.File, error) {
	if c.logPath != "" {
		return os.OpenFile(c.logPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	}
	return os.CreateTemp(c.Dir, name+"-*.log")
}

// run starts the process and waits for it on one locked thread: Pdeathsig is
// sent when the thread that forked ends, not when the whole program does.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	err := p.place.do(p.cmd.Start)
	started <- err
	if err != nil {
		return
	}
	err = p.cmd.Wait()
	p.mu.Lock()
	p.err = err
	p.mu.Unlock()
}

// debianPackage names the package of each program, for the message of its absence.
var debianPackage = map[string]string{
	"ffmpeg": "ffmpeg", "ffprobe": "ffmpeg", "nginx": "nginx-light libnginx-mod-rtmp",
	"stunnel": "stunnel4", "stunnel4": "stunnel4", "srt-live-transmit": "srt-tools", "chromium": "chromium",
	"icecast2": "icecast2", "xmllint": "libxml2-utils", "npm": "npm", "node": "nodejs",
}

// lookPath also looks into the sbin folders, which a user's PATH lacks on Debian.
func lookPath(prog string) (string, error) {
	path, err := exec.LookPath(prog)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, prog)); err == nil {
			return path, nil
		}
	}
	if pkg := debianPackage[prog]; pkg != "" {
		return "", fmt.Errorf("peer: %s is not installed: apt-get install %s", prog, pkg)
	}
	return "", fmt.Errorf("peer: find program: %w", err)
}

// PID is the process id, which is its process group's id too.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the process to end by itself. Its error is nil for exit code
// 0; otherwise it carries the end of the log. When ctx ends first, the process
// is stopped.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Stop()
		return fmt.Errorf("%s: stopped: %w", p.name, context.Cause(ctx))
	}
	p.mu.Lock()
	err := p.err
	p.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", p.name, err, lastLines(p.Log(), 5))
	}
	return nil
}

// Stop asks the process to end, kills it when it does not within three
// seconds, and returns once it has ended. Children it left in its group are
// killed. Stopping what has ended does nothing.
func (p *Process) Stop() { p.end(syscall.SIGTERM) }

// Kill ends the process, and its group, at once.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

func (p *Process) end(sig syscall.Signal) {
	select {
	case <-p.done:
		return
	default:
	}
	p.sampleRSS()
	_ = p.cmd.Process.Signal(sig)
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // a paused one would never see it
	select {
	case <-p.done:
	case <-time.After(stopGrace):
	}
	// What the leader left behind; also the leader itself if it would not go.
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.done
}

// Pause stops the process where it is, as a hung peer: the kernel still
// accepts connections and data for it until the buffers are full.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("peer: send %s to %s: %w", sig, p.name, err)
	}
	return nil
}

// Log returns the end of what the process has written.
func (p *Process) Log() string {
	f, err := os.Open(p.logPath)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil && fi.Size() > logTail {
		_, _ = f.Seek(-logTail, io.SeekEnd)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// ended tells whether the process has ended.
func (p *Process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

// Run runs a program to its end under ctx, in the present folder when c.Dir is
// empty. Stdout goes to c.Stdout; the rest of what it wrote is returned. An exit
// code other than 0 is an error.
func Run(ctx context.Context, c Command) (log string, err error) {
	tmp, err := os.MkdirTemp("", "peer-")
	if err != nil {
		return "", fmt.Errorf("peer: make a folder for %s: %w", c.Args[0], err)
	}
	defer os.RemoveAll(tmp)
	c.logPath = filepath.Join(tmp, "log")
	p, err := spawn(c)
	if err != nil {
		return "", err
	}
	err = p.Wait(ctx)
	var exit *exec.ExitError
	if errors.As(err, &exit) { // without the log, which is returned
		err = fmt.Errorf("%s: %w", p.name, exit)
	}
	return p.Log(), err
}
