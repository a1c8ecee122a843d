package peer

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Gate is a TCP relay before a real server that can turn bad in the middle of
// a good session: what a bare [BadPeer] cannot, which never gets past the
// handshake of a protocol. Only the way to the server is held up.
type Gate struct {
	l      net.Listener
	target string
	ctx    context.Context // ends with the gate; for the goroutines of its connections
	cancel context.CancelFunc
	passed atomic.Int64
	total  atomic.Int64
	wg     sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	conns   map[*net.TCPConn]*net.TCPConn
	rate    int           // bytes a second; 0 is none, negative without limit
	changed chan struct{} // closed at each change of rate
	refuse  bool
}

// StartGate starts a relay to target (host:port), open.
func StartGate(tb TB, target string) *Gate {
	tb.Helper()
	l, err := listenSmall()
	if err != nil {
		tb.Fatalf("peer: listen: %v", err)
	}
	g := &Gate{l: l, target: target, conns: map[*net.TCPConn]*net.TCPConn{}, rate: -1, changed: make(chan struct{})}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.wg.Go(g.serve)
	tb.Cleanup(g.stop)
	return g
}

// Addr is the host and port to connect to instead of the target.
func (g *Gate) Addr() string { return g.l.Addr().String() }

// Passed counts the bytes that went to the target.
func (g *Gate) Passed() int64 { return g.passed.Load() }

// Accepted counts connections so far.
func (g *Gate) Accepted() int64 { return g.total.Load() }

// Stall reads nothing more from clients, as a hung server.
func (g *Gate) Stall() { g.setRate(0) }

// Trickle passes so many bytes a second on each connection.
func (g *Gate) Trickle(bytesPerSecond int) { g.setRate(max(1, bytesPerSecond)) }

// Open lets everything through again, and new connections in.
func (g *Gate) Open() {
	g.mu.Lock()
	g.refuse = false
	g.mu.Unlock()
	g.setRate(-1)
}

// Shut resets every connection, and every new one until Open.
func (g *Gate) Shut() {
	g.mu.Lock()
	g.refuse = true
	g.mu.Unlock()
	g.Reset()
}

// Reset resets every connection; new ones are let in.
func (g *Gate) Reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for client, server := range g.conns {
		_ = client.SetLinger(0)
		client.Close()
		server.Close()
	}
	clear(g.conns)
}

func (g *Gate) setRate(r int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rate == r {
		return
	}
	g.rate = r
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *Gate) stop() {
	g.cancel()
	g.l.Close()
	g.Reset()
	g.wg.Wait()
}

func (g *Gate) serve() {
	for {
		c, err := g.l.Accept()
		if err != nil {
			return
		}
		g.total.Add(1)
		g.wg.Go(func() { g.relay(c.(*net.TCPConn)) })
	}
}

func (g *Gate) relay(client *net.TCPConn) {
	defer client.Close()
	dial := net.Dialer{Timeout: 5 * time.Second}
	c, err := dial.DialContext(g.ctx, "tcp", g.target)
	if err != nil {
		_ = client.SetLinger(0)
		return
	}
	server := c.(*net.TCPConn)
	defer server.Close()
	if !g.admit(client, server) {
		_ = client.SetLinger(0)
		return
	}
	defer g.forget(client)
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = client.ReadFrom(server)
		_ = client.CloseWrite()
		// The server has left: so must the client, though it may not be reading.
		_ = client.SetReadDeadline(time.Now())
	})
	g.forward(client, server)
	_ = server.CloseWrite()
	back.Wait()
}

func (g *Gate) admit(client, server *net.TCPConn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuse || g.ctx.Err() != nil {
		return false
	}
	g.conns[client] = server
	return true
}

func (g *Gate) forget(client *net.TCPConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, client)
}

// forward copies at the present rate until the connection ends.
func (g *Gate) forward(client, server *net.TCPConn) {
	buf := make([]byte, 32<<10)
	for {
		n, ok := g.allowance()
		if !ok {
			return
		}
		got, err := client.Read(buf[:min(n, len(buf))])
		if got > 0 {
			if _, err := server.Write(buf[:got]); err != nil {
				return
			}
			g.passed.Add(int64(got))
		}
		if err != nil {
			return
		}
	}
}

// allowance waits until something may be read and tells how much.
func (g *Gate) allowance() (int, bool) {
	for {
		g.mu.Lock()
		rate, changed := g.rate, g.changed
		g.mu.Unlock()
		switch {
		case rate < 0:
			return 32 << 10, g.ctx.Err() == nil
		case rate > 0:
			p := newPacer(rate)
			return p.quantum(), p.wait(g.ctx)
		}
		select {
		case <-changed:
		case <-g.ctx.Done():
			return 0, false
		}
	}
}
