package udp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/output"
)

// sendBuffer is what the kernel may hold, as far as it lets us: a tenth of a
// second of 40 Mb/s. More would only hide that the link is too slow.
const sendBuffer = 512 << 10

// way is where datagrams go.
type way struct {
	ip    netip.Addr
	iface *net.Interface // that multicast leaves by; nil: the system's choice
	ttl   int
}

// find resolves a target's host and finds its interface.
func find(ctx context.Context, s settings) (way, error) {
	w := way{ttl: s.ttl}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.host)
	if err != nil {
		return w, output.NetworkError(s.address(), err)
	}
	w.ip = ips[0].Unmap()
	switch {
	case s.iface == "":
		return w, nil
	case !w.ip.IsMulticast():
		return w, output.WithCause(output.CauseLocal, fmt.Errorf("interface is for multicast, and %s is %v, one receiver's address, which the routes lead to: remove it", s.host, w.ip))
	}
	if w.iface, err = net.InterfaceByName(s.iface); err != nil {
		return w, output.WithCause(output.CauseLocal, fmt.Errorf("interface %q: the box has none of that name, it has %s", s.iface, interfaces()))
	}
	if w.iface.Flags&net.FlagUp == 0 {
		return w, output.WithCause(output.CauseLocal, fmt.Errorf("interface %q is down: plug its cable in, or choose another of %s", s.iface, interfaces()))
	}
	if w.ip.Is6() && w.ip.Zone() == "" {
		w.ip = w.ip.WithZone(s.iface)
	}
	return w, nil
}

// interfaces are the names of those of the box.
func interfaces() string {
	all, err := net.Interfaces()
	if err != nil || len(all) == 0 {
		return "none"
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	return strings.Join(names, ", ")
}

// open makes a socket that sends to one port. Nothing is sent.
func (w way) open(ctx context.Context, port uint16) (*net.UDPConn, error) {
	to := netip.AddrPortFrom(w.ip, port).String()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		if err := c.Control(func(fd uintptr) { failed = w.configure(int(fd)) }); err != nil {
			return err
		}
		return failed
	}}
	c, err := dialer.DialContext(ctx, "udp", to)
	if err != nil {
		return nil, output.NetworkError(to, err)
	}
	u, ok := c.(*net.UDPConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("udp: a socket for %s is a %T", to, c)
	}
	_ = u.SetWriteBuffer(sendBuffer) // what the kernel gives is enough for what is paced
	return u, nil
}

// configure sets what multicast needs, before the kernel chooses the route.
// Whether the box itself hears it stays the system's default: it does.
func (w way) configure(fd int) error {
	if !w.ip.IsMulticast() {
		return nil
	}
	level, hops := unix.IPPROTO_IP, unix.IP_MULTICAST_TTL
	if w.ip.Is6() {
		level, hops = unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS
	}
	if err := unix.SetsockoptInt(fd, level, hops, w.ttl); err != nil {
		return fmt.Errorf("set ttl %d: %w", w.ttl, err)
	}
	switch {
	case w.iface == nil:
		return nil
	case w.ip.Is6():
		if err := unix.SetsockoptInt(fd, level, unix.IPV6_MULTICAST_IF, w.iface.Index); err != nil {
			return fmt.Errorf("send by interface %s: %w", w.iface.Name, err)
		}
	default:
		if err := unix.SetsockoptIPMreqn(fd, level, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(w.iface.Index)}); err != nil {
			return fmt.Errorf("send by interface %s: %w", w.iface.Name, err)
		}
	}
	return nil
}
