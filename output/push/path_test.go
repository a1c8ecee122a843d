package push

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// pathReceiver is a receiver whose connections tell of their path. What is written
// stays outstanding until acked is raised; each packet costs some bytes more.
type pathReceiver struct {
	*receiver
	overhead uint64

	mu      sync.Mutex // guards the fields below
	written uint64     // of the running connection
	partial uint64     // of the Write that runs
	acked   uint64
	paces   []int
	panics  bool
	silent  bool
}

type pathConn struct {
	*fakeConn
	p *pathReceiver
}

var (
	_ output.PathConn = (*pathConn)(nil)
	_ counter         = (*pathConn)(nil)
)

func newPathReceiver() *pathReceiver {
	return &pathReceiver{receiver: newReceiver(), overhead: 100}
}

func (r *pathReceiver) fix(s *Spec) {
	s.Kind.Dial = func(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
		c, err := r.receiver.Dial(ctx, t, tracks)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.written, r.partial, r.acked = 0, 0, 0
		return &pathConn{c.(*fakeConn), r}, nil
	}
}

func (c *pathConn) Write(p media.Packet) error {
	err := c.fakeConn.Write(p)
	c.p.set(func() {
		c.p.partial = 0
		if err == nil {
			c.p.written += uint64(len(p.Data)) + c.p.overhead
		}
	})
	return err
}

func (c *pathConn) Written() uint64 {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return c.p.written
}

func (c *pathConn) Path() (output.Path, bool) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.p.panics {
		panic("path of a bad library")
	}
	n := c.p.written + c.p.partial
	return output.Path{Written: n, Outstanding: n - c.p.acked, Budget: time.Second, AppLimited: true}, !c.p.silent
}

func (c *pathConn) Pace(n int) error {
	c.p.set(func() { c.p.paces = append(c.p.paces, n) })
	return nil
}

func (r *pathReceiver) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// path is read, and held against the one before on the same connection.
func (b *bench) path(last *output.Path, number *uint64) output.Path {
	b.t.Helper()
	p, n, ok := b.dest.Path()
	switch {
	case !ok || n == 0:
		b.t.Fatalf("no path: %+v, connection %d", p, n)
	case n == *number && (p.Written < last.Written || p.Dropped < last.Dropped || p.Outstanding+p.Dropped > p.Written):
		b.t.Fatalf("counters fell or do not fit: %+v after %+v", p, *last)
	}
	*last, *number = p, n
	return p
}

// A Write that is stuck half way: the ring, the packet in hand and the transport each
// have their part, and none is counted twice.
func TestPathHasWhatWaitsBeforeTheTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPathReceiver()
		stuck, release := make(chan struct{}), make(chan struct{})
		r.write = func(c *fakeConn, _ media.Packet) error {
			c.mu.Lock()
			n := len(c.packets)
			c.mu.Unlock()
			if n == 10 {
				r.set(func() { r.partial = 400 })
				close(stuck)
				<-release
			}
			return nil
		}
		b := newBench(t, r.receiver, r.fix)
		if _, _, ok := b.dest.Path(); ok {
			t.Error("a path before there is a connection")
		}
		b.feed(track)
		<-stuck
		synctest.Wait()
		var last output.Path
		var n uint64
		p := b.path(&last, &n)
		if p.Written != 10*1100+packetSize || p.Outstanding != p.Written || p.AppLimited || p.Budget != time.Second {
			t.Errorf("stuck in the eleventh packet: %+v", p)
		}
		b.sleep(400 * time.Millisecond) // ten more in the ring
		r.set(func() { r.acked = 5000 })
		if p = b.path(&last, &n); p.Written != 10*1100+11*packetSize || p.Outstanding != p.Written-5000 {
			t.Errorf("with ten in the ring: %+v", p)
		}
		b.dest.Advise(output.PathAdvice{Flush: 1})
		if p = b.path(&last, &n); p.Dropped != 10*packetSize || p.Written != 10*1100+11*packetSize {
			t.Errorf("after a flush: %+v", p)
		}
		b.dest.Advise(output.PathAdvice{Flush: 1}) // the same
		close(release)
		b.sleep(time.Second)
		if p = b.path(&last, &n); p.Dropped <= 10*packetSize || n != 1 {
			t.Errorf("until the next key picture all is lost: %+v", p)
		}
		r.set(func() { r.acked = r.written })
		if p = b.path(&last, &n); p.Outstanding != 0 || !p.AppLimited {
			t.Errorf("all is acknowledged: %+v", p)
		}
		b.stop()
		if _, _, ok := b.dest.Path(); ok {
			t.Error("a path after the end")
		}
	})
}

func TestAdviceIsKeptOverReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPathReceiver()
		b := newBench(t, r.receiver, r.fix)
		b.dest.Advise(output.PathAdvice{Pace: 3_000_000})
		b.feed(track)
		b.sleep(time.Second)
		var last output.Path
		var n uint64
		b.path(&last, &n)
		for range 3 {
			b.dest.Advise(output.PathAdvice{Pace: 2_000_000, Flush: 7})
		}
		r.receiver.mu.Lock()
		first := r.conns[0]
		r.receiver.mu.Unlock()
		first.Close()
		b.sleep(10 * time.Second)
		if b.path(&last, &n); n != 2 {
			t.Errorf("the second connection has number %d", n)
		}
		r.set(func() {
			if len(r.paces) != 3 || r.paces[0] != 3_000_000 || r.paces[1] != 2_000_000 || r.paces[2] != 2_000_000 {
				t.Errorf("paces set: %v", r.paces)
			}
		})
		b.stop()
	})
}

func TestPauseIsNeitherSilenceNorStallNorAlarm(t *testing.T) {
	for _, a := range []output.PathAdvice{{Pause: true}, {Shed: true}, {Shed: true, Pause: true}} {
		synctest.Test(t, func(t *testing.T) {
			r := newPathReceiver()
			b := newBench(t, r.receiver, r.fix, func(s *Spec) {
				s.Timeout, s.MinBitrate, s.BitrateWindow = 5*time.Second, 100_000, 3*time.Second
			})
			b.feed(track)
			b.sleep(10 * time.Second)
			b.dest.Advise(a)
			b.sleep(2 * time.Second)
			before := len(r.conns[0].packets)
			st := b.sleep(60 * time.Second)
			want := ShedVideo
			if a.Pause {
				want = ShedAll
			}
			switch {
			case st.State != Active || st.Attempts != 1 || st.Alarm != "":
				t.Errorf("after a minute: %+v", st)
			case st.Shedding != want || !strings.Contains(st.Reason, "for now"):
				t.Errorf("shedding %q, reason %q", st.Shedding, st.Reason)
			case st.Shed < 60*framesGOP || st.Dropped != 0:
				t.Errorf("shed %d, dropped %d", st.Shed, st.Dropped)
			case len(r.conns[0].packets) != before:
				t.Errorf("%d packets were sent", len(r.conns[0].packets)-before)
			}
			b.dest.Advise(output.PathAdvice{})
			st = b.sleep(3 * time.Second)
			after := r.conns[0].packets[before]
			if st.Shedding != "" || st.Reason != "" || !after.Key || !after.Gap {
				t.Errorf("after it: %+v, first packet key %v gap %v", st, after.Key, after.Gap)
			}
			b.stop()
		})
	}
}

func TestAPathThatPanicsOrIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPathReceiver()
		b := newBench(t, r.receiver, r.fix)
		b.feed(track)
		b.sleep(time.Second)
		r.set(func() { r.silent = true })
		if _, _, ok := b.dest.Path(); ok {
			t.Error("a path that the connection does not tell")
		}
		r.set(func() { r.panics, r.silent = true, false })
		for range 3 {
			if _, _, ok := b.dest.Path(); ok {
				t.Error("a path out of a panic")
			}
		}
		if st := b.sleep(2 * time.Second); st.State != Active {
			t.Errorf("the connection is %v", st.State)
		}
		b.stop()
	})
}

// Path, Advise and Status from several goroutines, while connections come and go.
func TestPathAndAdviceMeetReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPathReceiver()
		b := newBench(t, r.receiver, r.fix, func(s *Spec) { s.RetryDelay, s.RetryMax = 50*time.Millisecond, 50*time.Millisecond })
		b.feed(track)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for g := range 3 {
			wg.Go(func() {
				var last output.Path
				var number uint64
				for i := 0; ctx.Err() == nil; i++ {
					b.dest.Advise(output.PathAdvice{Pace: i % 2, Shed: i%3 == g, Pause: i%5 == g, Flush: uint64(i / 7)})
					if _, n, ok := b.dest.Path(); ok {
						if n < number {
							t.Errorf("connection %d after %d", n, number)
						}
						if g == 0 {
							b.path(&last, &number)
						}
						number = max(number, n)
					}
					_ = b.dest.Status()
					time.Sleep(3 * time.Millisecond)
				}
			})
		}
		for range 10 {
			time.Sleep(500 * time.Millisecond)
			r.receiver.mu.Lock()
			conns := r.conns
			r.receiver.mu.Unlock()
			conns[len(conns)-1].Close()
		}
		cancel()
		wg.Wait()
		b.dest.Advise(output.PathAdvice{})
		if st := b.sleep(3 * time.Second); st.State != Active || st.Shedding != "" || st.Bytes == 0 {
			t.Errorf("afterwards: %+v", st)
		}
		b.stop()
	})
}

// A connection that tells nothing takes advice all the same.
func TestAdviceForAConnectionWithoutAPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, newReceiver())
		b.feed(track)
		b.dest.Advise(output.PathAdvice{Pace: 1, Pause: true, Flush: 3})
		b.sleep(2 * time.Second)
		if _, _, ok := b.dest.Path(); ok || b.dest.Status().Shedding != ShedAll {
			t.Errorf("path %v, status %+v", ok, b.dest.Status())
		}
		b.stop()
	})
}
