package box

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/encoderbox/encoderbox/lab/box/wire"
)

// link is a connection with the agent, for as long as that agent lives.
type link struct {
	http *http.ClientConn
	conn *wire.Conn
	err  error // why it is over, nil as long as it is not
}

// connect returns the link, after making it where there is none.
func (b *Box) connect(ctx context.Context) (*link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.link != nil && b.link.err == nil && b.link.http.Err() == nil {
		return b.link, nil
	}
	if b.link != nil {
		b.link.close(b.link.err)
	}
	var first error
	for {
		l, err := b.handshake(ctx)
		if err == nil {
			b.link = l
			return l, nil
		}
		first = cmp.Or(first, err)
		select {
		case <-b.qemu.done:
		default:
			if ctx.Err() == nil {
				continue // it was an agent before this one that had said hello
			}
		}
		return nil, b.explain(fmt.Errorf("box: connect to the agent: %w", errors.Join(first, context.Cause(ctx))))
	}
}

// handshake waits for the agent's hello, and opens a connection. What is read
// ends with ctx, or with QEMU.
func (b *Box) handshake(ctx context.Context) (*link, error) {
	conn, err := wire.NewConn(b.agent.Conn)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err = welcome(conn); err != nil {
		return nil, err
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols:   &protocols,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	client, err := transport.NewClientConn(ctx, "http", "box:80")
	if err == nil {
		err = ping(ctx, client)
	}
	l := &link{http: client, conn: conn}
	if err != nil {
		l.close(err)
		return nil, err
	}
	return l, nil
}

// welcome answers an agent's hello, once, and reads until the agent has seen it:
// until then it may have said hello again. An agent that rebooted meanwhile says
// it with another number.
func welcome(conn *wire.Conn) error {
	answered := ""
	for {
		said, id, err := wire.AwaitLine(conn, wire.Hello, wire.Ready)
		switch {
		case err != nil:
			return err
		case said == wire.Ready && id == answered:
			return nil
		case said == wire.Hello && id != answered:
			if _, err := fmt.Fprintf(conn, "\n%s%s\n", wire.Welcome, id); err != nil {
				return fmt.Errorf("box: answer the agent: %w", err)
			}
			answered = id
		}
	}
}

// close ends the link, for the reason given.
func (l *link) close(why error) {
	l.err = why
	if l.http != nil {
		_ = l.http.Close()
	}
	_ = l.conn.Close()
}

// ping asks for what there is not.
func ping(ctx context.Context, client *http.ClientConn) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://box/", nil)
	if err != nil {
		return err
	}
	resp, err := client.RoundTrip(r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// disconnect ends the link, so that the next request makes another.
func (b *Box) disconnect(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.link != nil && b.link.err == nil {
		b.link.close(why)
	}
}

// broken is why a request on the link failed, as far as is known.
func (b *Box) broken(ctx context.Context, l *link, err error) error {
	b.mu.Lock()
	why := l.err
	b.mu.Unlock()
	if why == nil {
		why = context.Cause(ctx)
	}
	return b.explain(errors.Join(err, why))
}

// open asks the agent for something, and returns the body of its answer. An
// answer that says no is an error.
func (b *Box) open(ctx context.Context, method, path string, query url.Values, body io.Reader) (io.ReadCloser, error) {
	l, err := b.connect(ctx)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://box"+path+"?"+query.Encode(), body)
	if err != nil {
		return nil, fmt.Errorf("box: make a request: %w", err)
	}
	resp, err := l.http.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("box: ask the agent: %w", b.broken(ctx, l, err))
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return nil, fmt.Errorf("box: %s", strings.TrimSpace(string(why)))
	}
	return resp.Body, nil
}
