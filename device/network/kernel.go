package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/device/network/wifi"
)

// link is an interface as the kernel has it.
type link struct {
	name        string
	mac         string
	up, carrier bool
	mtu, speed  int
	addresses   []address
	gateway     netip.Addr // of the best default route by it; zero without one
	dns         []string   // as systemd-networkd knows them
	wireless    bool       // it has a radio
	radio       wifi.Link  // of a wireless one, as far as the box joins networks by it
}

type address struct {
	prefix    netip.Prefix
	duplicate bool // the kernel found another machine with it (IPv6 only)
}

// kernel reads interfaces, addresses and routes by netlink.
type kernel struct {
	root  fs.FS
	enter func(f func() error) error
}

// mostLinks bounds what is reported of a machine with very many interfaces.
const mostLinks = 64

// list is what the kernel has now, loopback and parts of bridges and bonds left out.
func (k *kernel) list() ([]link, error) {
	var h *netlink.Handle
	err := k.enter(func() (err error) {
		h, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("network: open a netlink socket: %w", err)
	}
	defer h.Close()
	const attempts = 3 // something changed while it was listed
	var links []link
	for range attempts {
		if links, err = k.read(h); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return links, err
}

func (k *kernel) read(h *netlink.Handle) (links []link, err error) {
	found, err := h.LinkList()
	if err != nil {
		return nil, fmt.Errorf("network: list interfaces: %w", err)
	}
	addresses, err := addressesOf(h)
	if err != nil {
		return nil, err
	}
	routes, err := routesOf(h)
	if err != nil {
		return nil, err
	}
	for _, l := range found {
		a := l.Attrs()
		if a.RawFlags&unix.IFF_LOOPBACK != 0 || a.MasterIndex != 0 || len(links) == mostLinks {
			continue
		}
		up := a.RawFlags&unix.IFF_UP != 0
		links = append(links, link{
			name: a.Name, mac: a.HardwareAddr.String(), mtu: a.MTU, speed: k.speed(a.Name),
			up: up, carrier: up && a.RawFlags&unix.IFF_LOWER_UP != 0,
			addresses: addresses[a.Index], gateway: routes[a.Index].gateway, dns: k.servers(a.Index),
			wireless: k.wireless(a.Name),
		})
	}
	return links, nil
}

// addressesOf are the addresses by the index of their interface.
func addressesOf(h *netlink.Handle) (map[int][]address, error) {
	found, err := h.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("network: list addresses: %w", err)
	}
	all := map[int][]address{}
	for _, a := range found {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok {
			continue
		}
		bits, _ := a.Mask.Size()
		all[a.LinkIndex] = append(all[a.LinkIndex], address{netip.PrefixFrom(ip.Unmap(), bits), a.Flags&unix.IFA_F_DADFAILED != 0})
	}
	return all, nil
}

// route is a default route.
type route struct {
	gateway netip.Addr
	metric  int
}

// routesOf are the best default routes by the index of their interface, of IPv4 where
// there is one.
func routesOf(h *netlink.Handle) (map[int]route, error) {
	all := map[int]route{}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		// A filter without a destination is for default routes.
		routes, err := h.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_DST)
		if err != nil {
			return nil, fmt.Errorf("network: list routes: %w", err)
		}
		for _, r := range routes {
			gateway, ok := netip.AddrFromSlice(r.Gw)
			have, known := all[r.LinkIndex]
			if ok && (!known || gateway.Is4() == have.gateway.Is4() && r.Priority < have.metric) {
				all[r.LinkIndex] = route{gateway, r.Priority}
			}
		}
	}
	return all, nil
}

// speed is a link's in Mb/s, 0 where the driver does not tell.
func (k *kernel) speed(name string) int {
	doc, err := fs.ReadFile(k.root, "sys/class/net/"+name+"/speed")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(doc)))
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// wireless says whether an interface is one of Wi-Fi.
func (k *kernel) wireless(name string) bool {
	_, err := fs.Stat(k.root, "sys/class/net/"+name+"/phy80211")
	return err == nil
}

// servers are an interface's name servers, from the file in which systemd-networkd tells
// its own programs; none where it does not manage the interface.
func (k *kernel) servers(index int) []string {
	doc, err := fs.ReadFile(k.root, "run/systemd/netif/links/"+strconv.Itoa(index))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(doc)) {
		if list, ok := strings.CutPrefix(line, "DNS="); ok {
			return strings.Fields(list)
		}
	}
	return nil
}

// watch puts a token into news whenever interfaces, addresses or routes change, until
// ctx ends. Where the kernel could not tell all (its queue ran over), it subscribes
// anew, and gives one token for what was missed.
func (k *kernel) watch(ctx context.Context, news chan<- struct{}, log *slog.Logger) {
	const again = time.Second
	for ctx.Err() == nil {
		if err := k.follow(ctx, news); err != nil && ctx.Err() == nil {
			log.Warn("network: no word from the kernel, asking it by time until there is", "err", err)
		}
		pause(ctx, again)
	}
}

// follow is watch until something goes wrong.
func (k *kernel) follow(ctx context.Context, news chan<- struct{}) error {
	links, addrs, routes := make(chan netlink.LinkUpdate), make(chan netlink.AddrUpdate), make(chan netlink.RouteUpdate)
	done := make(chan struct{})
	failed := make(chan error, 1)
	fail := func(err error) {
		select {
		case failed <- err:
		default:
		}
	}
	var open []func() // drain what is subscribed to
	err := k.enter(func() error {
		if err := netlink.LinkSubscribeWithOptions(links, done, netlink.LinkSubscribeOptions{ErrorCallback: fail}); err != nil {
			return err
		}
		open = append(open, func() { drain(links) })
		if err := netlink.AddrSubscribeWithOptions(addrs, done, netlink.AddrSubscribeOptions{ErrorCallback: fail}); err != nil {
			return err
		}
		open = append(open, func() { drain(addrs) })
		if err := netlink.RouteSubscribeWithOptions(routes, done, netlink.RouteSubscribeOptions{ErrorCallback: fail}); err != nil {
			return err
		}
		open = append(open, func() { drain(routes) })
		return nil
	})
	defer func() {
		close(done) // closes the sockets, which ends the goroutines that send
		for _, wait := range open {
			wait()
		}
	}()
	if err != nil {
		return fmt.Errorf("network: subscribe to the kernel's changes: %w", err)
	}
	for {
		select { // what changed before the subscription, and each word after
		case news <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("network: follow the kernel's changes: %w", err)
		case <-links: // once closed, failed says why
		case <-addrs:
		case <-routes:
		}
	}
}

// drain waits for a subscription's end.
func drain[T any](ch <-chan T) {
	for range ch { //nolint:revive // nobody wants these any more
	}
}
