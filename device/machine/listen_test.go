package machine

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
)

// runner runs until the end of the test.
func runner(t *testing.T, run func(context.Context, func()) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func dial(t *testing.T, network, addr string) *client {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return newClient(t, conn)
}

func TestUnixSocket(t *testing.T) {
	s, _, _ := stand(t)
	path := filepath.Join(t.TempDir(), "machine.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close() // as a process that was killed leaves it
	u := &Unix{Server: s, Path: path, Mode: 0o600, Role: control.Admin}
	runner(t, u.Run)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := u.Run(t.Context(), func() {}); err == nil || !strings.Contains(err.Error(), "another encoderd") {
		t.Errorf("twice: %v", err)
	}
	var all []*client
	for range sessions {
		c := dial(t, "unix", path)
		c.until("STATE")
		all = append(all, c)
	}
	over := dial(t, "unix", path)
	over.until("NACK - busy")
	all[0].say("DO 1 destination pause x")
	all[0].until("ACK 1")
	all[1].until("CHANGE") // told of what another did
	all[0].say("EXIT")
	all[0].until("BYE")
	time.Sleep(20 * time.Millisecond)
	dial(t, "unix", path).until("STATE")
	file := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&Unix{Server: s, Path: file}).Run(t.Context(), func() {}); err == nil {
		t.Error("a file was taken for a socket")
	}
	if doc, _ := os.ReadFile(file); string(doc) != "x" {
		t.Error("a file was replaced")
	}
}

func TestTCPNeedsTheToken(t *testing.T) {
	s, _, done := stand(t)
	const token = "0123456789abcdef"
	for _, bad := range []string{"", "short", "with a space in the middle"} {
		if err := (&TCP{Server: s, Addr: "127.0.0.1:0", Token: bad}).Run(t.Context(), func() {}); err == nil {
			t.Errorf("token %q", bad)
		}
	}
	addr := ""
	runner(t, (&TCP{Server: s, Addr: "127.0.0.1:0", Token: token, Role: control.Operator, Listening: func(a net.Addr) { addr = a.String() }}).Run)
	for _, first := range []string{"DO 1 destination pause x", "AUTH 0123456789abcdeF", "AUTH", strings.Repeat("A", 5000)} {
		c := dial(t, "tcp", addr)
		if line := c.line(); line != `HELLO {"protocol":1,"auth":"token"}` {
			t.Error(line)
		}
		c.say("%s", first)
		if line := c.line(); !strings.HasPrefix(line, "NACK - auth ") {
			t.Error(line)
		}
	}
	c := dial(t, "tcp", addr)
	c.line()
	c.say("AUTH %s", token)
	c.until("STATE")
	c.say("DO 1 destination pause x")
	c.until("ACK 1")
	c.say("DO 2 reset")
	c.until("NACK 2 forbidden")
	if done.Load() != 1 {
		t.Errorf("%d done", done.Load())
	}
}

// One machine that connects and says nothing does not keep the others away.
func TestOneStrangerDoesNotTakeAllPlaces(t *testing.T) {
	s, _, _ := stand(t)
	const token = "0123456789abcdef"
	addr := ""
	runner(t, (&TCP{Server: s, Addr: "0.0.0.0:0", Token: token, Role: control.Operator, Listening: func(a net.Addr) { addr = a.String() }}).Run)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	addr = net.JoinHostPort("127.0.0.1", port)
	for range sessions {
		dial(t, "tcp", addr).line()
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	for range strangers + 1 { // who has told the token is none
		conn, err := dialer.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		c := newClient(t, conn)
		if line := c.line(); line != `HELLO {"protocol":1,"auth":"token"}` {
			t.Fatal(line)
		}
		c.say("AUTH %s", token)
		c.until("STATE")
	}
}
