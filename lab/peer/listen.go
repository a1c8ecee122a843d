package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 15 * time.Second
	portTries    = 3
)

// socket is a port of a place that a server is to hold.
type socket struct {
	network string // "tcp" or "udp"
	port    int
}

// freeSockets picks ports nobody holds in a place. Another program may take one before
// the server does: [startServer] notices and picks anew.
func freeSockets(place Place, networks ...string) (socks []socket, err error) {
	err = place.do(func() error {
		socks, err = pick(place.host(0), networks)
		return err
	})
	return socks, err
}

func pick(addr string, networks []string) ([]socket, error) {
	var socks []socket
	for _, network := range networks {
		var port int
		switch network {
		case "tcp":
			l, err := net.Listen("tcp", addr)
			if err != nil {
				return nil, fmt.Errorf("peer: pick a port: %w", err)
			}
			defer l.Close() // all held until all are picked
			port = l.Addr().(*net.TCPAddr).Port
		default:
			c, err := net.ListenPacket("udp", addr)
			if err != nil {
				return nil, fmt.Errorf("peer: pick a port: %w", err)
			}
			defer c.Close()
			port = c.LocalAddr().(*net.UDPAddr).Port
		}
		socks = append(socks, socket{network, port})
	}
	return socks, nil
}

// server is a peer that holds ports, and can be stopped and started again on
// the same ones. Its methods are for the goroutine of the test.
type server struct {
	tb    TB
	cmd   Command
	socks []socket
	proc  *Process
	kept  []int // sockets that keep the ports while the server is down
}

// startServer starts a server in a place, on ports picked for it, and returns once it
// listens on all of them. build makes the command from the ports.
func startServer(tb TB, place Place, networks []string, build func([]socket) (Command, error)) *server {
	tb.Helper()
	var last error
	for range portTries {
		socks, err := freeSockets(place, networks...)
		if err != nil {
			tb.Fatalf("%v", err)
		}
		cmd, err := build(socks)
		if err != nil {
			tb.Fatalf("%v", err)
		}
		cmd.Place = place
		s := &server{tb: tb, cmd: cmd, socks: socks}
		if last = s.launch(); last == nil {
			tb.Cleanup(func() {
				s.proc.Stop()
				s.release()
				s.proc.logIfFailed(tb)
			})
			return s
		}
		if !errors.Is(last, errPortTaken) && !errors.Is(last, errCrashed) {
			break
		}
	}
	tb.Fatalf("%v", last)
	return nil
}

// Start starts a stopped server again on the same ports, and returns once it
// listens.
func (s *server) Start() {
	s.tb.Helper()
	if !s.proc.ended() {
		return
	}
	s.proc.logIfFailed(s.tb)
	s.release()
	if err := s.launch(); err != nil {
		s.tb.Fatalf("%v", err)
	}
}

// Stop ends the server and returns once its ports are closed.
func (s *server) Stop() {
	s.proc.Stop()
	s.keep()
}

// Kill ends the server without a goodbye.
func (s *server) Kill() {
	s.proc.Kill()
	s.keep()
}

// keep holds the TCP ports of a server that is down without listening on them: who
// connects is refused, and no other program gets them, as its own end of a
// connection for example, before Start.
func (s *server) keep() {
	for _, k := range s.socks {
		if k.network != "tcp" || len(s.kept) == len(s.socks) {
			continue
		}
		// Where it fails, somebody was faster: Start says so.
		_ = s.cmd.Place.do(func() error { return s.hold(k.port) })
	}
}

// hold binds a TCP port without listening on it.
func (s *server) hold(port int) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: s.cmd.Place.addr().As4()})
	}
	if err != nil {
		_ = syscall.Close(fd)
		return err
	}
	s.kept = append(s.kept, fd)
	return nil
}

func (s *server) release() {
	for _, fd := range s.kept {
		_ = syscall.Close(fd)
	}
	s.kept = nil
}

// Pause makes the server hang: connections stay, nothing is read.
func (s *server) Pause() {
	s.tb.Helper()
	if err := s.proc.Pause(); err != nil {
		s.tb.Fatalf("%v", err)
	}
}

// Resume ends a Pause.
func (s *server) Resume() {
	s.tb.Helper()
	if err := s.proc.Resume(); err != nil {
		s.tb.Fatalf("%v", err)
	}
}

// Process is the server's present process.
func (s *server) Process() *Process { return s.proc }

// Log returns the end of what the server has written.
func (s *server) Log() string { return s.proc.Log() }

// Starts that may succeed on other ports, or the next time.
var (
	errPortTaken = errors.New("port taken by another program")
	errCrashed   = errors.New("it ended before it served")
)

func (s *server) launch() error {
	proc, err := spawn(s.cmd)
	if err != nil {
		return err
	}
	s.proc = proc
	if err := s.awaitReady(); err != nil {
		proc.Kill()
		log := lastLines(proc.Log(), 8)
		if strings.Contains(strings.ToLower(log), "address already in use") {
			err = errPortTaken
		}
		return fmt.Errorf("peer: start %s: %w: %s", proc.name, err, log)
	}
	return nil
}

func (s *server) awaitReady() error {
	deadline := time.Now().Add(startTimeout)
	for {
		open := 0
		for _, k := range s.socks {
			if holds(s.proc.PID(), s.cmd.Place, k) {
				open++
			}
		}
		if open == len(s.socks) {
			return s.settle()
		}
		if s.proc.ended() {
			return errors.New("it ended at once")
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of its %d ports open after %v", open, len(s.socks), startTimeout)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *server) settle() error {
	if s.cmd.settled == nil {
		return nil
	}
	err := s.cmd.settled(s.proc.Done())
	if s.proc.ended() {
		return errCrashed
	}
	return err
}

// holds tells whether the process itself listens on the port: a connection
// that succeeds might have been taken by another program.
func holds(pid int, place Place, k socket) bool {
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, k.network))
	if err != nil {
		return false
	}
	state := "0A" // TCP_LISTEN
	if k.network == "udp" {
		state = "07"
	}
	a := place.addr().As4() // the table has it in the byte order of x86 and ARM
	local := fmt.Sprintf("%08X:%04X", binary.LittleEndian.Uint32(a[:]), k.port)
	for line := range bytes.Lines(table) {
		f := strings.Fields(string(line))
		if len(f) > 9 && f[1] == local && f[3] == state && hasSocket(pid, f[9]) {
			return true
		}
	}
	return false
}

func hasSocket(pid int, inode string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if link, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && link == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
