package push

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// lateDoor is a way to a server that listens before it can serve. It passes two
// ports in a row on to the server's, from when it is opened until it is shut.
type lateDoor struct {
	t        *testing.T
	from, to int // the first ports

	mu      sync.Mutex // guards the field below
	closers []io.Closer
	running sync.WaitGroup
}

func newLateDoor(t *testing.T, addr string) *lateDoor {
	t.Helper()
	to, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	d := &lateDoor{t: t, to: to.Port}
	t.Cleanup(d.shut)
	for range 50 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d.from = first.Addr().(*net.TCPAddr).Port
		if second, err := net.Listen("tcp", address(d.from+1)); err == nil {
			d.admit(first, d.to)
			d.admit(second, d.to+1)
			return d
		}
		_ = first.Close()
	}
	t.Fatal("no two ports in a row are free")
	return nil
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (d *lateDoor) keep(c io.Closer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closers = append(d.closers, c)
}

func (d *lateDoor) open() {
	d.t.Helper()
	for i := range 2 {
		l, err := net.Listen("tcp", address(d.from+i))
		if err != nil {
			d.t.Fatal(err)
		}
		d.admit(l, d.to+i)
	}
}

// admit passes on who comes to a listener.
func (d *lateDoor) admit(l net.Listener, to int) {
	d.keep(l)
	d.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.keep(c)
			d.running.Go(func() { d.pass(c, address(to)) })
		}
	})
}

// pass copies both ways until either ends.
func (d *lateDoor) pass(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	d.keep(server)
	d.running.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_, _ = io.Copy(server, client)
}

func (d *lateDoor) shut() {
	d.mu.Lock()
	for _, c := range d.closers {
		_ = c.Close()
	}
	d.closers = nil
	d.mu.Unlock()
	d.running.Wait()
}

// restart has an Icecast back. One of version 2.4.4 ends by a null pointer when a
// SHOUTcast source comes before its last thread has begun, so the door opens later.
func (d *lateDoor) restart(i *peer.Icecast) {
	d.t.Helper()
	i.Start()
	eventually(d.t, "icecast to answer", func() bool { _, err := i.Sources(d.t.Context()); return err == nil })
	time.Sleep(time.Second)
	d.open()
}
