package forward

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo/pathtest"
)

const segmentBytes = videoBytes + audioBytes

// told is a fake server whose sockets tell of their path.
type told struct {
	*server
	mu     sync.Mutex // guards the fields below
	socket output.Path
	panics bool
}

func (f *told) Path() (output.Path, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.panics {
		panic("path of a bad library")
	}
	return f.socket, true
}

func (f *told) set(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// pathRig is a rig whose server has a path.
func pathRig(t *testing.T, rate float64, opts map[string]string) (*rig, *told) {
	v := newServer(rate)
	r := newRig(t, newStream("a1", 1), v, opts)
	f := &told{server: v, socket: output.Path{RTT: 30 * time.Millisecond, MinRTT: 20 * time.Millisecond, Retransmitted: 3}}
	r.spec.Kind.Files = func(output.Target) (output.Files, error) { return f, nil }
	return r, f
}

// path is read, and held against the one before on the same connection.
func (r *rig) path(last *output.Path, number *uint64) (output.Path, bool) {
	r.t.Helper()
	p, n, ok := r.dest.Path()
	if !ok {
		return p, false
	}
	if n == *number {
		pathtest.NotBefore(r.t, p, *last)
	}
	*last, *number = p, n
	return p, true
}

func TestPathOfLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := pathRig(t, 4*segmentBytes, map[string]string{"store": "live_first"})
		var last output.Path
		var n uint64
		r.start()
		if _, ok := r.path(&last, &n); ok {
			t.Error("a path before the first segment")
		}
		r.play(20 * time.Second)
		p, ok := r.path(&last, &n)
		if !ok || n != 1 || p.Outstanding != 0 || p.Dropped != 0 || p.Written < 8*segmentBytes || !p.AppLimited {
			t.Errorf("all delivered: %+v %v %d", p, ok, n)
		}
		if p.Budget != 2*segmentDur || p.Segment != segmentDur || p.RTT != 30*time.Millisecond || p.MinRTT != 20*time.Millisecond || p.Retransmitted != 3 {
			t.Errorf("%+v", p)
		}
		before := p
		r.server.set(func() { r.server.down = true })
		r.play(60 * time.Second)
		if _, ok := r.path(&last, &n); ok {
			t.Error("a path to a server that is away")
		}
		r.server.set(func() { r.server.down = false })
		r.play(30 * time.Second)
		p, ok = r.path(&last, &n)
		if !ok || n < 2 || p.Outstanding > segmentBytes || p.Written > before.Written+20*segmentBytes {
			t.Errorf("back: %+v %v, connection %d", p, ok, n)
		}
		f.set(func() { f.panics = true })
		for range 3 {
			if _, ok := r.path(&last, &n); ok {
				t.Error("a path out of a panic")
			}
		}
		r.stop()
		if _, _, ok := r.dest.Path(); ok {
			t.Error("a path after the end")
		}
	})
}

func TestFilesWithoutAPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newStream("a1", 1), newServer(0), nil)
		r.start()
		r.play(10 * time.Second)
		if p, _, ok := r.dest.Path(); ok {
			t.Errorf("%+v", p)
		}
		r.stop()
	})
}

// Live waits while it is paused, and nothing is lost or wrong for it.
func TestAdvisePausesAndGoesOn(t *testing.T) {
	for _, mode := range []string{"live_first", "in_order"} {
		synctest.Test(t, func(t *testing.T) {
			r, _ := pathRig(t, 20*segmentBytes, map[string]string{"store": mode})
			r.start()
			r.play(10 * time.Second)
			for range 2 {
				r.dest.Advise(output.PathAdvice{Pause: true, Shed: true, Pace: 1})
			}
			time.Sleep(time.Second)
			before := r.dest.Status().Bytes
			var last output.Path
			var n uint64
			r.path(&last, &n)
			r.play(60 * time.Second)
			p, ok := r.path(&last, &n)
			st := r.dest.Status()
			if !ok || st.Bytes != before || st.Shedding != ShedAll || st.Cause != "" || len(st.Errors) != 0 {
				t.Errorf("%s: paused: %+v, path %+v %v", mode, st, p, ok)
			}
			if mode == "in_order" && p.Outstanding < 25*segmentBytes || p.Outstanding < 5*segmentBytes {
				t.Errorf("%s: only %d bytes wait", mode, p.Outstanding)
			}
			r.dest.Advise(output.PathAdvice{})
			r.play(120 * time.Second)
			if p, _ = r.path(&last, &n); p.Outstanding > segmentBytes {
				t.Errorf("%s: after it: %+v", mode, p)
			}
			if st := r.dest.Status(); st.Shedding != "" || st.Skipped != 0 {
				t.Errorf("%s: after it: %+v", mode, st)
			}
			r.stop()
			r.wantAll(60)
		})
	}
}

// What has time waits while it is shed; live goes on.
func TestAdviseShedsTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := pathRig(t, 4*segmentBytes, map[string]string{"store": "live_first", "store_share": "90"})
		r.start()
		r.play(10 * time.Second)
		r.server.set(func() { r.server.down = true })
		r.play(120 * time.Second)
		r.dest.Advise(output.PathAdvice{Shed: true})
		r.server.set(func() { r.server.down = false })
		r.play(120 * time.Second)
		st := r.dest.Status()
		if st.Shedding != ShedBacklog || !st.AtLive || st.LagSegments < 40 {
			t.Errorf("shed: %+v", st)
		}
		var last output.Path
		var n uint64
		if p, ok := r.path(&last, &n); !ok || p.Outstanding > segmentBytes {
			t.Errorf("the backlog is in the path: %+v %v", p, ok)
		}
		r.dest.Advise(output.PathAdvice{})
		r.play(300 * time.Second)
		if st := r.dest.Status(); st.LagSegments > 1 || st.Shedding != "" {
			t.Errorf("let go: %+v", st)
		}
		r.stop()
		r.wantAll(200)
	})
}

// A flush has live go on with what players want now.
func TestAdviseFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := pathRig(t, 20*segmentBytes, map[string]string{"store": "live_first"})
		r.start()
		r.play(10 * time.Second)
		r.dest.Advise(output.PathAdvice{Pause: true})
		r.play(10 * time.Second)
		var last output.Path
		var n uint64
		before, _ := r.path(&last, &n)
		r.dest.Advise(output.PathAdvice{Flush: 1})
		time.Sleep(segmentDur / 2)
		p, ok := r.path(&last, &n)
		if !ok || p.Dropped < before.Dropped+2*segmentBytes || p.Outstanding != 0 {
			t.Errorf("after a flush: %+v, before it %+v", p, before)
		}
		r.play(30 * time.Second)
		r.stop()
		r.wantAll(30)
	})
}

// A real server reads what it is sent slowly: what it has acknowledged is seen while
// the segment is on its way.
func TestPathOfASlowServer(t *testing.T) {
	var slow atomic.Bool
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		buf := make([]byte, 8<<10)
		for {
			n, err := q.Body.Read(buf)
			if err != nil {
				break
			}
			if slow.Load() {
				time.Sleep(time.Duration(n) * time.Second / 100_000) // 100 kB/s
			}
		}
		_, _ = io.Copy(io.Discard, q.Body)
		w.WriteHeader(http.StatusCreated)
	}))
	srv.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if s == http.StateNew {
			_ = c.(*net.TCPConn).SetReadBuffer(16 << 10)
		}
	}
	srv.Start()
	defer srv.Close()
	r := compressed(t, newStream("a1", 1), srv.URL, map[string]string{"store": "live_first"})
	r.spec.Target.WriteTimeout = 10 * time.Second
	r.start()
	defer r.stop()
	r.await("live", done)
	slow.Store(true)
	var last output.Path
	var n uint64
	first, ok := r.path(&last, &n)
	if !ok {
		t.Fatal("no path")
	}
	r.stream.cut()
	part := false
	pathtest.Await(t, "the segment is there", func() bool {
		p, ok := r.path(&last, &n)
		if !ok {
			t.Fatal("no path")
		}
		acked := p.Written - p.Outstanding - p.Dropped - (first.Written - first.Outstanding - first.Dropped)
		part = part || acked > 10_000 && acked < segmentBytes-10_000 && p.RTT > 0
		return acked >= segmentBytes && p.Outstanding == 0
	})
	if !part {
		t.Error("nothing was seen of it before it was there")
	}
}
