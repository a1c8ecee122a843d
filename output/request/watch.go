package request

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo"
)

const (
	// piece is what is sent between two looks at the priorities.
	piece = 16 << 10
	// slowest is what a link must take at least, in bytes per second: an upload
	// that takes longer is given up, however steadily it moves.
	slowest = 4 << 10
)

// Watch ends one request that does not move, or not fast enough to end.
type Watch struct {
	limit    time.Duration
	deadline time.Duration // of the whole request; waiting on purpose does not count
	moved    atomic.Int64
	paused   atomic.Int64 // waiting on purpose
	sending  atomic.Bool
	conn     atomic.Pointer[tcpinfo.Conn]
	content  atomic.Pointer[error] // of the body's Read
	cancel   context.CancelCauseFunc
}

// Watched begins to watch a request that is made with the context returned. It
// has stalled when for the whole limit no byte of it was taken, by the
// connection or from it by the peer. size is that of its body; negative where it
// has no known end. stop ends the watching; the request must have ended by then.
func Watched(ctx context.Context, limit time.Duration, size int64) (_ context.Context, w *Watch, stop func()) {
	w = &Watch{limit: limit}
	if size >= 0 {
		w.deadline = ConnectTimeout + 3*limit + time.Duration(size)*time.Second/slowest
	}
	ctx, w.cancel = context.WithCancelCause(ctx)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		w.run(done)
	}()
	return httptrace.WithClientTrace(ctx, w.trace()), w, func() {
		close(done)
		<-ended
		w.cancel(nil)
	}
}

func (w *Watch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			w.conn.Store(tcpinfo.Of(i.Conn))
			w.moved.Add(1)
		},
		WroteHeaders:         func() { w.sending.Store(true); w.moved.Add(1) },
		GotFirstResponseByte: func() { w.moved.Add(1) },
		// What dialling may take is limited by the dialler.
		ConnectStart:      func(string, string) { w.moved.Add(1) },
		TLSHandshakeStart: func() { w.moved.Add(1) },
	}
}

func (w *Watch) run(done <-chan struct{}) {
	tick := time.NewTicker(max(w.limit/8, time.Millisecond))
	defer tick.Stop()
	var last [3]int64
	before := time.Now()
	since, worked := before, time.Duration(0)
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		c, now := w.conn.Load(), time.Now()
		st := c.Stats()
		counts := [3]int64{w.moved.Load(), int64(st.BytesSent), int64(st.Outstanding)}
		limit := w.limit
		if c == nil {
			limit += ConnectTimeout // its own limits are shorter, and say more
		}
		if w.paused.Load() == 0 {
			worked += now.Sub(before)
		}
		before = now
		switch {
		case w.deadline > 0 && worked > w.deadline:
			w.cancel(fmt.Errorf("%w fast enough: the request had not ended after %v", output.ErrStalled, worked.Round(time.Second)))
			return
		case counts != last || w.paused.Load() > 0:
			last, since = counts, now
		case now.Sub(since) >= limit:
			w.cancel(fmt.Errorf("%w for %v", output.ErrStalled, w.limit))
			return
		}
	}
}

// Body is the content of the request, in pieces, each after pace has let it
// go; pace may be nil. ctx is the one that Watched has returned.
func (w *Watch) Body(ctx context.Context, content io.ReadCloser, pace func(context.Context, int) error) io.ReadCloser {
	return &body{ctx: ctx, ReadCloser: content, pace: pace, w: w}
}

type body struct {
	ctx context.Context //nolint:containedctx // an io.Reader has no other way to be told
	io.ReadCloser
	pace func(context.Context, int) error
	w    *Watch
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	p = p[:min(len(p), piece)]
	if b.pace != nil {
		b.w.paused.Add(1)
		err := b.pace(b.ctx, len(p))
		b.w.paused.Add(-1)
		if err != nil {
			return 0, err
		}
	}
	n, err := b.ReadCloser.Read(p)
	b.w.moved.Add(1)
	if err != nil && !errors.Is(err, io.EOF) {
		b.w.content.Store(&err)
	}
	return n, err
}

// Failed is the error of a request to host that got no answer: an
// output.ErrNotSent where nothing of it reached the server.
func (w *Watch) Failed(ctx context.Context, host string, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, output.ErrStalled) {
		err = cause
	}
	if e := w.content.Load(); e != nil {
		return *e // reading failed, not the link
	}
	switch {
	case errors.Is(err, net.ErrClosed) && ctx.Err() == nil:
		err = errors.Join(io.EOF, err) // the transport closed it, since the peer had
	case errors.Is(err, syscall.ETIMEDOUT) && w.sending.Load(): // TCP_USER_TIMEOUT, see tcpinfo.Control
		err = fmt.Errorf("%w for %v", output.ErrStalled, w.limit)
	}
	err = output.NetworkError(host, foreign(host, err)) // minio-go has clients of its own
	if !w.sending.Load() {
		return &unsent{err}
	}
	return err
}

// unsent is an error of a request of which nothing reached the server.
type unsent struct{ error }

func (u *unsent) Unwrap() []error { return []error{u.error, output.ErrNotSent} }
