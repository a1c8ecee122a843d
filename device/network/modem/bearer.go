package modem

import (
	"context"
	"net/netip"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Bearer is a connection to the network, as its interface is to be configured.
type Bearer struct {
	Interface string // of the kernel, which carries it
	V4, V6    IP
}

// Method is how an interface gets its address.
type Method uint32

// The methods, as ModemManager numbers them.
const (
	None   Method = 0 // no address of the kind
	PPP    Method = 1 // by a serial line
	Static Method = 2
	DHCP   Method = 3 // of IPv6: by router advertisements
)

// IP is a bearer's address of one kind.
type IP struct {
	Method  Method
	Address netip.Prefix // with DHCP of IPv6, the link-local one to begin with, where the network gave one
	Gateway netip.Addr   // the zero Addr: everything is on the link
	DNS     []netip.Addr
	MTU     int // 0: not told
}

// usable says that the interface can be configured so.
func (b *Bearer) usable() bool {
	ok := func(m Method) bool { return m == Static || m == DHCP }
	return nameable(b.Interface) && (ok(b.V4.Method) || ok(b.V6.Method))
}

// nameable says that a name can be an interface's: it goes into a file, where nothing else may.
func nameable(name string) bool {
	return name != "" && len(name) < 16 && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`/*?[]!"'\`, r)
	})
}

// ipOf reads an Ip4Config or Ip6Config. What is no address counts as not there.
func ipOf(v values, six bool) IP {
	ip := IP{Method: Method(as[uint32](v, "method")), MTU: int(as[uint32](v, "mtu"))}
	address := func(key string) netip.Addr {
		a, err := netip.ParseAddr(as[string](v, key))
		if err != nil || a.Is6() != six || a.Zone() != "" || a.IsUnspecified() {
			return netip.Addr{}
		}
		return a
	}
	if a := address("address"); a.IsValid() {
		bits := int(as[uint32](v, "prefix"))
		if bits == 0 || bits > a.BitLen() {
			bits = a.BitLen()
			if six {
				bits = 64
			}
		}
		ip.Address = netip.PrefixFrom(a, bits)
	}
	ip.Gateway = address("gateway")
	for _, key := range []string{"dns1", "dns2", "dns3"} {
		if a := address(key); a.IsValid() {
			ip.DNS = append(ip.DNS, a)
		}
	}
	if ip.Method == Static && !ip.Address.IsValid() || ip.Method > DHCP {
		return IP{}
	}
	return ip
}

// connected is the bearer of a modem that is connected with want, and its path; nil where
// there is none. The one at known is it in any case.
func (b *bus) connected(ctx context.Context, d device, want Settings, known dbus.ObjectPath) (*Bearer, dbus.ObjectPath, error) {
	for _, path := range as[[]dbus.ObjectPath](d.values, "Bearers") {
		v, err := b.all(ctx, path, bearerIface)
		if err != nil {
			if _, name := words(err); name == "org.freedesktop.DBus.Error.UnknownMethod" || name == "org.freedesktop.DBus.Error.UnknownObject" {
				continue // it has gone since
			}
			return nil, "", err
		}
		if as[bool](v, "Connected") && (path == known || want.made(as[values](v, "Properties"))) {
			return &Bearer{
				Interface: as[string](v, "Interface"),
				V4:        ipOf(as[values](v, "Ip4Config"), false), V6: ipOf(as[values](v, "Ip6Config"), true),
			}, path, nil
		}
	}
	return nil, "", nil
}

// made says that a bearer has the properties that the settings give it. Passwords are not
// told by all versions of ModemManager.
func (s Settings) made(v values) bool {
	roaming := true
	if _, ok := v["allow-roaming"]; ok {
		roaming = as[bool](v, "allow-roaming")
	}
	return strings.EqualFold(as[string](v, "apn"), s.APN) && as[string](v, "user") == s.User && roaming == s.Roaming
}

// The kinds of addresses to ask for (MMBearerIpFamily).
const (
	onlyV4 uint32 = 1
	both   uint32 = 4
)

// properties are what the modem is connected with.
func (s Settings) properties(family uint32) map[string]dbus.Variant {
	p := map[string]dbus.Variant{
		"apn": dbus.MakeVariant(s.APN), "ip-type": dbus.MakeVariant(family), "allow-roaming": dbus.MakeVariant(s.Roaming),
	}
	if s.User != "" {
		p["user"] = dbus.MakeVariant(s.User)
	}
	if !s.Password.IsZero() {
		p["password"] = dbus.MakeVariant(s.Password.Reveal())
	}
	return p
}
