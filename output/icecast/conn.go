package icecast

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// closeTime bounds the orderly end.
const closeTime = 300 * time.Millisecond

// maxLogin bounds what a server may say until it has accepted the source, maxTalk
// what it may say then.
const (
	maxLogin = 64 << 10
	maxTalk  = 1 << 20
)

// conn is one source on a server.
type conn struct {
	address string
	rw      net.Conn // raw, or TLS above it
	raw     *socket
	bound   *io.LimitedReader // of rw: all that the server may say
	in      *bufio.Reader     // of bound
	log     *slog.Logger

	writing sync.Mutex // guards track and framer, and is held while rw is written to
	track   *media.Track
	framer  framer

	ended  atomic.Pointer[error] // why the server's side has ended
	over   chan struct{}         // closed when listen has ended
	tasks  sync.WaitGroup
	cancel context.CancelFunc // of tasks
	close  sync.Once
}

var _ output.Conn = (*conn)(nil)

// Dial logs in to the server as a source. It returns when the server wants the
// sound. The title is told as soon as it does.
func Dial(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
	track, err := soundOf(t, tracks)
	if err != nil {
		return nil, output.WithCause(output.CauseLocal, err)
	}
	framer, err := newFramer(t, track)
	if err != nil {
		return nil, output.WithCause(output.CauseLocal, err)
	}
	c := &conn{track: track, framer: framer, log: t.Log, over: make(chan struct{})}
	login, tell := c.icecast, tellIcecast
	if isShoutcast(t) {
		login, tell = c.shoutcast, tellShoutcast
	}
	if err := login(ctx, t); err != nil {
		if c.raw != nil {
			_ = c.raw.Close()
		}
		return nil, c.explain(ctx, err)
	}
	c.bound.N = maxTalk
	life, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.tasks.Go(c.listen)
	if t.Options["title"] != "" && track.Codec != media.Opus { // Ogg has it in its own head
		c.tasks.Go(func() { c.tellTitle(life, t, tell) })
	}
	return c, nil
}

// soundOf finds the track in the wanted codec.
func soundOf(t output.Target, tracks []*media.Track) (*media.Track, error) {
	want := Takes(t)[0]
	for _, track := range tracks {
		if track.Codec == want {
			return track, nil
		}
	}
	if want == media.AAC {
		return nil, errors.New("the stream has no sound: see its input and audio.mode")
	}
	return nil, fmt.Errorf("the stream has no sound in %v: sound that comes encoded, and silence that is added, is not made into another codec; set audio_codec to \"aac\"", want)
}

// open connects, and has the end of ctx cut everything until stop is called.
func (c *conn) open(ctx context.Context, dial func() (net.Conn, *socket, error)) (stop func() bool, err error) {
	if c.rw, c.raw, err = dial(); err != nil {
		return nil, err
	}
	c.bound = &io.LimitedReader{R: c.rw, N: maxLogin}
	c.in = bufio.NewReader(c.bound)
	raw := c.raw
	return context.AfterFunc(ctx, func() { _ = raw.Close() }), nil
}

// explain puts an error in words, unless it is in words already.
func (c *conn) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the closed socket is only how ctx cut in
	}
	var answer *output.AnswerError
	switch {
	case c.bound != nil && c.bound.N <= 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return fmt.Errorf("%w: %s answers without end: is it a radio server?", output.ErrRejected, c.address)
	case errors.As(err, &answer), errors.Is(err, output.ErrRejected), errors.Is(err, output.ErrStalled):
		return err
	}
	return output.NetworkError(c.address, err)
}

// Write implements output.Conn.
func (c *conn) Write(p media.Packet) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if p.Track != c.track {
		return output.ErrTrackChanged
	}
	b, err := c.framer.add(p)
	if err != nil {
		return output.WithCause(output.CauseLocal, err)
	}
	if ended := c.ended.Load(); ended != nil {
		return *ended
	}
	if len(b) == 0 {
		return nil
	}
	if _, err = c.rw.Write(b); err == nil {
		return nil
	}
	if errors.Is(err, output.ErrStalled) { // where Write was told, listen sees but an end
		return err
	}
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) { // listen is about to be told why
		select {
		case <-c.over:
		case <-time.After(closeTime):
		}
	}
	if ended := c.ended.Load(); ended != nil { // it knows the better reason
		return *ended
	}
	return c.explain(context.Background(), err)
}

// listen reads what the server says until it ends the connection, which makes Write
// fail at once.
func (c *conn) listen() {
	defer close(c.over)
	err := c.listenUntilEnd()
	c.ended.CompareAndSwap(nil, &err)
	_ = c.raw.Close()
}

func (c *conn) listenUntilEnd() error {
	// A no that comes late looks like any other answer.
	if head, err := c.in.Peek(len("HTTP/1.")); err == nil && string(head) == "HTTP/1." {
		if err := c.answer(); err != nil {
			return c.explain(context.Background(), err)
		}
	}
	_, err := io.Copy(io.Discard, c.in)
	switch {
	case err == nil && c.bound.N <= 0:
		return fmt.Errorf("%w: %s sends data without end to a source: is it a radio server?", output.ErrRejected, c.address)
	case err == nil:
		return output.InWords(c.address+" closed the connection: somebody ended the source there, or the server stops", io.EOF)
	}
	return c.explain(context.Background(), err)
}

// Stats of the connection, what TLS adds included.
func (c *conn) Stats() output.ConnStats { return c.raw.counter.Stats() }

// Close ends the stream where the server still takes data, and frees everything.
// It makes a blocked Write return.
func (c *conn) Close() error {
	c.close.Do(func() {
		err := fmt.Errorf("connection to %s: %w", c.address, net.ErrClosed)
		first := c.ended.CompareAndSwap(nil, &err)
		c.cancel()
		if first && c.writing.TryLock() {
			// The bytes are few, and go into the kernel's buffer or nowhere.
			_ = c.raw.Conn.SetWriteDeadline(time.Now().Add(closeTime))
			c.raw.limit = closeTime
			if b := c.framer.end(); len(b) > 0 {
				_, _ = c.rw.Write(b)
			}
			c.writing.Unlock()
		}
		_ = c.raw.Close()
		c.tasks.Wait()
	})
	return nil
}
