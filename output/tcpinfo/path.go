package tcpinfo

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/output"
)

// Budget is Path.Budget of what rides on TCP. No such receiver tells how much it
// holds back; the shortest that platforms do in their low-latency modes is two
// seconds, and a sender that keeps to it is in time for all others.
const Budget = 2 * time.Second

// Path is what the kernel knows. ok is false once the connection is closed, by
// either side, or reset.
//
// AppLimited is said as soon as nothing was left to send, now or at the call before:
// the kernel's own mark (tcpi_delivery_rate_app_limited) is of its best sample, and
// stays on it.
func (c *Conn) Path() (p output.Path, ok bool) {
	info, queued, ok := c.ask()
	if !ok || !open(info.State) {
		return output.Path{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// The two questions are two moments: what was acknowledged is taken as it was at
	// the first, and so never falls.
	got := acked(info)
	c.most = max(c.most, got+queued)
	idle := info.Notsent_bytes == 0
	p = output.Path{
		At: output.Now(), Written: c.most, Outstanding: c.most - min(got, c.most),
		Retransmitted: uint64(info.Total_retrans),
		RTT:           time.Duration(info.Rtt) * time.Microsecond,
		MinRTT:        minRTT(info),
		Budget:        Budget,
		AppLimited:    idle || c.idle,
	}
	c.idle = idle
	return p, true
}

// open says whether data can still be acknowledged.
func open(state uint8) bool {
	switch state {
	case unix.BPF_TCP_ESTABLISHED, unix.BPF_TCP_CLOSE_WAIT, unix.BPF_TCP_FIN_WAIT1:
		return true
	}
	return false
}

// minRTT is 0 before the first measurement, for which the kernel has all ones.
func minRTT(info unix.TCPInfo) time.Duration {
	if info.Min_rtt == ^uint32(0) {
		return 0
	}
	return time.Duration(info.Min_rtt) * time.Microsecond
}

// Pace sets how much the kernel takes beyond what is in flight: a tenth of a second
// at that rate, in bits per second, so that a queue forms before the connection,
// where it can be seen and shed. How fast TCP sends, its congestion control alone
// decides. 0 sets what Control has set.
func (c *Conn) Pace(bitrate int) error {
	want := unsentStart
	if bitrate > 0 {
		want = min(max(bitrate/8/unsentShare, unsentLeast), unsentMost)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unsent == want || c.unsent == 0 && want == unsentStart {
		return nil
	}
	of, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := of.SyscallConn()
	if err != nil {
		return fmt.Errorf("pace a connection to %v: %w", c.RemoteAddr(), err)
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, want)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return fmt.Errorf("pace a connection to %v: set TCP_NOTSENT_LOWAT: %w", c.RemoteAddr(), err)
	}
	c.unsent = want
	return nil
}
