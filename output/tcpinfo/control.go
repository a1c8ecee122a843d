package tcpinfo

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How much of what was written may wait unsent in the kernel: what is written then
// is soon on its way, so that what the link takes can be measured, and what must
// wait does so where it can be dropped and is counted. It costs no speed: what is in
// flight does not count.
const (
	unsentStart = 64 << 10
	unsentLeast = 16 << 10  // a TLS record
	unsentMost  = 128 << 10 // 10 Mb/s
	unsentShare = 10        // of a second
)

// congestion is the control asked for: on a 6 Mb/s uplink with a deep buffer a
// greedy sender keeps 0.1 s of queue in it, CUBIC over half a second; and it takes
// no lost packet for a full link. Any process may ask for it, but only the system can
// load its module (systemd/encoderd.service).
const congestion = "bbr"

// Control is for net.Dialer.Control: the kernel does not hoard data, fills no
// buffers on the way, and, where stall is positive, gives up a peer that has
// acknowledged nothing for so long. What a kernel does not have is done without.
func Control(stall time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentStart)
			_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion)
			if stall > 0 {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stall.Milliseconds()))
			}
		})
	}
}
