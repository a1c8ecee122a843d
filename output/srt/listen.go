package srt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/haivision/srtgo"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/output"
)

const (
	// maxCallers is how many may come within a second. libsrt keeps some 20 kB for
	// seconds of each that it refuses, so beyond it the door is shut.
	maxCallers = 64
	// floodPause is how long it stays shut.
	floodPause = 2 * time.Second
)

// errFlooded: more than maxCallers have come within a second.
var errFlooded = errors.New("too many callers")

// listener waits for one caller, and refuses all others as long as it lives. In
// a flood of callers it listens no more: they are then not even answered.
type listener struct {
	id   socket
	sock *srtgo.SrtSocket
	gate *gate
	port uint16

	bell    *os.File // the gate's eventfd
	flooded atomic.Bool
	watcher sync.WaitGroup
}

// newListener binds and listens. The error has cause local.
func newListener(s settings, addr netip.AddrPort) (*listener, error) {
	sock, err := newSocket(s)
	if err != nil {
		return nil, err
	}
	l := &listener{id: socket(sock.GetSocket()), sock: sock, port: addr.Port()}
	if err := l.open(s, addr); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *listener) open(s settings, addr netip.AddrPort) error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("srt: eventfd: %w", err)
	}
	l.bell = os.NewFile(uintptr(fd), "eventfd")
	if l.gate, err = newGate(l.id, s.streamid, fd, maxCallers); err != nil {
		return err
	}
	if addr.Addr() == netip.IPv6Unspecified() { // libsrt wants to be told
		if err := l.sock.SetSockOptInt(optIPv6Only, 0); err != nil {
			return fmt.Errorf("srt: set SRTO_IPV6ONLY: %w", err)
		}
	}
	if err := l.id.bind(addr); err != nil {
		return err
	}
	l.watcher.Go(l.watch)
	return l.id.listen(addr, 1)
}

// watch shuts the door when the bell rings.
func (l *listener) watch() {
	var rings [8]byte
	if _, err := l.bell.Read(rings[:]); err == nil {
		l.flooded.Store(true)
		l.id.close()
	}
}

// close ends the waiting; what has been accepted goes on.
func (l *listener) close() {
	l.id.close() // from here on nobody calls the gate
	if l.bell != nil {
		_ = l.bell.Close()
	}
	l.watcher.Wait()
	discard(l.sock)
	if l.gate != nil {
		l.gate.free()
	}
}

// arrival is what srt_accept has returned.
type arrival struct {
	sock *srtgo.SrtSocket
	from *net.UDPAddr
	err  error
}

// accept waits for the caller until ctx ends. The wait is libsrt's own, on a
// condition: it costs nothing while nobody calls.
func (l *listener) accept(ctx context.Context) (*srtgo.SrtSocket, *net.UDPAddr, error) {
	came := make(chan arrival, 1)
	go func() {
		sock, from, err := l.sock.Accept()
		came <- arrival{sock, from, err}
	}()
	select {
	case a := <-came:
		if a.err != nil && l.flooded.Load() {
			return nil, nil, errFlooded
		}
		if a.err != nil {
			return nil, nil, fmt.Errorf("srt: accept on UDP port %d: %w", l.port, a.err)
		}
		l.gate.shut()
		return a.sock, a.from, nil
	case <-ctx.Done():
	}
	err := l.nobody(context.Cause(ctx)) // while libsrt still knows who failed
	l.id.close()
	if a := <-came; a.sock != nil {
		discard(a.sock)
	}
	return nil, nil, err
}

// nobody is the error of a wait that was in vain.
func (l *listener) nobody(cause error) error {
	strangers, busy, failed := l.gate.refusals()
	var refused []string
	for _, r := range []struct {
		n     int
		words string
	}{
		{strangers, "for another stream id"},
		{failed, "in the handshake: is their passphrase the same as here, and are they in live mode?"},
		{busy, "that came together with another"},
	} {
		if r.n > 0 {
			refused = append(refused, fmt.Sprintf("%d %s", r.n, r.words))
		}
	}
	words, why := "", output.CauseNetwork
	if len(refused) > 0 {
		words = "; callers refused: " + strings.Join(refused, ", ")
	}
	if failed > 0 {
		why = output.CauseAuth
	}
	return waiting(l.port, words, why, cause)
}

// waiting is a *output.ReconnectError too: that nobody has called yet is no
// failure, and the port shall not be closed for a back-off.
func waiting(port uint16, more string, why output.Cause, cause error) error {
	if !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	words := fmt.Sprintf("waiting for a caller on port %d%s", port, more)
	return output.WithCause(why, output.InWords(words, errors.Join(cause, &output.ReconnectError{Words: words})))
}

// listen makes the connection of a caller.
func (c *conn) listen(ctx context.Context, s settings, addr netip.AddrPort) error {
	for {
		l, err := newListener(s, addr)
		if err != nil {
			return err
		}
		c.listener = l
		sock, from, err := l.accept(ctx)
		if err == nil {
			c.sock, c.id = sock, socket(sock.GetSocket())
			c.address = netip.AddrPortFrom(from.AddrPort().Addr().Unmap(), from.AddrPort().Port()).String()
			return c.ready()
		}
		if !errors.Is(err, errFlooded) {
			return err
		}
		c.listener = nil
		l.close()
		select {
		case <-time.After(floodPause):
		case <-ctx.Done():
			return waiting(addr.Port(), fmt.Sprintf("; more than %d callers came within a second and are not answered: who sends them?", maxCallers),
				output.CauseNetwork, context.Cause(ctx))
		}
	}
}
