package peer

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
)

// Place is a network namespace for a peer to run in, a link emulator's for example.
// The zero Place is the program's own, on 127.0.0.1.
type Place struct {
	// Do calls f on the calling goroutine, inside the namespace: what f starts, and
	// its sockets, stay there.
	Do   func(f func() error) error
	Addr netip.Addr // IPv4, of the namespace; 127.0.0.1 when unset
}

func (p Place) do(f func() error) error {
	if p.Do == nil {
		return f()
	}
	return p.Do(f)
}

func (p Place) addr() netip.Addr {
	if !p.Addr.IsValid() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return p.Addr
}

// host is the host and port of a server in the place.
func (p Place) host(port int) string { return net.JoinHostPort(p.addr().String(), strconv.Itoa(port)) }

// Client makes requests from inside the place. It leaves no connection open.
func (p Place) Client() *http.Client {
	if p.Do == nil {
		return http.DefaultClient
	}
	dial := func(ctx context.Context, network, address string) (c net.Conn, err error) {
		err = p.Do(func() error {
			c, err = (&net.Dialer{}).DialContext(ctx, network, address)
			return err
		})
		return c, err
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}
