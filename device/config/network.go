package config

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Network is how the box is on the network. Equal compares two.
type Network struct {
	Manage      bool                        `toml:"manage" default:"false" help:"Have encoderd configure the network, by systemd-networkd. Off: whatever the box's distribution does stays, and only hostname is taken from here. The firmware image's own configuration turns it on. See docs/network.md."`
	Hostname    string                      `toml:"hostname" unit:"1 to 63 of a-z, 0-9 and -" help:"The box's name on the network, without a domain. Empty: the name that it has already."`
	WifiCountry string                      `toml:"wifi_country" unit:"two capital letters" help:"The country that the box is in, for Wi-Fi: its rules say which channels may be used, and how loud. Empty: what is allowed everywhere, which leaves most channels of 5 GHz out."`
	Interfaces  map[string]NetworkInterface `toml:"interfaces" help:"One network interface each; NAME is the kernel's name of it, such as eth0, or a VLAN's that you choose. With manage, a wired interface that is not listed takes its address by DHCP."`
}

// The methods of an interface.
const (
	NetworkDHCP   = "dhcp"
	NetworkStatic = "static"
	NetworkOff    = "off"
)

// NetworkInterface is one interface's part. It is comparable.
type NetworkInterface struct {
	Method     string `toml:"method" default:"dhcp" enum:"dhcp|static|off" help:"dhcp: addresses come from the network (IPv4 by DHCP, IPv6 by router advertisements); static: address holds; off: the interface is kept down."`
	Address    string `toml:"address" unit:"address/prefix, several separated by commas" help:"For method static: the box's addresses, IPv4 or IPv6, such as \"192.168.1.20/24\"."`
	Gateway    string `toml:"gateway" unit:"address" help:"For method static: the router that leads out of the network, within the net of an address. Empty: none."`
	DNS        string `toml:"dns" unit:"addresses, separated by commas" help:"Name servers. With dhcp they replace those that the network tells."`
	MTU        int    `toml:"mtu" default:"0" min:"0" max:"9216" unit:"bytes; 0: the driver's" help:"Largest packet: 576 or more, 1280 or more with IPv6."`
	VLAN       int    `toml:"vlan" default:"0" min:"0" max:"4094" unit:"VLAN ID; 0: no VLAN" help:"Makes this interface a VLAN (802.1Q) on parent."`
	Parent     string `toml:"parent" help:"For a VLAN: the interface that carries it, which is listed too."`
	LinkLocal  bool   `toml:"link_local" default:"true" help:"With dhcp: take an address of 169.254.0.0/16 as long as no DHCP server answers, so that a laptop on the same cable finds the box."`
	Metric     int    `toml:"metric" default:"0" min:"0" max:"65535" unit:"0: systemd-networkd's; a modem's: 4096" help:"Which interface leads out of the network, of several: the lowest."`
	SSID       string `toml:"ssid" unit:"1 to 32 bytes" help:"For a Wi-Fi interface: the name of the network to join; method and addresses are as with a cable. Empty: its Wi-Fi is left to the box's distribution."`
	Passphrase Secret `toml:"passphrase" help:"The passphrase of the Wi-Fi network (WPA2, WPA3): 8 to 63 ASCII characters, or 64 hexadecimal digits. Empty: it is an open network."`
	Hidden     bool   `toml:"hidden" default:"false" help:"The Wi-Fi network does not tell its name, and has to be asked for by it."`

	APN         string `toml:"apn" unit:"1 to 100 of letters, digits, ., - and _" help:"For a mobile modem's interface, such as wwan0: the access point name that the SIM's operator gives. Empty: the interface is no modem's, or its modem is left to the box's distribution."`
	PIN         Secret `toml:"pin" unit:"4 to 8 digits" help:"For a modem: the SIM's PIN. A wrong one is tried once."`
	APNUser     string `toml:"apn_user" help:"For a modem: the user name that goes with apn; most operators have none."`
	APNPassword Secret `toml:"apn_password" help:"For a modem: the password of apn_user."`
	Roaming     bool   `toml:"roaming" default:"false" help:"For a modem: connect also in networks that are not the SIM's own, which may cost."`
}

// Addresses are the static addresses, in their order; those that are none are left out.
func (i NetworkInterface) Addresses() (all []netip.Prefix) {
	for text := range listed(i.Address) {
		if p, err := netip.ParsePrefix(text); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// GatewayAddr is the gateway; the zero Addr where there is none.
func (i NetworkInterface) GatewayAddr() netip.Addr {
	a, _ := netip.ParseAddr(i.Gateway)
	return a
}

// Servers are the name servers, in their order; those that are none are left out.
func (i NetworkInterface) Servers() (all []netip.Addr) {
	for text := range listed(i.DNS) {
		if a, err := netip.ParseAddr(text); err == nil {
			all = append(all, a)
		}
	}
	return all
}

// InterfaceNames are the names of the configured interfaces, sorted.
func (n Network) InterfaceNames() []string { return slices.Sorted(maps.Keys(n.Interfaces)) }

// Equal says whether both configure the same.
func (n Network) Equal(o Network) bool {
	return n.Manage == o.Manage && n.Hostname == o.Hostname && n.WifiCountry == o.WifiCountry && maps.Equal(n.Interfaces, o.Interfaces)
}

// Clone shares nothing with n.
func (n Network) Clone() Network {
	interfaces := make(map[string]NetworkInterface, len(n.Interfaces))
	maps.Copy(interfaces, n.Interfaces)
	n.Interfaces = interfaces
	return n
}

// listed are the items of a list in one text.
func listed(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" && !yield(item) {
				return
			}
		}
	}
}

const (
	interfaceNameMost = 15 // IFNAMSIZ with its zero
	mtuLeast          = 576
	mtuLeastIPv6      = 1280
)

var hostnamePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckHostname says what is wrong with a box's name.
func CheckHostname(name string) error {
	if !hostnamePattern.MatchString(name) {
		return fmt.Errorf(`got %s, expected 1 to 63 of a-z, 0-9 and -, without - at the ends, such as "encoder-1"`, quote(name))
	}
	return nil
}

// validateNetwork checks the interfaces by themselves and against each other.
func (d *decoder) validateNetwork(n Network) {
	if n.Hostname != "" && d.good("network", "hostname") {
		if err := CheckHostname(n.Hostname); err != nil {
			d.fail("network.hostname", "%v", err)
		}
	}
	d.validateCountry(n)
	nets := map[netip.Addr]string{} // interfaces by the static addresses they have
	for _, name := range n.InterfaceNames() {
		path, i := "network.interfaces."+name, n.Interfaces[name]
		if len(name) > interfaceNameMost || name == "lo" {
			d.fail(path, "not the name of a network interface: expected 1 to %d characters, and not lo", interfaceNameMost)
		}
		d.validateAddresses(path, name, i, nets)
		d.validateGateway(path, i)
		d.validateMTU(path, i)
		d.validateVLAN(path, name, i, n)
		d.validateModem(path, i, n)
		d.validateWifi(path, i)
	}
}

// validateAddresses checks the addresses of an interface and its name servers.
func (d *decoder) validateAddresses(path, name string, i NetworkInterface, have map[netip.Addr]string) {
	if !d.good(path, "method", "address", "dns") {
		return
	}
	if i.Method == NetworkStatic && i.Address == "" {
		d.fail(path+".address", `missing: method "static" needs the box's address, such as "192.168.1.20/24"`)
	}
	if i.Method != NetworkStatic && i.Address != "" {
		d.fail(path+".address", `is for method "static", and method is %q: remove it, or set method to "static"`, i.Method)
		return
	}
	for text := range listed(i.Address) {
		p, err := checkAddress(text)
		if err != nil {
			d.fail(path+".address", "%v", err)
			return
		}
		if other, taken := have[p.Addr()]; taken {
			d.fail(path+".address", "interface %s has %s already, expected each address once", other, p.Addr())
			return
		}
		have[p.Addr()] = name
	}
	for text := range listed(i.DNS) {
		if a, err := netip.ParseAddr(text); err != nil || a.IsUnspecified() || a.Zone() != "" {
			d.fail(path+".dns", `got %s, expected addresses of name servers, such as "192.168.1.1, 9.9.9.9"`, quote(text))
			return
		}
	}
}

// checkAddress reads an address that an interface can have.
func checkAddress(text string) (netip.Prefix, error) {
	const example = `such as "192.168.1.20/24"`
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.Prefix{}, fmt.Errorf("got %s without the length of its net, expected address/prefix, %s", quote(text), example)
	}
	p, err := netip.ParsePrefix(text)
	a := p.Addr()
	switch {
	case err != nil:
		return p, fmt.Errorf("got %s, expected address/prefix, %s", quote(text), example)
	case a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.Is4In6() || p.Bits() == 0:
		return p, fmt.Errorf("got %s, which no interface can have, expected an address of the box's own, %s", quote(text), example)
	case a.Is4() && p.Bits() <= 30 && (a == p.Masked().Addr() || a == lastOf(p)):
		return p, fmt.Errorf("got %s, which is the net itself or its broadcast address, expected an address in it, such as %q", quote(text), netip.PrefixFrom(p.Masked().Addr().Next(), p.Bits()))
	}
	return p, nil
}

// lastOf is the broadcast address of an IPv4 net.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}

// validateGateway checks that the gateway is within the net of an address.
func (d *decoder) validateGateway(path string, i NetworkInterface) {
	if i.Gateway == "" || !d.good(path, "method", "address", "gateway") {
		return
	}
	at := path + ".gateway"
	if i.Method != NetworkStatic {
		d.fail(at, `is for method "static", and method is %q: remove it, or set method to "static"`, i.Method)
		return
	}
	gateway, err := netip.ParseAddr(i.Gateway)
	if err != nil || gateway.IsUnspecified() || gateway.Zone() != "" {
		d.fail(at, `got %s, expected the address of a router, such as "192.168.1.1"`, quote(i.Gateway))
		return
	}
	var nets []string
	for _, p := range i.Addresses() {
		if p.Addr() == gateway {
			d.fail(at, "got %s, which is the box's own address, expected the router's", gateway)
			return
		}
		if p.Contains(gateway) {
			return
		}
		nets = append(nets, p.Masked().String())
	}
	if gateway.IsLinkLocalUnicast() && gateway.Is6() {
		return // how IPv6 routers are reached
	}
	d.fail(at, "got %s, expected an address in the net of address, which is %s: correct one of the two", gateway, strings.Join(nets, ", "))
}

func (d *decoder) validateMTU(path string, i NetworkInterface) {
	if i.MTU == 0 || !d.good(path, "mtu", "address") {
		return
	}
	six := slices.ContainsFunc(i.Addresses(), func(p netip.Prefix) bool { return p.Addr().Is6() })
	switch {
	case i.MTU < mtuLeast:
		d.fail(path+".mtu", "got %d, expected %d to 9216, or 0 for the driver's", i.MTU, mtuLeast)
	case six && i.MTU < mtuLeastIPv6:
		d.fail(path+".mtu", "got %d, expected %d or more, since address has an IPv6 address", i.MTU, mtuLeastIPv6)
	}
}

// validateVLAN checks that a VLAN has a parent that can carry it.
func (d *decoder) validateVLAN(path, name string, i NetworkInterface, n Network) {
	if !d.good(path, "vlan", "parent") {
		return
	}
	parent, known := n.Interfaces[i.Parent]
	switch {
	case i.VLAN == 0 && i.Parent == "":
		return
	case i.VLAN == 0:
		d.fail(path+".vlan", "missing: parent is set, expected the VLAN's ID, 1 to 4094")
	case i.Parent == "":
		d.fail(path+".parent", `missing: a VLAN needs the interface that carries it, such as "eth0"`)
	case i.Parent == name:
		d.fail(path+".parent", "got %s, which is the VLAN itself, expected the interface that carries it", quote(i.Parent))
	case len(i.Parent) > interfaceNameMost || !namePattern.MatchString(i.Parent) || i.Parent == "lo":
		d.fail(path+".parent", `got %s, expected the name of an interface, such as "eth0"`, quote(i.Parent))
	case !known:
		d.fail(path+".parent", "there is no interface %s here, expected one of [network.interfaces]: add [network.interfaces.%s]", quote(i.Parent), i.Parent)
	case parent.VLAN != 0:
		d.fail(path+".parent", "%s is a VLAN itself, expected the interface that carries both", i.Parent)
	case parent.Method == NetworkOff:
		d.fail(path+".parent", `%s is off, expected an interface that is up: set its method to "static" or "dhcp"`, i.Parent)
	default:
		for _, other := range n.InterfaceNames() {
			if o := n.Interfaces[other]; other < name && o.VLAN == i.VLAN && o.Parent == i.Parent {
				d.fail(path+".vlan", "%s is VLAN %d on %s already, expected each VLAN once", other, i.VLAN, i.Parent)
			}
		}
	}
}
