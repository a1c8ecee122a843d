package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
)

// errProgrammeEnd: there will be no more packets.
var errProgrammeEnd = errors.New("programme ended")

// session is one connection and the goroutines that serve it.
type session struct {
	d      *Destination
	conn   output.Conn
	reader *hub.Reader
	clock  *media.Clock
	joined time.Duration // on clock; older packets come from the hub's cache

	limit   time.Duration // Target.WriteTimeout
	writes  atomic.Uint64 // finished
	writing atomic.Bool
	stalled atomic.Bool // monitor has cut the connection
}

// connect makes one connection and works until it breaks or ctx ends. active
// is how long it held, 0 when it was never made. A panic is a failure of this
// connection, no more.
func (d *Destination) connect(ctx context.Context, spec Spec, state State, tracks []*media.Track) (active time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
			d.log.Error("destination panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	d.attempt(state)
	dialing, cancel := context.WithTimeout(ctx, spec.ConnectTimeout)
	conn, err := spec.Kind.Dial(dialing, spec.Target, tracks)
	timedOut := dialing.Err() != nil
	cancel()
	if err != nil {
		if timedOut && ctx.Err() == nil {
			err = fmt.Errorf("not connected within %v: %w", spec.ConnectTimeout, err)
		}
		return 0, err
	}
	s := &session{
		d: d, conn: conn, clock: d.hub.Clock(), limit: spec.Target.WriteTimeout,
		reader: d.hub.Subscribe(hub.Options{Join: hub.JoinCached, MaxPackets: spec.QueuePackets, MaxBytes: spec.QueueBytes}),
	}
	s.joined = s.clock.Now()
	d.connected()
	since := time.Now()
	err = s.run(ctx)
	return max(time.Since(since), 1), err
}

// run feeds the connection until it breaks or ctx ends, and then closes it.
// Everything it starts has ended when it returns, or panics.
func (s *session) run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer func() {
		cancel()
		wg.Wait()
		s.d.disconnected(s.conn.Stats(), s.reader.Stats())
		s.reader.Close()
		if s.stalled.Load() && !errors.Is(err, output.ErrStalled) {
			err = fmt.Errorf("%w for %v", output.ErrStalled, s.limit)
		}
	}()
	wg.Go(func() {
		<-ctx.Done()
		// Wakes a blocked Write. Its error would say what is being told anyway.
		_ = s.conn.Close()
	})
	wg.Go(func() { s.monitor(ctx) })
	return s.pump(ctx)
}

// pump moves packets from the hub to the connection.
func (s *session) pump(ctx context.Context) error {
	for ctx.Err() == nil {
		p, err := s.reader.Read(ctx)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return errProgrammeEnd // the hub has closed, not the peer
			}
			return err
		}
		s.writing.Store(true)
		err = s.conn.Write(p)
		s.writing.Store(false)
		s.writes.Add(1)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the receiver closed the connection: %w", err)
		}
		if err != nil {
			return err
		}
		if p.At >= s.joined {
			s.d.delays.add(time.Now(), s.clock.Now()-p.At)
		}
	}
	return ctx.Err()
}

// monitor reports once a second, and cuts a connection whose Write has neither
// returned nor moved a byte for longer than the contract allows.
func (s *session) monitor(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var (
		last     output.ConnStats
		writes   uint64
		progress = time.Now()
		cut      bool
	)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		stats := s.conn.Stats()
		if n := s.writes.Load(); !s.writing.Load() || n != writes ||
			stats.BytesSent != last.BytesSent || stats.Outstanding != last.Outstanding {
			writes, last, progress = n, stats, time.Now()
		}
		if !cut && time.Since(progress) > s.limit+2*time.Second {
			cut = true
			s.stalled.Store(true)
			_ = s.conn.Close() // pump reports the stall
		}
		s.d.measured(stats, s.reader.Stats())
	}
}
