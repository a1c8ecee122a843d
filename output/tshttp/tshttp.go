// Package tshttp pushes a programme as MPEG-TS in the body of one HTTP request
// without an end.
package tshttp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/mux/ts"
	"github.com/encoderbox/encoderbox/output/mux/ts/pace"
	"github.com/encoderbox/encoderbox/output/request"
)

// Kind is MPEG-TS over HTTP and HTTPS.
var Kind = output.Kind{
	Name: "tshttp", Title: "MPEG-TS in one HTTP PUT or POST", Direction: output.Push,
	Schemes: []string{"tshttp", "tshttps"}, Transports: []string{"http", "tls"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  Check, Dial: Dial,
}

const (
	contentType = "video/mp2t" // RFC 3555 §4
	// chunk is how much is sent at a time at a constant rate.
	chunk = 7 * ts.PacketSize
	// verdict is how long Close waits for the receiver's answer.
	verdict = 500 * time.Millisecond
)

// settings are a target's options taken apart.
type settings struct {
	base   *url.URL
	method string
	rate   int
}

func read(t output.Target) (settings, error) {
	s := settings{method: http.MethodPut}
	if err := request.Check(t); err != nil {
		return s, errors.New("the URL reads tshttp://HOST:PORT/PATH or tshttps://HOST/PATH: " + strings.TrimSuffix(err.Error(), ": write https://HOST/PATH"))
	}
	for _, key := range slices.Sorted(maps.Keys(t.Options)) {
		if !request.IsOption(key) && key != "method" && key != "mux_rate" {
			return s, fmt.Errorf("unknown option %q; known are authorization, headers, method, mux_rate", key)
		}
	}
	switch m := t.Options["method"]; strings.ToUpper(m) {
	case "", "AUTO", http.MethodPut:
	case http.MethodPost:
		s.method = http.MethodPost
	default:
		return s, fmt.Errorf("method %q is neither PUT nor POST", m)
	}
	base := *t.URL
	switch base.Scheme = strings.ToLower(base.Scheme); base.Scheme {
	case "tshttp", "tshttps":
		base.Scheme = strings.TrimPrefix(base.Scheme, "ts")
	default:
		return s, fmt.Errorf("scheme %q is neither tshttp nor tshttps", t.URL.Scheme)
	}
	s.base = &base
	var err error
	s.rate, err = pace.Rate(t.Options)
	return s, err
}

// Check says what is wrong with a target before any connection is made.
func Check(t output.Target) error {
	_, err := read(t)
	return err
}

// conn is one upload.
type conn struct {
	host    string
	timeout time.Duration
	client  *request.Client
	stream  *request.Stream
	mux     *ts.Muxer    // as it comes
	sender  *pace.Sender // at a constant rate
	buf     []byte
	closed  atomic.Bool
	close   sync.Once
}

var _ output.PathConn = (*conn)(nil)

// Dial begins the upload and returns when the receiver wants the stream.
func Dial(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
	s, err := read(t)
	if err != nil {
		return nil, output.WithCause(output.CauseLocal, err)
	}
	c := &conn{host: s.base.Host, timeout: t.WriteTimeout}
	if c.mux, err = ts.New(ts.Config{Tracks: tracks}); err != nil {
		return nil, output.WithCause(output.CauseLocal, err)
	}
	if c.client, err = request.New(t, s.base, true); err != nil {
		return nil, output.WithCause(output.CauseLocal, err)
	}
	if c.stream, err = c.client.OpenStream(ctx, s.method, c.client.Base(), contentType); err != nil {
		c.client.Close()
		return nil, err
	}
	if s.rate == 0 {
		return c, nil
	}
	c.sender, err = pace.New(pace.Config{
		Tracks: tracks, MuxRate: s.rate, Chunk: chunk, RequestKey: t.RequestKey,
		Send: func(b []byte, _ uint64) error { return c.upload(b) },
	})
	if err != nil {
		_ = c.Close()
		return nil, output.WithCause(output.CauseLocal, err)
	}
	return c, nil
}

// Write sends one access unit, or hands it to what sends at the constant rate.
func (c *conn) Write(p media.Packet) error {
	if c.sender != nil {
		return c.sender.Write(p)
	}
	if c.closed.Load() {
		return fmt.Errorf("connection to %s: %w", c.host, net.ErrClosed)
	}
	buf, err := c.mux.Append(c.buf[:0], p)
	if err != nil {
		return err
	}
	c.buf = buf
	return c.upload(buf)
}

// upload sends b. A receiver that is slow but takes something is waited for.
func (c *conn) upload(b []byte) error { return c.stream.Send(b, c.timeout) }

// Stats of the connection, what HTTP and TLS add included.
func (c *conn) Stats() output.ConnStats { return c.stream.Stats() }

// Path implements output.PathConn.
func (c *conn) Path() (output.Path, bool) { return c.stream.Path() }

// Pace implements output.PathConn.
func (c *conn) Pace(bitrate int) error { return c.stream.Pace(bitrate) }

// Written is Path's, of writes that have ended.
func (c *conn) Written() uint64 { return c.stream.Written() }

// Close ends the request, so that the receiver knows that the stream is whole,
// and frees everything.
func (c *conn) Close() error {
	c.close.Do(func() {
		c.closed.Store(true)
		ctx, cancel := context.WithTimeout(context.Background(), verdict)
		defer cancel()
		if c.sender != nil {
			hurry := context.AfterFunc(ctx, func() { _ = c.stream.Close() })
			defer hurry()
			c.sender.Close()
		}
		_ = c.stream.Finish(ctx) // what the receiver says of a stream that is over helps nobody
		_ = c.stream.Close()
		c.client.Close()
	})
	return nil
}
