// Package tun opens TUN interfaces: what the kernel routes into one is read as IP
// packets, what is written to one the kernel receives.
package tun

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

const device = "/dev/net/tun"

// ErrMissing is the error of [Open] on a machine without TUN.
var ErrMissing = errors.New(device + " is missing: load the kernel module tun (modprobe tun), or give the container the device")

// ErrPermission is the error of [Open] without the rights to make an interface.
var ErrPermission = errors.New("making a TUN interface needs root (CAP_NET_ADMIN, and " + device + " open to the user): run this as root, or with sudo")

// ErrEmpty is the error of [Interface.Read] when no packet waits.
var ErrEmpty = errors.New("tun: no packet waits")

// txQueue is how many packets the kernel holds for a reader that is late; more are
// lost without a trace, so it is far more than a sleep of the reader lets come.
const txQueue = 10_000

// Options of an interface.
type Options struct {
	Name string       // at most 15 bytes
	Addr netip.Prefix // IPv4
	MTU  int          // bytes
}

// Interface is a TUN interface that is up. It is not safe for concurrent use,
// except that one goroutine may read while another writes.
type Interface struct{ fd int }

// Open makes an interface in the network namespace of the calling thread and
// brings it up. It vanishes with Close, or with the program.
func Open(o Options) (*Interface, error) { return open(device, o) }

func open(path string, o Options) (*Interface, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("tun: open: %w", ErrMissing)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return nil, fmt.Errorf("tun: open: %w", ErrPermission)
	case err != nil:
		return nil, fmt.Errorf("tun: open %s: %w", path, err)
	}
	if err := configure(fd, o); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &Interface{fd: fd}, nil
}

func configure(fd int, o Options) error {
	if !o.Addr.IsValid() || !o.Addr.Addr().Is4() {
		return fmt.Errorf("tun: address %v of %s is no IPv4 prefix", o.Addr, o.Name)
	}
	req, err := unix.NewIfreq(o.Name)
	if err != nil {
		return fmt.Errorf("tun: interface name %q: %w", o.Name, err)
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		if errors.Is(err, unix.EPERM) {
			err = ErrPermission
		}
		return fmt.Errorf("tun: make interface %s: %w", o.Name, err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("tun: make a socket: %w", err)
	}
	defer unix.Close(s)
	addr := o.Addr.Addr().As4()
	mask := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), o.Addr.Bits()).Masked().Addr().As4()
	for _, step := range []struct {
		what string
		code uint
		set  func(*unix.Ifreq) error
	}{
		{"MTU", unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(uint32(o.MTU)); return nil }},
		{"queue length", unix.SIOCSIFTXQLEN, func(r *unix.Ifreq) error { r.SetUint32(txQueue); return nil }},
		{"address", unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(addr[:]) }},
		{"mask", unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr(mask[:]) }},
		{"state up", unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }},
	} {
		if err := step.set(req); err != nil {
			return fmt.Errorf("tun: %s of %s: %w", step.what, o.Name, err)
		}
		if err := unix.IoctlIfreq(s, step.code, req); err != nil {
			return fmt.Errorf("tun: set %s of %s: %w", step.what, o.Name, err)
		}
	}
	return nil
}

// Fd is the descriptor, for poll: it does not block.
func (t *Interface) Fd() int { return t.fd }

// Read reads one packet; [ErrEmpty] when there is none.
func (t *Interface) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(t.fd, b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, ErrEmpty
		default:
			return 0, fmt.Errorf("tun: read: %w", err)
		}
	}
}

// Write gives one packet to the kernel. It does not wait: a packet the kernel
// cannot take is lost, as the error says.
func (t *Interface) Write(b []byte) error {
	for {
		_, err := unix.Write(t.fd, b)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		default:
			return fmt.Errorf("tun: write: %w", err)
		}
	}
}

// Close removes the interface.
func (t *Interface) Close() error {
	if err := unix.Close(t.fd); err != nil {
		return fmt.Errorf("tun: close: %w", err)
	}
	return nil
}
