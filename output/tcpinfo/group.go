package tcpinfo

import (
	"sync"

	"github.com/encoderbox/encoderbox/output"
)

// Group is the connections that come and go between one client and its server.
// The zero Group is ready.
type Group struct {
	mu    sync.Mutex            // guards the fields below
	conns map[*Conn]output.Path // with what was last known of each
	gone  output.Path           // the counters of those that were closed
}

// Join takes a connection in, until it is closed. It is called before the
// connection is used.
func (g *Group) Join(c *Conn) {
	c.group = g
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conns == nil {
		g.conns = map[*Conn]output.Path{}
	}
	g.conns[c] = output.Path{}
}

// leave keeps the counters of a connection that is about to be closed.
func (g *Group) leave(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	last, member := g.conns[c]
	if !member {
		return
	}
	delete(g.conns, c)
	if p, ok := c.Path(); ok {
		last = p
	}
	g.gone = Sum(g.gone, given(last))
}

// given is a path whose unacknowledged bytes are given up.
func given(p output.Path) output.Path {
	p.Dropped += p.Outstanding
	p.Outstanding, p.RTT, p.MinRTT = 0, 0, 0
	return p
}

// Path is that of all connections together, counted from the first one's begin; ok
// is false while none is open.
func (g *Group) Path() (all output.Path, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var (
		open []output.Path
		gone = g.gone
	)
	for c, last := range g.conns {
		p, ok := c.Path()
		if !ok {
			gone = Sum(gone, given(last))
			continue
		}
		g.conns[c] = p
		open = append(open, p)
	}
	if len(open) == 0 {
		return output.Path{}, false
	}
	all = Sum(append(open, gone)...)
	all.AppLimited = Sum(open...).AppLimited
	return all, true
}

// Sum is what several connections to one receiver do together. The round trips are
// the longest ones; the sum is application-limited when all are.
func Sum(paths ...output.Path) (all output.Path) {
	all.AppLimited = len(paths) > 0
	for _, p := range paths {
		all.At, all.Budget = max(all.At, p.At), max(all.Budget, p.Budget)
		all.RTT, all.MinRTT = max(all.RTT, p.RTT), max(all.MinRTT, p.MinRTT)
		all.Written += p.Written
		all.Outstanding += p.Outstanding
		all.Dropped += p.Dropped
		all.Retransmitted += p.Retransmitted
		all.AppLimited = all.AppLimited && p.AppLimited
	}
	return all
}
