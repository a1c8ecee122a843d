package push

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret     = "very-secret-key"
	packetSize = 1000
	framesGOP  = 25 // one second
)

var track = &media.Track{Codec: media.H264, Video: &media.VideoParams{Width: 16, Height: 16}}

// receiver is a fake kind. What it does is in its functions; nil ones behave.
type receiver struct {
	dial  func(ctx context.Context, attempt int) error
	write func(c *fakeConn, p media.Packet) error

	mu    sync.Mutex // guards the fields below
	dials []time.Duration
	begin time.Time
	conns []*fakeConn
}

type fakeConn struct {
	r      *receiver
	tracks []*media.Track
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex // guards the field below
	packets []media.Packet
}

func newReceiver() *receiver { return &receiver{begin: time.Now()} }

func (r *receiver) kind() output.Kind {
	return output.Kind{Name: "fake", Direction: output.Push, Dial: r.Dial}
}

func (r *receiver) Dial(ctx context.Context, _ output.Target, tracks []*media.Track) (output.Conn, error) {
	r.mu.Lock()
	r.dials = append(r.dials, time.Since(r.begin))
	attempt := len(r.dials)
	r.mu.Unlock()
	if r.dial != nil {
		if err := r.dial(ctx, attempt); err != nil {
			return nil, err
		}
	}
	c := &fakeConn{r: r, tracks: tracks, closed: make(chan struct{})}
	r.mu.Lock()
	r.conns = append(r.conns, c)
	r.mu.Unlock()
	return c, nil
}

func (c *fakeConn) Write(p media.Packet) error {
	select {
	case <-c.closed:
		return errors.New("use of closed connection")
	default:
	}
	if p.Track != c.tracks[0] {
		return output.ErrTrackChanged
	}
	if c.r.write != nil {
		if err := c.r.write(c, p); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packets = append(c.packets, p)
	return nil
}

func (c *fakeConn) Stats() output.ConnStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return output.ConnStats{BytesSent: uint64(len(c.packets) * packetSize), RTT: 7 * time.Millisecond}
}

func (c *fakeConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// bench is a programme and one destination under test, inside a bubble.
type bench struct {
	t       *testing.T
	hub     *hub.Hub
	recv    *receiver
	dest    *Destination
	begin   time.Time
	wg      sync.WaitGroup
	cancel  context.CancelFunc
	feeding context.CancelFunc

	mu     sync.Mutex // guards the fields below
	states []string   // "5s reconnecting", one a change
	last   Status
}

// newBench runs a destination of the receiver, with every wait at its bound.
func newBench(t *testing.T, r *receiver, alter ...func(*Spec)) *bench {
	b := &bench{t: t, hub: hub.New(media.NewClock()), recv: r, begin: time.Now()}
	b.hub.Announce(media.Video)
	b.dest = New(b.hub, b.spec(alter...), b.note)
	b.dest.draw = func(bound time.Duration) time.Duration { return bound }
	var ctx context.Context
	ctx, b.cancel = context.WithCancel(t.Context())
	b.wg.Go(func() {
		if err := b.dest.Run(ctx, func() {}); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return b
}

func (b *bench) spec(alter ...func(*Spec)) Spec {
	u, err := url.Parse("rtmp://host.example/live/" + secret)
	if err != nil {
		b.t.Fatal(err)
	}
	s := Spec{Enabled: true, Kind: b.recv.kind(), Target: output.Target{Name: "dest", URL: u}}
	for _, f := range alter {
		f(&s)
	}
	return s
}

func (b *bench) note(s Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last.State != s.State {
		b.states = append(b.states, fmt.Sprintf("%v %v", time.Since(b.begin), s.State))
	}
	b.last = s
}

// feed writes 25 packets a second, a key picture every second.
func (b *bench) feed(track *media.Track) {
	if b.feeding != nil {
		b.feeding()
	}
	var ctx context.Context
	ctx, b.feeding = context.WithCancel(b.t.Context())
	b.wg.Go(func() {
		tick := time.NewTicker(time.Second / framesGOP)
		defer tick.Stop()
		for i := 0; ; i++ {
			at := b.hub.Clock().Now()
			b.hub.Write(media.Packet{Track: track, DTS: at, PTS: at, Key: i%framesGOP == 0, Data: make([]byte, packetSize)})
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

func (b *bench) sleep(d time.Duration) Status {
	time.Sleep(d)
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// stop ends everything; the destination must be done within the time a Close
// may take.
func (b *bench) stop() {
	b.cancel()
	if b.feeding != nil {
		b.feeding()
	}
	b.wg.Wait()
	for i, c := range b.recv.conns {
		select {
		case <-c.closed:
		default:
			b.t.Errorf("connection %d was left open", i)
		}
	}
}

func (b *bench) wantStates(want ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.states, want) {
		b.t.Errorf("states %q, want %q", b.states, want)
	}
}

func (b *bench) wantDials(want ...time.Duration) {
	b.t.Helper()
	b.recv.mu.Lock()
	defer b.recv.mu.Unlock()
	if !slices.Equal(b.recv.dials, want) {
		b.t.Errorf("dialled at %v, want %v", b.recv.dials, want)
	}
}
