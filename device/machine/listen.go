package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/localsocket"
)

const (
	// sessions bounds those of a listener.
	sessions = 16
	// strangers bounds those of one machine that have not told the token yet.
	strangers = 4
	// stall and silence are when a client on a socket or the network is given up.
	stall, silence = 30 * time.Second, time.Minute
	// leastToken is what a token must have, bytes: the network can try many.
	leastToken = 16
)

// Unix serves the protocol on a Unix socket. Who may open it may do what Role says. It
// is a reconcile.Runner.
type Unix struct {
	Server *Server
	Path   string // in a folder that exists
	Mode   fs.FileMode
	Role   control.Role
}

// Run serves until ctx ends, then ends all sessions and takes the socket away. A
// socket that an earlier process left behind is replaced; anything else at its path is
// not, and neither is one that somebody listens on.
func (u *Unix) Run(ctx context.Context, ready func()) error {
	if err := u.free(ctx); err != nil {
		return err
	}
	l, err := localsocket.Listen(ctx, u.Path, u.Mode)
	if err != nil {
		return fmt.Errorf("machine: listen on %s: %w", u.Path, err)
	}
	caller := control.Caller{Name: "a program at the box", Surface: control.Machine, Role: u.Role}
	sessions := 0
	return u.Server.listen(ctx, l, ready, func(net.Conn) Options {
		sessions++
		caller.Session = strconv.Itoa(sessions) // a candidate of its own for each connection
		return Options{Caller: caller, Stall: stall}
	})
}

// free takes away a socket that nobody listens on.
func (u *Unix) free(ctx context.Context) error {
	info, err := os.Lstat(u.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("machine: socket %s: %w", u.Path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("machine: %s is no socket: move it away, or choose another path", u.Path)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if conn, err := new(net.Dialer).DialContext(ctx, "unix", u.Path); err == nil {
		_ = conn.Close()
		return fmt.Errorf("machine: somebody else listens on %s: is another encoderd running?", u.Path)
	}
	if err := os.Remove(u.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("machine: remove the old socket: %w", err)
	}
	return nil
}

// TCP serves the protocol on the network, in the clear: it is for a LAN of one's own.
// It is a reconcile.Runner.
type TCP struct {
	Server *Server
	Addr   string // host:port, or :port for every address
	Token  string // of at least 16 characters without a space
	Role   control.Role
	// Listening, if it is not nil, is told the bound address.
	Listening func(net.Addr)
}

// Run serves until ctx ends, then ends all sessions.
func (t *TCP) Run(ctx context.Context, ready func()) error {
	if len(t.Token) < leastToken || clip(t.Token) != t.Token {
		return fmt.Errorf("machine: the token for %s must have %d to 64 characters of ASCII without a space: make one with openssl rand -hex 16", t.Addr, leastToken)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", t.Addr)
	if err != nil {
		return fmt.Errorf("machine: listen on %s: %w", t.Addr, err)
	}
	if t.Listening != nil {
		t.Listening(l.Addr())
	}
	return t.Server.listen(ctx, l, ready, func(c net.Conn) Options {
		host, _, err := net.SplitHostPort(c.RemoteAddr().String())
		if err != nil {
			host = "the network"
		}
		return Options{
			Caller: control.Caller{Name: host, Surface: control.Machine, Role: t.Role},
			Token:  t.Token, Stall: stall, Silence: silence,
		}
	})
}

// listen serves those who come until ctx ends, and closes l.
func (s *Server) listen(ctx context.Context, l net.Listener, ready func(), options func(net.Conn) Options) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() {
		<-ctx.Done()
		_ = l.Close()
	})
	ready()
	places, without := make(chan struct{}, sessions), &tokenless{from: map[string]int{}}
	for {
		conn, err := l.Accept()
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if temporary(err) {
				wait(ctx, 100*time.Millisecond)
				continue
			}
			return fmt.Errorf("machine: accept on %s: %w", l.Addr(), err)
		}
		o := options(conn)
		leave, ok := without.enter(o)
		if !ok {
			full(conn, fmt.Sprintf("%d programs of yours have not told the token yet", strangers))
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			leave()
			full(conn, fmt.Sprintf("%d programs are connected, and there can be no more", sessions))
			continue
		}
		o.admitted = leave
		all.Go(func() {
			defer func() { <-places }()
			defer leave()
			s.session(ctx, conn, o)
		})
	}
}

// tokenless counts the clients that have not told the token yet, by where they are: who
// only connects must not keep the others away.
type tokenless struct {
	mu   sync.Mutex // guards the field below
	from map[string]int
}

// enter counts a client until it leaves, as often as that is said; false where its machine
// has too many.
func (t *tokenless) enter(o Options) (leave func(), ok bool) {
	if o.Token == "" {
		return func() {}, true
	}
	host := o.Caller.Name
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.from[host] >= strangers {
		return nil, false
	}
	t.from[host]++
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.from[host]--; t.from[host] == 0 {
			delete(t.from, host)
		}
	}), true
}

// session serves one client of a listener.
func (s *Server) session(ctx context.Context, conn net.Conn, o Options) {
	defer conn.Close()
	s.Log.Debug("machine: a program has come", "from", o.Caller.Name)
	_, err := s.Serve(ctx, conn, o)
	if errors.Is(err, ErrToken) {
		s.Log.Warn("machine: no token, or a wrong one", "from", o.Caller.Name)
		return
	}
	s.Log.Debug("machine: a program has gone", "from", o.Caller.Name, "error", err)
}

// full tells one more than there can be.
func full(conn net.Conn, why string) {
	_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = fmt.Fprintln(conn, nack("-", "busy", control.Error{Message: why}))
	_ = conn.Close()
}

// temporary says that accepting can go on later: there are no files left.
func temporary(err error) bool {
	var e interface{ Temporary() bool }
	return errors.As(err, &e) && e.Temporary()
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
