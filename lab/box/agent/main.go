// Command agent runs inside the virtual box and does what the host asks of it:
// it runs commands and moves files. It serves one host, on a virtio port, so
// that it stays reachable whatever a test does to the network.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/box/wire"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	for name, value := range map[string]string{
		"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/opt/ffmpeg/bin:/bb", "HOME": "/root", "USER": "root", "LANG": "C.UTF-8",
	} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("agent: make the environment: %w", err)
		}
	}
	path, err := findPort("/sys/class/virtio-ports", wire.Port)
	if err != nil {
		return err
	}
	port, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("agent: open the port: %w", err)
	}
	defer port.Close()
	a := &agent{commands: make(map[int]*command)}
	for {
		if err := shakeHands(port); err != nil {
			return err
		}
		conn, err := wire.NewConn(port)
		if err != nil {
			return fmt.Errorf("agent: open a connection: %w", err)
		}
		a.serve(conn)
		if err := port.SetDeadline(time.Time{}); err != nil {
			return fmt.Errorf("agent: close a connection: %w", err)
		}
	}
}

// findPort is the device of the virtio port with the name.
func findPort(class, name string) (string, error) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(class, "*", "name"))
		if err != nil {
			return "", fmt.Errorf("agent: list virtio ports: %w", err)
		}
		for _, file := range names {
			if b, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(b)) == name {
				return filepath.Join("/dev", filepath.Base(filepath.Dir(file))), nil
			}
		}
	}
	return "", fmt.Errorf("agent: no virtio port is called %s", name)
}

// shakeHands says hello until the host answers this very hello: what is still
// in the port may be for an agent before this one.
func shakeHands(port *os.File) error {
	id := fmt.Sprint(time.Now().UnixNano())
	answered := make(chan struct{})
	told := make(chan error, 1)
	go func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := fmt.Fprintf(port, "\n%s%s\n", wire.Hello, id); err != nil {
				told <- fmt.Errorf("agent: say hello: %w", err)
				return
			}
			select {
			case <-answered:
				told <- nil
				return
			case <-tick.C:
			}
		}
	}()
	for {
		_, got, err := wire.AwaitLine(port, wire.Welcome)
		if err != nil {
			return err
		}
		if got == id {
			close(answered)
			if err := <-told; err != nil {
				return err
			}
			if _, err := fmt.Fprintf(port, "\n%s%s\n", wire.Ready, id); err != nil {
				return fmt.Errorf("agent: say that it is ready: %w", err)
			}
			return nil
		}
	}
}

// serve speaks HTTP/2 until the connection breaks.
func (a *agent) serve(conn *wire.Conn) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+wire.RunPath, a.run)
	mux.HandleFunc("POST "+wire.SignalPath, a.signal)
	mux.HandleFunc("GET "+wire.FilePath, getFile)
	mux.HandleFunc("PUT "+wire.FilePath, putFile)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: &protocols}
	l := &oneConn{conn: make(chan net.Conn, 1), closed: conn.Closed()}
	l.conn <- conn
	if err := server.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) {
		fmt.Fprintln(os.Stderr, "agent:", err)
	}
	_ = conn.Close() // waits for who is still reading
	a.await()        // their contexts have ended with the connection
}

// oneConn is a listener that accepts one connection, and ends with it.
type oneConn struct {
	conn   chan net.Conn
	closed <-chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: wire.Port} }
