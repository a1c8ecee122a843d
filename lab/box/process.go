package box

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// process is the running QEMU, in a process group of its own. It is killed by
// the kernel should the program that started it die.
type process struct {
	cmd    *exec.Cmd
	output syncBuffer
	done   chan struct{} // closed once it has been waited for
}

func spawn(argv []string, files []*os.File) (*process, error) {
	p := &process{done: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.ExtraFiles = files
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		// On one locked thread: Pdeathsig is sent when the thread that forked
		// ends, not when the whole program does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // says tells what there is to say
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("box: start %s: %w", argv[0], err)
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process, and returns once it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails when it has ended
	<-p.done
}

// says is what an ended process leaves to be told.
func (p *process) says() string {
	return strings.TrimSpace(p.cmd.ProcessState.String() + " " + p.output.String())
}

type syncBuffer struct {
	mu sync.Mutex // guards the field below
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// wireEnd is the host's end of a pair of sockets, the other of which QEMU holds.
type wireEnd struct {
	net.Conn
	peer *os.File // QEMU's end, until it has been started
}

func newWire(name string) (*wireEnd, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("box: make a pair of sockets for %s: %w", name, err)
	}
	mine, theirs := os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name)
	defer mine.Close() // FileConn duplicates it
	conn, err := net.FileConn(mine)
	if err != nil {
		_ = theirs.Close()
		return nil, fmt.Errorf("box: make a connection for %s: %w", name, err)
	}
	return &wireEnd{Conn: conn, peer: theirs}, nil
}

// send writes b, and with its first byte a file, if there is one.
func (w *wireEnd) send(b []byte, file *os.File) error {
	if file == nil {
		_, err := w.Write(b)
		return err
	}
	unix, ok := w.Conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("box: %T cannot send a file", w.Conn)
	}
	n, _, err := unix.WriteMsgUnix(b, syscall.UnixRights(int(file.Fd())), nil)
	if err == nil && n < len(b) {
		_, err = unix.Write(b[n:])
	}
	return err
}

func (w *wireEnd) close() {
	if w != nil {
		_ = w.Close() // twice is harmless
	}
}
