package usbip

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Controller is where the kernel's virtual host controller is in sysfs.
const Controller = "/sys/devices/platform/vhci_hcd.0"

const (
	highSpeed  = 3 // enum usb_device_speed
	deviceID   = 1<<16 | 2
	portFree   = "004" // VDEV_ST_NULL
	portWait   = 5 * time.Second
	portPeriod = 20 * time.Millisecond
)

// Plug connects the device to a port of the controller, from 0, and waits until
// the port is free if something was unplugged there. It returns the device's
// end, for Serve; closing that unplugs it.
func Plug(ctx context.Context, controller string, port int) (net.Conn, error) {
	if err := awaitPort(ctx, controller, port); err != nil {
		return nil, err
	}
	// The kernel keeps its end by itself; no network is needed.
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("usbip: make a pair of sockets: %w", err)
	}
	ours, kernels := os.NewFile(uintptr(ends[0]), "usbip"), os.NewFile(uintptr(ends[1]), "vhci")
	defer func() { _, _ = ours.Close(), kernels.Close() }()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("usbip: use a socket: %w", err)
	}
	line := fmt.Sprintf("%d %d %d %d", port, kernels.Fd(), deviceID, highSpeed)
	if err := os.WriteFile(filepath.Join(controller, "attach"), []byte(line), 0); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("usbip: plug into port %d: %w", port, err)
	}
	return conn, nil
}

func awaitPort(ctx context.Context, controller string, port int) error {
	ctx, cancel := context.WithTimeout(ctx, portWait)
	defer cancel()
	for {
		free, err := portIsFree(controller, port)
		if err != nil || free {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("usbip: port %d is in use", port)
		case <-time.After(portPeriod):
		}
	}
}

// portIsFree reads the controller's table: hub, port, state, and more.
func portIsFree(controller string, port int) (bool, error) {
	file := filepath.Join(controller, "status")
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return false, fmt.Errorf("usbip: %w; is the module vhci-hcd loaded?", err)
	} else if err != nil {
		return false, fmt.Errorf("usbip: %w", err)
	}
	for lines := bufio.NewScanner(strings.NewReader(string(b))); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) >= 3 && f[0] == "hs" {
			if n, err := strconv.Atoi(f[1]); err == nil && n == port {
				return f[2] == portFree, nil
			}
		}
	}
	return false, fmt.Errorf("usbip: %s has no high-speed port %d", file, port)
}
