package network

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/device/config"
)

// File is one file for systemd-networkd.
type File struct{ Name, Text string }

const (
	prefix  = "10-encoderbox-" // of every file of ours, and of no other's
	netdev  = ".netdev"
	network = ".network"
	// others is the file for wired interfaces that are not listed. ~ sorts behind all
	// that a name can begin with: listed interfaces are matched first.
	others = prefix + "~wired" + network
	// wired are the kernel's and systemd's names for interfaces with a cable.
	wired = "en* eth* lan* wan* usb*"
	// blink is how long a cable may be out, or a switch restart its port, before the
	// addresses are given up, and with them every connection.
	blink = "5s"

	head = "# Made by encoderd from [network] of its configuration: changes here are lost.\n"
)

// Files are what systemd-networkd needs to make the network what the configuration
// says, by name; none without manage.
func Files(c config.Network) (files []File) {
	if !c.Manage {
		return nil
	}
	for _, name := range c.InterfaceNames() {
		i := c.Interfaces[name]
		if i.VLAN != 0 {
			files = append(files, File{prefix + name + netdev, netdevText(name, i)})
		}
		files = append(files, File{prefix + name + network, networkText(name, i, c)})
	}
	dhcp := config.NetworkInterface{Method: config.NetworkDHCP, LinkLocal: true}
	files = append(files, File{others, networkText(wired, dhcp, c)})
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files
}

// text is a file in the making.
type text struct{ strings.Builder }

func (t *text) section(name string) { fmt.Fprintf(t, "\n[%s]\n", name) }

// set writes a setting, unless its value is empty.
func (t *text) set(key, value string) {
	if value != "" {
		fmt.Fprintf(t, "%s=%s\n", key, value)
	}
}

func netdevText(name string, i config.NetworkInterface) string {
	var t text
	t.WriteString(head)
	t.section("NetDev")
	t.set("Name", name)
	t.set("Kind", "vlan")
	t.section("VLAN")
	t.set("Id", strconv.Itoa(i.VLAN))
	return t.String()
}

func networkText(match string, i config.NetworkInterface, c config.Network) string {
	var t text
	t.WriteString(head)
	t.section("Match")
	t.set("Name", match)
	t.section("Link")
	t.set("RequiredForOnline", "no") // a box without a cable starts as fast
	t.set("MTUBytes", unless0(i.MTU))
	if i.Method == config.NetworkOff {
		t.set("ActivationPolicy", "always-down")
		t.section("Network")
		t.set("DHCP", "no")
		t.set("LinkLocalAddressing", "no")
		t.set("IPv6AcceptRA", "no")
		return t.String()
	}
	t.set("ActivationPolicy", "up")
	t.section("Network")
	t.set("IgnoreCarrierLoss", blink)
	if i.Method == config.NetworkStatic {
		t.set("DHCP", "no")
		t.set("LinkLocalAddressing", "ipv6")
		t.set("IPv6AcceptRA", "no")
	} else {
		t.set("DHCP", "ipv4")
		t.set("LinkLocalAddressing", choose(i.LinkLocal, "yes", "ipv6"))
		t.set("IPv6AcceptRA", "yes")
	}
	for _, a := range i.Servers() {
		t.set("DNS", a.String())
	}
	for _, name := range c.InterfaceNames() {
		if v := c.Interfaces[name]; v.VLAN != 0 && v.Parent == match {
			t.set("VLAN", name)
		}
	}
	if i.Method == config.NetworkStatic {
		t.addresses(i)
	} else {
		t.dhcp(i, c.Hostname)
	}
	return t.String()
}

func (t *text) addresses(i config.NetworkInterface) {
	for _, p := range i.Addresses() {
		t.section("Address")
		t.set("Address", p.String())
		t.set("DuplicateAddressDetection", choose(p.Addr().Is4(), "ipv4", ""))
	}
	if i.Gateway != "" {
		t.section("Route")
		t.set("Gateway", i.GatewayAddr().String())
		t.set("Metric", unless0(i.Metric))
	}
}

func (t *text) dhcp(i config.NetworkInterface, hostname string) {
	own := choose(i.DNS != "", "no", "") // name servers
	t.section("DHCPv4")
	// A box on a read-only root may have another machine ID after each start, and its
	// server then another address for it.
	t.set("ClientIdentifier", "mac")
	t.set("UseDNS", own)
	t.set("UseHostname", choose(hostname != "", "no", ""))
	t.set("RouteMetric", unless0(i.Metric))
	if own == "" && i.Metric == 0 {
		return
	}
	t.section("IPv6AcceptRA")
	t.set("UseDNS", own)
	t.set("RouteMetric", unless0(i.Metric))
	if own != "" {
		t.section("DHCPv6")
		t.set("UseDNS", own)
	}
}

func choose(holds bool, then, otherwise string) string {
	if holds {
		return then
	}
	return otherwise
}

func unless0(n int) string { return choose(n != 0, strconv.Itoa(n), "") }
