package realtime

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// plainly makes a kind's connections as a program does that leaves TCP to the kernel:
// with the congestion control of its namespace, and with as much unsent in the socket
// as fits. The product's own connections choose both, which is part of what its law
// needs.
func plainly(k output.Kind) output.Kind {
	dial := k.Dial
	k.Dial = func(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
		c, err := dial(ctx, t, tracks)
		if err != nil {
			return nil, err
		}
		if err := plainSockets(); err != nil {
			_ = c.Close()
			return nil, err
		}
		return c, nil
	}
	return k
}

const plainCongestion = "cubic"

// plainSockets is for all TCP connections of this program.
func plainSockets() error {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("find the sockets: %w", err)
	}
	for _, e := range all {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err != nil || protocol != unix.IPPROTO_TCP {
			continue // no socket, or gone since
		}
		const unlimited = 1<<31 - 1
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unlimited); err != nil {
			return fmt.Errorf("lift the bound of unsent data: %w", err)
		}
		if err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, plainCongestion); err != nil {
			return fmt.Errorf("set congestion control %s: %w", plainCongestion, err)
		}
	}
	return nil
}
