// Package httpd is the box's one HTTP listener. Surfaces and outputs that are
// served over HTTP give it handlers; limits, TLS and authentication have their
// place here alone.
package httpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of a connection. There is no write time-out for the whole response:
// event streams and long downloads are answers without an end. A client that
// acknowledges nothing, or leaves no room, for stallTimeout is given up: it
// would keep a segment's memory long after the segment has expired. So is one
// whose request's body takes longer.
const (
	stallTimeout      = time.Minute
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	shutdownGrace     = 500 * time.Millisecond
)

// Server listens on one address. It is a reconcile.Runner.
type Server struct {
	Addr    string // host:port, or :port for every address
	Handler http.Handler
	Log     *slog.Logger
	// Listening is told the bound address, which has the port chosen for ":0".
	Listening func(net.Addr)

	stall time.Duration // stallTimeout when 0
}

// Run serves until ctx ends. Requests under way then get a moment to finish,
// after which their connections are closed.
func (s *Server) Run(ctx context.Context, ready func()) error {
	lc := net.ListenConfig{Control: s.limitStalls}
	lc.SetMultipathTCP(false) // its sockets do not take the limit
	l, err := lc.Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return listenError(s.Addr, err)
	}
	srv := newServer(ctx, s.limitBodies(s.Handler), s.Log)
	s.Listening(l.Addr())
	ready()
	return serveOn(ctx, srv, l, s.Addr)
}

func newServer(ctx context.Context, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// Requests learn that the server ends, or event streams would hold it up.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
}

// serveOn serves until ctx ends, and ends what is under way.
func serveOn(ctx context.Context, srv *http.Server, l net.Listener, address string) (err error) {
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err = <-served:
		return fmt.Errorf("http: serve on %s: %w", address, err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		err = srv.Close()
	}
	<-served
	return errors.Join(ctx.Err(), err)
}

// limitStalls sets stallTimeout on the listener's socket, from which accepted
// ones inherit it. The kernel watches over it: whatever writes, sendfile too.
func (s *Server) limitStalls(_, _ string, raw syscall.RawConn) error {
	limit := s.stallTimeout()
	return raw.Control(func(fd uintptr) { // an old kernel without it serves all the same
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
	})
}

// limitBodies gives the body of a request, if it has one, stallTimeout to come:
// also one that the handler does not read, for which the server waits.
func (s *Server) limitBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 { // -1 is a body of unknown length
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.stallTimeout()))
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) stallTimeout() time.Duration {
	if s.stall != 0 {
		return s.stall
	}
	return stallTimeout
}

// listenError says what to do about a failed listen.
func listenError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("http: listen on %s: the port is in use by another program: stop that one, or set http.listen to a free port", addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("http: listen on %s: not permitted: ports under 1024 need privileges, set http.listen to a higher one", addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("http: listen on %s: this box has no such address: set http.listen to one it has, or to \":8080\" for all", addr)
	}
	return fmt.Errorf("http: listen on %s: %w", addr, err)
}
