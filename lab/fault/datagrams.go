package fault

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// Treatment is what Datagrams does with what comes. The zero value takes it and says nothing.
type Treatment struct {
	// Target is a good server that everything is passed on to, and back.
	Target string
	// Passes is how many datagrams are passed on to the target; 0 is all. What comes
	// then is lost in both directions.
	Passes int64
	// Answer, if any, is said for each datagram that comes.
	Answer []byte
	// Flood is how many times it is said.
	Flood int
}

// Datagrams is a UDP server at one address of 127.0.0.1. Its methods are for one goroutine.
type Datagrams struct {
	addr *net.UDPAddr
	came atomic.Int64

	conn *net.UDPConn
	wg   sync.WaitGroup
}

// StartDatagrams makes a server that is not there: its host says so to whoever
// sends.
func StartDatagrams(tb peer.TB) *Datagrams {
	tb.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatalf("fault: pick a port: %v", err)
	}
	d := &Datagrams{addr: c.LocalAddr().(*net.UDPAddr)}
	_ = c.Close()
	tb.Cleanup(d.Refuse)
	return d
}

// Addr is the host and port.
func (d *Datagrams) Addr() string { return d.addr.String() }

// Came counts datagrams so far.
func (d *Datagrams) Came() int64 { return d.came.Load() }

// Refuse makes it not be there.
func (d *Datagrams) Refuse() {
	if d.conn != nil {
		_ = d.conn.Close()
	}
	d.wg.Wait()
	d.conn = nil
}

// Play treats what comes from now on in another way. Those who have sent are forgotten.
func (d *Datagrams) Play(t Treatment) error {
	d.Refuse()
	var err error
	for range 50 { // whoever was given the port meanwhile does not keep it for long
		if d.conn, err = net.ListenUDP("udp4", d.addr); err == nil {
			d.wg.Go(func() { d.serve(d.conn, t) })
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("fault: %w", err)
}

// caller is one address that sends.
type caller struct {
	back   *net.UDPConn // to the target
	passed atomic.Int64
}

func (d *Datagrams) serve(front *net.UDPConn, t Treatment) {
	callers := map[string]*caller{}
	var replies sync.WaitGroup
	defer replies.Wait()
	defer func() {
		for _, c := range callers {
			_ = c.back.Close()
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, from, err := front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		d.came.Add(1)
		for range max(t.Flood, 1) {
			if t.Answer != nil {
				_, _ = front.WriteToUDP(t.Answer, from)
			}
		}
		if t.Target == "" {
			continue
		}
		c := callers[from.String()]
		if c == nil {
			if c, err = d.welcome(front, from, t, &replies); err != nil {
				continue
			}
			callers[from.String()] = c
		}
		if c.passed.Add(1) <= t.Passes || t.Passes == 0 {
			_, _ = c.back.Write(buf[:n])
		}
	}
}

// welcome opens a way to the target for one who sends.
func (d *Datagrams) welcome(front *net.UDPConn, from *net.UDPAddr, t Treatment, replies *sync.WaitGroup) (*caller, error) {
	conn, err := net.Dial("udp4", t.Target)
	if err != nil {
		return nil, err
	}
	c := &caller{back: conn.(*net.UDPConn)}
	replies.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := c.back.Read(buf)
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case err != nil:
				continue
			}
			if t.Passes == 0 || c.passed.Load() <= t.Passes {
				_, _ = front.WriteToUDP(buf[:n], from)
			}
		}
	})
	return c, nil
}
