package srt

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output"
)

// blackHole relays datagrams to a listener until it is told to swallow them,
// as a dead uplink does, or to lose some.
type blackHole struct {
	net.PacketConn
	swallow chan struct{}
	lose    atomic.Int64 // every so manieth datagram of the caller; 0 for none
}

func newBlackHole(t *testing.T, listener string) *blackHole {
	t.Helper()
	front, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.Dial("udp", listener)
	if err != nil {
		t.Fatal(err)
	}
	h := &blackHole{PacketConn: front, swallow: make(chan struct{})}
	var (
		wg     sync.WaitGroup
		count  int64
		caller = make(chan net.Addr, 1)
	)
	open := func() bool {
		select {
		case <-h.swallow:
			return false
		default:
			return true
		}
	}
	wg.Go(func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := front.ReadFrom(buf)
			if err != nil {
				close(caller)
				return
			}
			select {
			case caller <- from:
			default:
			}
			count++
			if lose := h.lose.Load(); open() && (lose == 0 || count%lose != 0) {
				back.Write(buf[:n])
			}
		}
	})
	wg.Go(func() {
		to, ok := <-caller
		buf := make([]byte, 2048)
		for ok {
			n, err := back.Read(buf)
			if err != nil {
				return
			}
			if open() {
				front.WriteTo(buf[:n], to)
			}
		}
	})
	t.Cleanup(func() { front.Close(); back.Close(); wg.Wait() })
	return h
}

func TestDeadUplinkEndsTheConnection(t *testing.T) {
	addr := listen(t, gosrt.ConnRequest.Accept, drain)
	hole := newBlackHole(t, addr)
	tg := target(t, "srt://"+hole.LocalAddr().String())
	tg.WriteTimeout = time.Second
	c, err := dial(t, tg, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	close(hole.swallow)
	err = writeUntilError(c)
	if !errors.Is(err, output.ErrStalled) && !strings.Contains(err.Error(), "not heard of for 1s") {
		t.Errorf("got %v", err)
	}
}

func TestCloseEndsABlockedWrite(t *testing.T) {
	addr := listen(t, gosrt.ConnRequest.Accept, drain)
	hole := newBlackHole(t, addr)
	tg := target(t, "srt://"+hole.LocalAddr().String())
	tg.WriteTimeout = time.Hour
	c, err := dial(t, tg, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	close(hole.swallow)
	result := make(chan error, 1)
	go func() { result <- writeUntilError(c) }()
	for before, same := uint64(0), 0; same < 5; { // until the send buffer is full
		if n := c.(*conn).written.Load(); n == before && n > 0 {
			same++
		} else {
			before, same = n, 0
		}
		time.Sleep(20 * time.Millisecond)
	}
	// libsrt keeps its lock of the sending side meanwhile.
	meanwhile := time.Now()
	conn := c.(*conn)
	if err := errors.Join(conn.Pace(1_000_000), conn.Pace(2_000_000)); err != nil {
		t.Error(err)
	}
	if p, ok := conn.Path(); !ok || p.Outstanding == 0 {
		t.Errorf("the path of a blocked connection is %+v, %v", p, ok)
	}
	c.Close()
	if took := time.Since(meanwhile); took > 10*time.Second {
		t.Errorf("a blocked Write held the others up for %v", took)
	}
	if err := <-result; err == nil {
		t.Error("Write returned without an error")
	}
}

func TestStatsShowTheLink(t *testing.T) {
	r := peer.StartSRT(t, peer.SRTOptions{Latency: 300 * time.Millisecond, Discard: true})
	hole := newBlackHole(t, r.Addr())
	c, err := dial(t, target(t, "srt://"+hole.LocalAddr().String()+"?latency=300"), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	hole.lose.Store(10)
	ps := programme(1000)
	write := func(until func(output.ConnStats) bool) {
		t.Helper()
		for ; len(ps) > 0 && !until(c.Stats()); ps = ps[1:] {
			if err := c.Write(ps[0]); err != nil {
				t.Fatalf("%v, stats %+v", err, c.Stats())
			}
			time.Sleep(3 * time.Millisecond)
		}
		if len(ps) == 0 {
			t.Fatalf("in vain: stats %+v", c.Stats())
		}
	}
	write(func(st output.ConnStats) bool { return st.Retransmitted > 10 && st.Bandwidth > 0 && st.RTT > 0 })
	if st := c.Stats(); st.Lost > 0 || st.Bandwidth < 1_000_000 {
		t.Errorf("stats %+v", st)
	}
	close(hole.swallow)
	write(func(st output.ConnStats) bool {
		return st.InFlight > 10 && st.Outstanding > 10_000 && st.Buffered > 100*time.Millisecond
	})
	write(func(st output.ConnStats) bool { return st.Lost > 0 }) // too late for the latency
	st := c.Stats()
	c.Close()
	if after := c.Stats(); after.Lost < st.Lost || after.Retransmitted < st.Retransmitted || after.BytesSent < st.BytesSent {
		t.Errorf("stats after Close %+v, before %+v", after, st)
	}
}
