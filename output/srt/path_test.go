package srt

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output"
)

// pathOf reads a path and holds what all samples must keep against the last one.
func pathOf(t *testing.T, c output.PathConn, last *output.Path) output.Path {
	t.Helper()
	p, ok := c.Path()
	if !ok {
		t.Fatal("the connection has no path")
	}
	acked := func(p output.Path) uint64 { return p.Written - p.Outstanding - p.Dropped }
	switch {
	case p.Written < last.Written, p.Dropped < last.Dropped, p.Retransmitted < last.Retransmitted, p.At <= last.At:
		t.Fatalf("a counter fell: %+v after %+v", p, *last)
	case p.Outstanding+p.Dropped > p.Written:
		t.Fatalf("more waits than was written: %+v", p)
	case acked(p) < acked(*last):
		t.Fatalf("%d bytes acknowledged after %d: %+v after %+v", acked(p), acked(*last), p, *last)
	}
	*last = p
	return p
}

// flow writes pictures of n bytes, 50 a second, until it is told to stop.
func flow(t *testing.T, c output.Conn, n int) (stop func()) {
	t.Helper()
	var wg sync.WaitGroup
	quit := make(chan struct{})
	slice := bytes.Repeat([]byte{0x55}, n)
	slice[0] = 0x65
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			at := time.Duration(i) * 20 * time.Millisecond
			if c.Write(media.Packet{Track: video, DTS: at, PTS: at, Key: true, Data: h264.AppendUnit(nil, slice)}) != nil {
				return
			}
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	})
	return sync.OnceFunc(func() { close(quit); wg.Wait() })
}

// acknowledged is the rate over a time, in bits per second.
func acknowledged(t *testing.T, c output.PathConn, last *output.Path, over time.Duration) float64 {
	t.Helper()
	first := pathOf(t, c, last)
	for last.At-first.At < over {
		time.Sleep(10 * time.Millisecond)
		pathOf(t, c, last)
	}
	n := (last.Written - last.Outstanding - last.Dropped) - (first.Written - first.Outstanding - first.Dropped)
	return float64(n) * 8 / (last.At - first.At).Seconds()
}

func TestPathOfARealReceiver(t *testing.T) {
	r := peer.StartSRT(t, peer.SRTOptions{Latency: 700 * time.Millisecond, Discard: true})
	c := connect(t, r.URL()+"?latency=300", []*media.Track{video, audio}).(output.PathConn)
	defer flow(t, c, 20_000)()
	var last output.Path
	await(t, "acknowledged bytes", func() bool {
		p := pathOf(t, c, &last)
		return p.Written-p.Outstanding > 1_000_000 && p.RTT > 0 && p.MinRTT > 0
	})
	if last.Budget != 700*time.Millisecond {
		t.Errorf("the budget is %v, not the larger latency of the two", last.Budget)
	}
	if last.MinRTT > last.RTT || last.Dropped > 0 || last.Outstanding > 500_000 {
		t.Errorf("a path without trouble is %+v", last)
	}
	if sent := c.Stats().BytesSent; sent+500_000 < last.Written || last.Written+500_000 < sent {
		t.Errorf("written %d, and libsrt has sent %d", last.Written, sent)
	}
}

// 8 Mb/s are written. Paced to 2, those are what the receiver acknowledges, and the
// rest waits; once the pace is lifted, it arrives.
func TestPaceTakesEffectOnALiveConnection(t *testing.T) {
	r := peer.StartSRT(t, peer.SRTOptions{Latency: 8 * time.Second, Discard: true})
	c := connect(t, r.URL()+"?latency=8000", []*media.Track{video, audio}).(output.PathConn)
	defer flow(t, c, 20_000)()
	var last output.Path
	await(t, "the first second", func() bool { return pathOf(t, c, &last).Written > 1_000_000 })
	if err := errors.Join(c.Pace(2_000_000), c.Pace(2_000_000)); err != nil {
		t.Fatal(err)
	}
	acknowledged(t, c, &last, 300*time.Millisecond)
	if rate := acknowledged(t, c, &last, 1500*time.Millisecond); rate < 1_500_000 || rate > 2_400_000 {
		t.Errorf("paced to 2 Mb/s, %.2f Mb/s were acknowledged", rate/1e6)
	}
	if last.Outstanding < 500_000 || last.AppLimited {
		t.Errorf("while the pace held back: %+v", last)
	}
	if err := c.Pace(0); err != nil {
		t.Fatal(err)
	}
	await(t, "all that waited", func() bool { p := pathOf(t, c, &last); return p.Outstanding < 100_000 && p.AppLimited })
	if last.Dropped > 0 {
		t.Errorf("%d bytes were dropped", last.Dropped)
	}
}

func TestPaceKeepsWhatIsConfigured(t *testing.T) {
	addr := listen(t, gosrt.ConnRequest.Accept, drain)
	for query, want := range map[string][3]int64{ // as it is, paced to 8 Mb/s, to 800 kb/s
		"":                  {-1, 1_000_000, 100_000},
		"?maxbw=500000":     {500_000, 500_000, 100_000},
		"?oheadbw=25":       {0, 1_000_000, 100_000},
		"?mux_rate=4000000": {-1, -1, -1},
	} {
		c := connect(t, "srt://"+addr+query, []*media.Track{video, audio}).(*conn)
		for i, pace := range []int{0, 8_000_000, 800_000, 0} {
			if err := c.Pace(pace); err != nil {
				t.Fatal(err)
			}
			if got, err := c.id.maxBW(); err != nil || got != want[i%3] {
				t.Errorf("%q paced to %d: %d bytes a second, want %d (%v)", query, pace, got, want[i%3], err)
			}
		}
		c.Close()
		if err := c.Pace(1_000_000); !errors.Is(err, net.ErrClosed) && c.sender == nil {
			t.Errorf("pace after Close: %v", err)
		}
	}
}

// What libsrt drops for being too late never counts as acknowledged.
func TestPathOfADeadUplink(t *testing.T) {
	addr := listen(t, gosrt.ConnRequest.Accept, drain)
	hole := newBlackHole(t, addr)
	tg := target(t, "srt://"+hole.LocalAddr().String()+"?latency=200")
	c, err := dial(t, tg, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := c.(output.PathConn)
	defer flow(t, c, 5_000)()
	var last output.Path
	await(t, "acknowledged bytes", func() bool { now := pathOf(t, p, &last); return now.Written-now.Outstanding > 200_000 })
	close(hole.swallow)
	time.Sleep(100 * time.Millisecond) // what is on its way
	before := pathOf(t, p, &last)
	await(t, "drops", func() bool { return pathOf(t, p, &last).Dropped > 200_000 })
	if now := last.Written - last.Outstanding - last.Dropped; now != before.Written-before.Outstanding-before.Dropped {
		t.Errorf("%d bytes were acknowledged by nobody", now-(before.Written-before.Outstanding-before.Dropped))
	}
	if last.AppLimited {
		t.Error("a path that acknowledges nothing is limited by its sender")
	}
}

// Path and Pace run beside Write and Close, of several connections at once.
func TestPathMeetsWriteAndClose(t *testing.T) {
	addr := listen(t, gosrt.ConnRequest.Accept, drain)
	var wg sync.WaitGroup
	for range 4 {
		c := connect(t, "srt://"+addr, []*media.Track{video, audio}).(output.PathConn)
		stop := flow(t, c, 5_000)
		for range 2 {
			wg.Go(func() {
				for i := 0; ; i++ {
					if _, ok := c.Path(); !ok {
						return
					}
					_ = c.Pace(1_000_000 + i%2) // an error only once closed
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		c.Close()
		wg.Wait()
		stop()
		if _, ok := c.Path(); ok {
			t.Error("a closed connection has a path")
		}
	}
}

func TestPathEndsWithThePeer(t *testing.T) {
	leave := make(chan struct{})
	addr := listen(t, gosrt.ConnRequest.Accept, func(c gosrt.Conn) { <-leave; c.Close() })
	c := connect(t, "srt://"+addr, []*media.Track{video, audio}).(output.PathConn)
	if _, ok := c.Path(); !ok {
		t.Error("no path at first")
	}
	close(leave)
	await(t, "the end of the path", func() bool { _, ok := c.Path(); return !ok })
}
