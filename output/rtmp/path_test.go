package rtmp

import (
	"crypto/tls"
	"net"
	"sync"
	"testing"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo/pathtest"
)

// paths runs a test over RTMP and RTMPS; handle has the server's side, TLS taken off.
func paths(t *testing.T, handle func(net.Conn), do func(*testing.T, output.PathConn)) {
	t.Run("rtmp", func(t *testing.T) {
		addr := serve(t, handle)
		do(t, mustDial(t, target(t, "rtmp://"+addr+"/live/key")).(output.PathConn))
	})
	t.Run("rtmps", func(t *testing.T) {
		cert, pool := certificate(t, "127.0.0.1")
		addr := serve(t, func(c net.Conn) {
			handle(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
		})
		tg := target(t, "rtmps://"+addr+"/live/key")
		tg.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		do(t, mustDial(t, tg).(output.PathConn))
	})
}

func TestPath(t *testing.T) {
	paths(t, func(c net.Conn) { receive(c) }, func(t *testing.T, c output.PathConn) {
		mustWrite(t, c, picture(0, 0, true, 100_000), picture(40, 40, false, 10_000))
		if n := c.(*conn).Written(); n < 110_000 {
			t.Errorf("%d bytes written", n)
		}
		pathtest.Arrives(t, c, 110_000)
	})
}

// The part of a picture that the kernel has taken is seen while its Write is stuck.
func TestPathDuringABlockedWrite(t *testing.T) {
	release := make(chan struct{})
	paths(t, func(c net.Conn) { acceptThenStop(c, release) }, func(t *testing.T, c output.PathConn) {
		var wg sync.WaitGroup
		before := c.(*conn).Written()
		wg.Go(func() { _ = c.Write(picture(0, 0, true, 32<<20)) }) // ends with Close
		var last output.Path
		pathtest.Await(t, "the kernel is full", func() bool {
			p, ok := c.Path()
			if !ok {
				t.Fatal("no path")
			}
			pathtest.NotBefore(t, p, last)
			still := p.Written == last.Written && p.Written > before+10_000 && !p.AppLimited
			last = p
			return still
		})
		if last.Outstanding == 0 || last.Written > 32<<20 {
			t.Errorf("a stuck connection has the path %+v", last)
		}
		_ = c.Close()
		wg.Wait()
		release <- struct{}{}
	})
}
