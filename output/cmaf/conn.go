package cmaf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/request"
	"github.com/encoderbox/encoderbox/output/tcpinfo"
)

// closeTime bounds each step of an orderly end.
const closeTime = time.Second

// emptyMfra is a MovieFragmentRandomAccessBox without entries: the end.
const emptyMfra = "\x00\x00\x00\x08mfra"

// conn is the requests of all tracks. They live and die together.
type conn struct {
	client  *request.Client
	log     *slog.Logger
	limit   time.Duration
	cutter  cutter
	streams map[media.Kind]*request.Stream

	writing chan struct{} // a lock one can wait for with a timeout; guards cutter and failed
	failed  bool          // no orderly end any more
	close   sync.Once
}

var _ output.PathConn = (*conn)(nil)

// Dial opens a request for each track and sends the CMAF headers.
func Dial(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
	if t.Clock == nil {
		return dial(ctx, t, tracks, nil)
	}
	return dial(ctx, t, tracks, t.Clock.Wall)
}

func dial(ctx context.Context, t output.Target, tracks []*media.Track, wall wallClock) (output.Conn, error) {
	to, err := base(t.URL)
	if err != nil {
		return nil, err
	}
	how, err := method(t)
	if err != nil {
		return nil, err
	}
	options := map[string]string{versionHeader: version}
	maps.Copy(options, t.Options)
	t.Options = options
	client, err := request.New(t, to, true)
	if err != nil {
		return nil, err
	}
	c := &conn{
		client: client, log: t.Log, limit: t.WriteTimeout,
		streams: map[media.Kind]*request.Stream{}, writing: make(chan struct{}, 1),
	}
	c.cutter.open(tracks, wall)
	if err := c.open(ctx, how, tracks); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// open makes all requests at once; the first failure ends the others.
func (c *conn) open(ctx context.Context, how string, tracks []*media.Track) error {
	headers := make([][]byte, len(tracks))
	for i, t := range tracks {
		var err error
		if headers[i], err = fmp4.Init(t); err != nil {
			return output.WithCause(output.CauseLocal, fmt.Errorf("CMAF cannot carry the %v track: %w", t.Kind(), err))
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex // guards failed and c.streams
		failed error
	)
	for _, t := range tracks {
		wg.Go(func() {
			s, err := c.client.OpenStream(ctx, how, address(c.client.Base(), t.Kind()), t.Kind().String()+"/mp4")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				c.streams[t.Kind()] = s
			case failed == nil:
				failed = fmt.Errorf("%v: %w", t.Kind(), err)
				cancel()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	for i, t := range tracks {
		if err := c.send(t.Kind(), headers[i], c.limit); err != nil {
			return err
		}
	}
	return nil
}

// lock waits for the right to write, forever when patience is 0.
func (c *conn) lock(patience time.Duration) bool {
	if patience == 0 {
		c.writing <- struct{}{}
		return true
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case c.writing <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

func (c *conn) unlock() { <-c.writing }

// Write sends what the packet completes: the chunk before it, mostly.
func (c *conn) Write(p media.Packet) error {
	c.lock(0)
	defer c.unlock()
	if !c.cutter.takes(p.Track) {
		c.failed = true // this request ends, the programme does not
		return output.ErrTrackChanged
	}
	err := c.cutter.write(p, func(kind media.Kind, chunk []byte) error { return c.send(kind, chunk, c.limit) })
	if err != nil {
		c.failed = true
	}
	return err
}

// send writes to one track's request, as request.Stream.Send does.
func (c *conn) send(kind media.Kind, b []byte, limit time.Duration) error {
	if err := c.streams[kind].Send(b, limit); err != nil {
		return fmt.Errorf("%v: %w", kind, err)
	}
	return nil
}

// Stats of both requests together; the round trip is the longer one.
func (c *conn) Stats() (all output.ConnStats) {
	for _, s := range c.streams {
		st := s.Stats()
		all.BytesSent += st.BytesSent
		all.Retransmitted += st.Retransmitted
		all.Outstanding += st.Outstanding
		all.RTT = max(all.RTT, st.RTT)
	}
	return all
}

// Path of both requests together.
func (c *conn) Path() (output.Path, bool) {
	paths := make([]output.Path, 0, len(c.streams))
	for _, s := range c.streams {
		p, ok := s.Path()
		if !ok {
			return output.Path{}, false
		}
		paths = append(paths, p)
	}
	return tcpinfo.Sum(paths...), len(paths) > 0
}

// Pace implements output.PathConn. Both requests share the rate, but nobody knows how.
func (c *conn) Pace(bitrate int) error {
	var errs []error
	for _, s := range c.streams {
		errs = append(errs, s.Pace(bitrate))
	}
	return errors.Join(errs...)
}

// Written is Path's, of writes that have ended.
func (c *conn) Written() (n uint64) {
	for _, s := range c.streams {
		n += s.Written()
	}
	return n
}

// Close sends what is held back and ends the requests in the interface's own way
// where nothing has failed and the receiver takes it quickly, and frees everything.
// It makes a blocked Write return.
func (c *conn) Close() error {
	c.close.Do(func() {
		if c.lock(closeTime / 4) {
			if !c.failed {
				if err := c.finish(); err != nil {
					c.log.Debug("the receiver did not take the end of the stream", "error", err)
				}
			}
			c.failed = true
			c.unlock()
		}
		c.stop()
	})
	return nil
}

// finish is the orderly end.
func (c *conn) finish() error {
	send := func(kind media.Kind, b []byte) error { return c.send(kind, b, closeTime) }
	if err := c.cutter.flush(send); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // guards errs
		errs []error
	)
	for kind, s := range c.streams {
		wg.Go(func() {
			err := c.send(kind, []byte(emptyMfra), closeTime)
			if err == nil {
				err = s.Finish(ctx)
			}
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// stop ends what runs.
func (c *conn) stop() {
	for _, s := range c.streams {
		if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			c.log.Debug("end of a request", "error", err)
		}
	}
	c.client.Close()
}
