package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
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

// errQuiet: there was nothing to write for Spec.Timeout.
var errQuiet = errors.New("nothing to write")

// session is one connection and the goroutines that serve it.
type session struct {
	d      *Destination
	conn   output.Conn
	reader *hub.Reader
	clock  *media.Clock
	joined time.Duration // on clock; older packets come from the hub's cache
	flow   *flow

	limit   time.Duration // Target.WriteTimeout
	writes  atomic.Uint64 // finished
	writing atomic.Bool
	stalled atomic.Bool // monitor has cut the connection
}

// connect makes one connection, to via where the receiver has sent us, and works
// until it breaks or ctx ends. active is how long it held, 0 when it was never
// made. A panic is a failure of this connection, no more.
func (d *Destination) connect(ctx context.Context, spec Spec, m move, via *url.URL, tracks []*media.Track) (active time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = output.WithCause(output.CauseLocal, fmt.Errorf("internal error: %v", p))
			d.log.Error("destination panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	d.attempt(m, via)
	if via != nil {
		spec.Target.URL = via
	}
	spec.Target.Clock = d.hub.Clock()
	if d.hub.KeysOnRequest() {
		spec.Target.RequestKey = d.hub.RequestKey
	}
	dialing, cancel := context.WithTimeout(ctx, spec.ConnectTimeout)
	defer cancel()
	conn, err := spec.Kind.Dial(dialing, spec.Target, tracks)
	if err != nil {
		if dialing.Err() != nil && ctx.Err() == nil {
			err = late(spec.ConnectTimeout, err)
		}
		return 0, err
	}
	cancel()
	s := &session{
		d: d, conn: conn, clock: d.hub.Clock(), limit: spec.Target.WriteTimeout,
		reader: d.hub.Subscribe(hub.Options{
			Join: spec.join(), Codecs: spec.codecs(), MaxPackets: spec.QueuePackets, MaxBytes: spec.QueueBytes,
		}),
	}
	s.joined = s.clock.Now()
	s.flow = newFlow(conn, s.reader)
	d.connected(conn)
	d.begin(s.flow)
	since := time.Now()
	err = s.run(ctx)
	return max(time.Since(since), 1), err
}

// late is the error of an attempt that took longer than it may. What it waited for
// was an answer, whatever the library below calls that.
func late(limit time.Duration, err error) error {
	if wish := (*output.ReconnectError)(nil); errors.As(err, &wish) && wish.URL == nil {
		return &waitError{err}
	}
	err = fmt.Errorf("not connected within %v: %w", limit, err)
	if output.CauseOf(err) == output.CauseLocal {
		return output.WithCause(output.CauseNetwork, err)
	}
	return err
}

// waitError is an attempt that has waited for the other side for as long as it
// may, and wants to go on waiting: a listener without a caller.
type waitError struct{ error }

// run feeds the connection until it breaks or ctx ends, and then closes it.
// Everything it starts has ended when it returns, or panics.
func (s *session) run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer func() {
		cancel(nil)
		s.d.begin(nil)
		wg.Wait()
		s.d.disconnected(s.d.stats(s.conn), s.reader.Stats())
		s.reader.Close()
		if s.stalled.Load() && !errors.Is(err, output.ErrStalled) {
			err = fmt.Errorf("%w for %v", output.ErrStalled, s.limit)
		}
	}()
	wg.Go(func() {
		<-ctx.Done()
		s.d.close(s.conn) // wakes a blocked Write
	})
	wg.Go(func() { s.monitor(ctx, cancel) })
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
		s.flow.writes()
		err = s.conn.Write(p)
		s.flow.wrote(p)
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
	return context.Cause(ctx)
}

// monitor reports once a second, cuts a connection whose Write has neither
// returned nor moved a byte for longer than the contract allows, and ends one
// that has had nothing to write for Spec.Timeout, unless that is as Advise wants it.
func (s *session) monitor(ctx context.Context, end context.CancelCauseFunc) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var (
		last     output.ConnStats
		writes   uint64
		progress = time.Now()
		written  = progress
		cut      bool
	)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		stats := s.d.stats(s.conn)
		if s.writing.Load() || s.writes.Load() != writes || s.d.restrained() {
			written = time.Now()
		}
		if timeout := s.d.current().Timeout; timeout > 0 && time.Since(written) >= timeout {
			end(errQuiet)
		}
		if n := s.writes.Load(); !s.writing.Load() || n != writes ||
			stats.BytesSent != last.BytesSent || stats.Outstanding != last.Outstanding {
			writes, last, progress = n, stats, time.Now()
		}
		if !cut && time.Since(progress) > s.limit+2*time.Second {
			cut = true
			s.stalled.Store(true)
			s.d.close(s.conn) // pump reports the stall
		}
		s.d.measured(stats, s.reader.Stats())
	}
}

// stats and close make a panic of the connection's a line in the log: they are
// called from goroutines whose panic would end everything.
func (d *Destination) stats(conn output.Conn) (stats output.ConnStats) {
	defer d.survive()
	return conn.Stats()
}

func (d *Destination) close(conn output.Conn) {
	defer d.survive()
	_ = conn.Close() // what it could say is being told anyway
}

func (d *Destination) survive() {
	if p := recover(); p != nil {
		d.log.Error("destination panicked", "panic", p, "stack", string(debug.Stack()))
	}
}
