package push

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// Whatever a receiver does, its destination names it in the status and tries
// again, and a healthy destination of the same programme loses nothing.
func TestMisbehavingReceivers(t *testing.T) {
	blockUntilClosed := func(c *fakeConn, _ media.Packet) error {
		<-c.closed
		return errors.New("use of closed connection")
	}
	for _, tc := range []struct {
		name  string
		dial  func(context.Context, int) error
		write func(*fakeConn, media.Packet) error
		want  string
		dials []time.Duration // of the first 20 s
	}{
		{name: "refuses", dial: refused, want: "connection refused", dials: []time.Duration{0, 5 * s, 15 * s}},
		{name: "never answers", dial: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() },
			want: "not connected within 10s", dials: []time.Duration{0, 15 * s}},
		{name: "repeats the secret over several lines",
			dial: func(context.Context, int) error { return errors.New("bad key\n  rtmp://host.example/live/" + secret) },
			want: "rtmp://host.example/live/***: bad key ***", dials: []time.Duration{0, 5 * s, 15 * s}},
		{name: "resets the first packet", write: func(*fakeConn, media.Packet) error { return errors.New("connection reset") },
			want: "connection reset", dials: []time.Duration{0, 5 * s, 15 * s}},
		{name: "closes", write: func(*fakeConn, media.Packet) error { return io.EOF },
			want: "the receiver closed the connection", dials: []time.Duration{0, 5 * s, 15 * s}},
		{name: "stalls and says so", write: func(*fakeConn, media.Packet) error { time.Sleep(5 * s); return output.ErrStalled },
			want: "peer takes no data", dials: []time.Duration{0, 10 * s}},
		{name: "holds Write for ever", write: blockUntilClosed, // cut at the first tick after 7 s
			want: "peer takes no data for 5s", dials: []time.Duration{0, 13 * s}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver()
				r.dial, r.write = tc.dial, tc.write
				bad := newBench(t, r)
				good := newReceiver()
				healthy := New(bad.hub, bad.spec(func(s *Spec) { s.Kind = good.kind() }), nil)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- healthy.Run(ctx, func() {}) }()
				bad.feed(track)
				st := bad.sleep(20*s - time.Millisecond)
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
				bad.stop()

				bad.wantDials(tc.dials...)
				if len(st.Errors) == 0 || !strings.Contains(st.Errors[0].Message, tc.want) {
					t.Errorf("errors %+v, want %q", st.Errors, tc.want)
				}
				for _, e := range st.Errors {
					if strings.Contains(e.Message, secret) || strings.Contains(e.Message, "\n") {
						t.Errorf("error shows the key or has several lines: %q", e.Message)
					}
				}
				if got := healthy.Status(); got.Dropped != 0 || got.Attempts != 1 || len(good.conns[0].packets) != 20*framesGOP {
					t.Errorf("the healthy destination got %d packets, status %+v", len(good.conns[0].packets), got)
				}
			})
		})
	}
}

func TestASlowReceiverLosesWholeGroupsAndIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.write = func(*fakeConn, media.Packet) error { time.Sleep(s / 10); return nil } // 10 of 25 a second
		b := newBench(t, r, func(s *Spec) { s.QueuePackets = 2 * framesGOP })
		b.feed(track)
		st := b.sleep(60 * s)
		b.stop()
		b.wantDials(0)
		received := r.conns[0].packets
		if st.Dropped < 600 || st.QueuePackets > 2*framesGOP || st.QueueBytes > 2*framesGOP*packetSize {
			t.Errorf("status %+v", st)
		}
		gaps := 0
		for i, p := range received {
			if p.Gap {
				gaps++
				if !p.Key {
					t.Errorf("packet %d follows a loss and is no key picture", i)
				}
			} else if i > 0 && p.DTS-received[i-1].DTS > s/framesGOP {
				t.Errorf("a loss before packet %d without a sign", i)
			}
		}
		if gaps == 0 {
			t.Error("no gap was marked")
		}
	})
}

func TestLatencyIsFromEncoderToSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		n := 0
		r.write = func(*fakeConn, media.Packet) error {
			wait := 2 * time.Millisecond
			if n++; n%50 == 0 { // 2 %
				wait = 12 * time.Millisecond
			}
			time.Sleep(wait)
			return nil
		}
		b := newBench(t, r)
		b.feed(track)
		if p99 := b.sleep(30 * s).LatencyP99; p99 < 12*time.Millisecond || p99 > 14*time.Millisecond {
			t.Errorf("p99 %v, want 12 ms and at most 1/8 more", p99)
		}
		b.feeding()
		if p99 := b.sleep(30 * s).LatencyP99; p99 != 0 {
			t.Errorf("p99 %v long after the last packet", p99)
		}
		b.stop()
	})
}

func TestHistogramBuckets(t *testing.T) {
	for us := range 1 << 20 {
		d := time.Duration(us) * time.Microsecond
		i := bucketOf(d)
		if end := bucketEnd(i); end <= d || (i > 0 && bucketEnd(i-1) > d) || (us >= 8 && end-d > d/8) {
			t.Fatalf("%v is in bucket %d, which ends at %v", d, i, end)
		}
	}
	if i := bucketOf(1000 * time.Hour); i != len(window{}.buckets)-1 {
		t.Errorf("the longest durations are in bucket %d", i)
	}
}

func TestEndingAStuckWriteIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver()
		r.write = func(c *fakeConn, _ media.Packet) error { <-c.closed; return errors.New("closed") }
		b := newBench(t, r)
		b.feed(track)
		b.sleep(s / 2)
		before := time.Now()
		b.stop()
		if took := time.Since(before); took != 0 {
			t.Errorf("Run ended %v after its context", took)
		}
		if errs := b.dest.Status().Errors; len(errs) != 0 {
			t.Errorf("an orderly end left errors: %+v", errs)
		}
	})
}
