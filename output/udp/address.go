package udp

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/mux/ts/pace"
)

// defaultTTL is how far multicast travels where nothing is set.
const defaultTTL = 8

// settings are a target taken apart.
type settings struct {
	rtp   bool
	host  string
	port  uint16
	ttl   int
	iface string
	rate  int
}

func (s settings) address() string { return net.JoinHostPort(s.host, strconv.Itoa(int(s.port))) }

// known are the options of both kinds.
var known = []string{"ttl", "interface", "mux_rate"}

// read takes a target apart: udp://HOST:PORT or rtp://HOST:PORT.
func read(t output.Target) (settings, error) {
	s := settings{ttl: defaultTTL}
	if t.URL == nil || t.URL.Hostname() == "" || t.URL.Port() == "" {
		return s, errors.New("the URL reads udp://HOST:PORT or rtp://HOST:PORT: host or port is missing (MPEG-TS has no usual port)")
	}
	u := t.URL
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	s.rtp = strings.EqualFold(u.Scheme, "rtp")
	switch {
	case err != nil || port == 0:
		return s, fmt.Errorf("port %q is not a number from 1 to 65535", u.Port())
	case s.rtp && port == 65535:
		return s, errors.New("port 65535 leaves none for RTCP, which takes the next one: use an even port")
	case u.User != nil:
		return s, errors.New("there is no user name in UDP: leave out the @ and what is before it (receivers write udp://@GROUP:PORT, senders do not)")
	case strings.Trim(u.Path, "/") != "" || u.Fragment != "":
		return s, errors.New("UDP has no path: the URL ends behind the port")
	case u.RawQuery != "" && u.RawQuery != "pkt_size=1316":
		return s, fmt.Errorf("nothing of what is behind the question mark is known here: set %s instead; a datagram always has 1316 bytes of transport stream", strings.Join(known, ", "))
	}
	s.host, s.port = u.Hostname(), uint16(port)
	err = s.options(t.Options)
	return s, err
}

// options reads the kind's own.
func (s *settings) options(given map[string]string) (err error) {
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, key) {
			return fmt.Errorf("unknown option %q; known are %s", key, strings.Join(known, ", "))
		}
	}
	if v := given["ttl"]; v != "" && v != "auto" {
		if s.ttl, err = strconv.Atoi(v); err != nil || s.ttl < 1 || s.ttl > 255 {
			return fmt.Errorf("ttl %q is not a number from 1 to 255", v)
		}
	}
	if s.iface = given["interface"]; s.iface == "auto" {
		s.iface = ""
	}
	if ip, err := netip.ParseAddr(s.host); err == nil && s.iface != "" && !ip.IsMulticast() {
		return fmt.Errorf("interface is for multicast, and %s is one receiver's address, which the routes lead to: remove it", s.host)
	}
	s.rate, err = pace.Rate(given)
	return err
}

// Check says what is wrong with a target before anything is sent.
func Check(t output.Target) error {
	_, err := read(t)
	return err
}
