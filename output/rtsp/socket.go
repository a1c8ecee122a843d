package rtsp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo"
)

const (
	// A server says little to a publisher: answers, and a report every few seconds.
	firstInput = 1 << 20
	inputRate  = 64 << 10 // bytes a second
	closeTime  = 300 * time.Millisecond
)

var errBabble = output.WithCause(output.CauseRejected,
	fmt.Errorf("%w: the server sends far more than RTSP has to say to a publisher: is the port right?", output.ErrRejected))

// socket is the control connection, below TLS. Its writes fail with ErrStalled
// once the server has taken nothing for the limit; one that is slow but takes
// something is waited for. What it reads is bounded.
type socket struct {
	*tcpinfo.Conn
	peer  string
	limit atomic.Int64 // time.Duration
	since time.Time
	read  atomic.Int64
	hard  atomic.Bool           // Close at once
	end   atomic.Pointer[error] // what the first failed Read said: the library words it anew
	mu    sync.Mutex            // one message at a time, whole
	close sync.Once
}

// SetWriteDeadline is the library's; the limit is kept here.
func (s *socket) SetWriteDeadline(time.Time) error { return nil }

// Write sends all of b.
func (s *socket) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total, waiting := 0, ^uint64(0)
	for {
		// Two halves without progress make the limit; the first takes the count
		// that the second is compared with.
		limit := time.Duration(s.limit.Load())
		if err := s.Conn.SetWriteDeadline(time.Now().Add(limit / 2)); err != nil {
			return total, err
		}
		n, err := s.Conn.Write(b[total:])
		total += n
		switch {
		case err == nil:
			return total, nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return total, s.timedOut(err)
		}
		before := waiting
		if waiting = s.Stats().Outstanding; n == 0 && waiting == before {
			return total, s.stalled()
		}
	}
}

// stalled is the error of a stall. The kernel tells of one only once, to Write or to
// Read; the other sees a connection that has ended, so it is kept for both.
func (s *socket) stalled() error {
	err := fmt.Errorf("%w: %s has accepted nothing for %v: is the server stuck, or the uplink down?", output.ErrStalled, s.peer, time.Duration(s.limit.Load()))
	s.end.Store(&err)
	return err
}

// timedOut is err, and a stall where the kernel has found one out first.
func (s *socket) timedOut(err error) error {
	if errors.Is(err, syscall.ETIMEDOUT) {
		return s.stalled()
	}
	return err
}

// Read implements net.Conn.
func (s *socket) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	err = s.timedOut(err)
	if s.read.Add(int64(n)) > firstInput+int64(time.Since(s.since).Seconds()*inputRate) {
		n, err = 0, errBabble
	}
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) { // those are ours
		s.end.CompareAndSwap(nil, &err)
	}
	return n, err
}

// Close ends the connection so that what was written arrives: closed with answers
// unread, TCP would be reset.
func (s *socket) Close() error {
	var err error
	s.close.Do(func() {
		if !s.hard.Load() && s.CloseWrite() == nil {
			_ = s.SetReadDeadline(time.Now().Add(closeTime))
			_, _ = io.Copy(io.Discard, io.LimitReader(s.Conn, firstInput))
		}
		err = s.Conn.Close()
	})
	return err
}

// cut ends the connection at once.
func (s *socket) cut() {
	s.hard.Store(true)
	_ = s.Conn.Close()
}

// meter counts the RTP packets that the library has been given and has not sent
// yet: its queue drops what it has no room for, so it must not fill up.
type meter struct {
	bytes   atomic.Uint64 // by UDP
	pending atomic.Int64
	room    chan struct{}
}

// maxPending is less than the library's queue holds, which has reports too.
const (
	maxPending = 256
	queueSize  = 512
)

func newMeter() *meter { return &meter{room: make(chan struct{}, 1)} }

// sent notes a datagram, or a frame's content.
func (m *meter) sent(b []byte) {
	if len(b) < 2 || b[1]&0x7f != videoType && b[1]&0x7f != audioType {
		return // a report
	}
	m.pending.Add(-1)
	select {
	case m.room <- struct{}{}:
	default:
	}
}

// wait waits until no more than n packets are pending; it says false when the
// connection ends before.
func (m *meter) wait(n int64, ended <-chan struct{}) bool {
	for m.pending.Load() > n {
		select {
		case <-m.room:
		case <-ended:
			return false
		}
	}
	return true
}

// frames is the control connection, above TLS, as the library sees it.
type frames struct {
	net.Conn
	*meter
}

const frameHeader = 4 // '$', channel, length (RFC 2326 §10.12)

// Write sends a request or a frame.
func (f *frames) Write(b []byte) (int, error) {
	n, err := f.Conn.Write(b)
	if len(b) > frameHeader && b[0] == '$' {
		f.sent(b[frameHeader:])
	}
	return n, err
}

// SetWriteDeadline is the library's; socket keeps the limit.
func (f *frames) SetWriteDeadline(time.Time) error { return nil }

// datagrams is a UDP socket as the library sees it.
type datagrams struct {
	*net.UDPConn
	*meter
}

// WriteTo sends a datagram. What the kernel has no room for, or an ICMP message
// of a receiver that is gone, is a loss that receivers report, not the end.
func (d *datagrams) WriteTo(b []byte, to net.Addr) (int, error) {
	n, err := d.UDPConn.WriteTo(b, to)
	d.sent(b)
	if errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ECONNREFUSED) {
		return len(b), nil
	}
	d.bytes.Add(uint64(n))
	return n, err
}
