package tcpinfo

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/output"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect makes a connection of ours to a peer that does as handle says.
func connect(t *testing.T, handle func(*net.TCPConn)) *Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		peer, err := l.Accept()
		if err != nil {
			return
		}
		defer peer.Close()
		handle(peer.(*net.TCPConn))
	})
	raw, err := (&net.Dialer{Control: Control(5 * time.Second)}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := New(raw)
	t.Cleanup(func() { c.Close(); l.Close(); wg.Wait() })
	return c
}

func swallow(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }

// swallowUntil reads until the peer or the test has had enough.
func swallowUntil(c *net.TCPConn, enough <-chan struct{}) {
	ended := make(chan struct{})
	go func() { defer close(ended); swallow(c) }()
	select {
	case <-enough:
		_ = c.SetReadDeadline(time.Now())
	case <-ended:
	}
	<-ended
}

// slowly reads n bytes a second, and counts them.
func slowly(n int, read *atomic.Int64) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_ = c.SetReadBuffer(256 << 10)
		buf := make([]byte, n/50)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			read.Add(int64(len(buf)))
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// pathOf reads a path and holds it against the last one.
func pathOf(t *testing.T, tell func() (output.Path, bool), last *output.Path) output.Path {
	t.Helper()
	p, ok := tell()
	switch {
	case !ok:
		t.Fatal("no path")
	case p.Written < last.Written, p.Dropped < last.Dropped, p.Retransmitted < last.Retransmitted,
		p.Written-p.Outstanding-p.Dropped < last.Written-last.Outstanding-last.Dropped, p.Outstanding+p.Dropped > p.Written:
		t.Fatalf("a counter fell: %+v after %+v", p, *last)
	}
	*last = p
	return p
}

func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !reached(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

func ackedOf(p output.Path) uint64 { return p.Written - p.Outstanding - p.Dropped }

func TestASlowReceiverAcknowledgesWhatItReads(t *testing.T) {
	const rate = 2_000_000
	var read atomic.Int64
	c := connect(t, slowly(rate, &read))
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(c, zeros{}) })
	defer wg.Wait()
	defer c.Close()
	var last output.Path
	await(t, "a full path", func() bool {
		p := pathOf(t, c.Path, &last)
		return p.Outstanding > unsentStart/2 && !p.AppLimited && read.Load() > rate
	})
	first, before := last, read.Load()
	for last.At-first.At < 2*time.Second {
		time.Sleep(20 * time.Millisecond)
		pathOf(t, c.Path, &last)
	}
	got, want := float64(ackedOf(last)-ackedOf(first)), float64(read.Load()-before)
	if got < want*.8 || got > want*1.2 {
		t.Errorf("%.0f bytes were acknowledged of %.0f that were read", got, want)
	}
	if last.Outstanding == 0 || last.AppLimited {
		t.Errorf("a receiver that is too slow has the path %+v", last)
	}
	if last.RTT <= 0 || last.MinRTT <= 0 || last.MinRTT > last.RTT || last.Budget != Budget {
		t.Errorf("%+v", last)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestAllAcknowledgedIsApplicationLimited(t *testing.T) {
	c := connect(t, swallow)
	if _, err := c.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	bufs := net.Buffers{make([]byte, 10), make([]byte, 20)}
	if n, err := c.WriteBuffers(&bufs); n != 30 || err != nil {
		t.Fatal(n, err)
	}
	var last output.Path
	await(t, "acknowledgements", func() bool { return pathOf(t, c.Path, &last).Outstanding == 0 })
	if p := pathOf(t, c.Path, &last); p.Written != 100_030 || !p.AppLimited || c.Written() != 100_030 || c.Acked() != 100_030 {
		t.Errorf("%+v, written %d, acknowledged %d", p, c.Written(), c.Acked())
	}
}

func TestUnderTLS(t *testing.T) {
	front := httptest.NewUnstartedServer(nil)
	front.StartTLS() // for its certificate
	defer front.Close()
	config := front.TLS
	c := connect(t, func(peer *net.TCPConn) { _, _ = io.Copy(io.Discard, tls.Server(peer, config)) })
	secure := tls.Client(c, &tls.Config{RootCAs: front.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com"})
	if err := secure.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	below := Of(secure)
	if below != c || Of(c) != c || Of(nil) != nil {
		t.Fatal("the connection below TLS is not found")
	}
	before, _ := below.Path()
	if _, err := secure.Write(make([]byte, 50_000)); err != nil {
		t.Fatal(err)
	}
	last := before
	await(t, "acknowledgements", func() bool { return pathOf(t, below.Path, &last).Outstanding == 0 })
	if n := last.Written - before.Written; n < 50_000 || n > 51_000 {
		t.Errorf("%d bytes for 50000 under TLS", n)
	}
}

func TestPathEndsWithTheConnection(t *testing.T) {
	reset := make(chan struct{})
	c := connect(t, func(peer *net.TCPConn) { <-reset; _ = peer.SetLinger(0) })
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 { // all of it at once, and over the reset
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					c.Path()
					c.Stats()
					_ = c.Pace(1_000_000) // fails after Close
				}
			}
		})
	}
	wg.Go(func() { _, _ = io.Copy(c, zeros{}) })
	if _, ok := c.Path(); !ok {
		t.Error("no path at first")
	}
	close(reset)
	await(t, "the end of the path", func() bool { _, ok := c.Path(); return !ok })
	c.Close()
	close(stop)
	wg.Wait()
	if _, ok := c.Path(); ok || c.Acked() != 0 || c.Stats().BytesSent != c.Written() {
		t.Error("a closed connection has a path")
	}
	if c.Pace(0) == nil {
		t.Error("a closed connection was paced")
	}
}

func TestWhatIsNoTCPHasNoPath(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	c := New(a)
	defer c.Close()
	if _, ok := c.Path(); ok || c.Pace(1000) != nil || c.CloseWrite() == nil {
		t.Error("a pipe has a path")
	}
	var none *Conn
	if _, ok := none.Path(); ok || none.Written() != 0 || none.Stats() != (output.ConnStats{}) {
		t.Error("nothing has a path")
	}
}

func option(t *testing.T, c *Conn, name int) (n int) {
	t.Helper()
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { n, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, name) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestControlAndPaceTellTheKernel(t *testing.T) {
	c := connect(t, swallow)
	if n := option(t, c, unix.TCP_NOTSENT_LOWAT); n != unsentStart {
		t.Errorf("TCP_NOTSENT_LOWAT %d", n)
	}
	if n := option(t, c, unix.TCP_USER_TIMEOUT); n != 5000 {
		t.Errorf("TCP_USER_TIMEOUT %d ms", n)
	}
	for _, step := range []struct{ bitrate, want int }{
		{0, unsentStart}, {3_200_000, 40_000}, {3_200_000, 40_000}, {100_000, unsentLeast}, {50_000_000, unsentMost}, {0, unsentStart}, {-1, unsentStart},
	} {
		if err := c.Pace(step.bitrate); err != nil {
			t.Fatal(err)
		}
		if n := option(t, c, unix.TCP_NOTSENT_LOWAT); n != step.want {
			t.Errorf("paced to %d: TCP_NOTSENT_LOWAT %d, want %d", step.bitrate, n, step.want)
		}
	}
}

func TestControlChoosesTheCongestionControl(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	has := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion) == nil
	standard, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	unix.Close(fd)
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, swallow)
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var name string
	_ = raw.Control(func(fd uintptr) { name, _ = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION) })
	if name != standard || has && name != congestion {
		t.Errorf("congestion control %q, the kernel has %q: %v", name, congestion, has)
	}
}

// Connections come, go and break: the sums never fall.
func TestGroupOverItsConnections(t *testing.T) {
	var g Group
	if _, ok := g.Path(); ok {
		t.Error("a path without a connection")
	}
	var last output.Path
	cut := make(chan struct{})
	for i := range 2 {
		reset := connect(t, func(peer *net.TCPConn) {
			swallowUntil(peer, cut)
			_ = peer.SetLinger(0)
		})
		c := connect(t, swallow)
		g.Join(c)
		g.Join(reset)
		for _, one := range []*Conn{c, reset} {
			if _, err := one.Write(make([]byte, 30_000)); err != nil {
				t.Fatal(err)
			}
		}
		want := uint64(i+1) * 60_000
		await(t, "what was written", func() bool { return pathOf(t, g.Path, &last).Written == want })
		if i == 1 {
			close(cut)
			await(t, "a broken connection", func() bool { _, ok := reset.Path(); return !ok })
			pathOf(t, g.Path, &last)
		}
		c.Close()
		if i == 1 {
			reset.Close()
			reset.Close()
		}
	}
	fresh := connect(t, swallow)
	g.Join(fresh)
	if p := pathOf(t, g.Path, &last); p.Written < 120_000 || !p.AppLimited {
		t.Errorf("after all: %+v", p)
	}
}

func BenchmarkPath(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	raw, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	c := New(raw)
	defer c.Close()
	for b.Loop() {
		c.Path()
	}
}
