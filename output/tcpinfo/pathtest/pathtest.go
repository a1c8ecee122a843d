// Package pathtest is what the tests of all kinds over TCP share: whether a real
// connection tells of its path as output.PathConn says.
package pathtest

import (
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo"
)

// patience is for the peer, on a machine that is busy.
const patience = 20 * time.Second

// Arrives checks a connection that has been given least bytes and whose peer takes all:
// they are acknowledged, in the end nothing is left, and no counter falls. Then it
// closes the connection, which ends the path.
func Arrives(t *testing.T, c output.PathConn, least uint64) {
	t.Helper()
	for range 2 {
		if err := c.Pace(4_000_000); err != nil {
			t.Errorf("pace: %v", err)
		}
	}
	var last output.Path
	Await(t, "what was written is acknowledged", func() bool {
		p, ok := c.Path()
		if !ok {
			t.Fatal("no path")
		}
		NotBefore(t, p, last)
		last = p
		return p.Written >= least && p.Outstanding == 0 && p.AppLimited
	})
	if last.RTT <= 0 || last.MinRTT <= 0 || last.Budget != tcpinfo.Budget || last.Dropped != 0 {
		t.Errorf("the path is %+v", last)
	}
	if err := c.Pace(0); err != nil {
		t.Errorf("pace lifted: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if p, ok := c.Path(); ok {
		t.Errorf("a closed connection has the path %+v", p)
	}
	_ = c.Pace(1_000_000) // may fail, and must not do worse
}

// NotBefore checks that no counter has fallen.
func NotBefore(t *testing.T, p, last output.Path) {
	t.Helper()
	if p.Written < last.Written || p.Dropped < last.Dropped || p.Retransmitted < last.Retransmitted || p.At < last.At ||
		p.Outstanding+p.Dropped > p.Written ||
		p.Written-p.Outstanding-p.Dropped < last.Written-last.Outstanding-last.Dropped {
		t.Fatalf("a counter fell: %+v after %+v", p, last)
	}
}

// Await waits for what a peer does.
func Await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !reached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("in vain: %s", what)
		}
	}
}
