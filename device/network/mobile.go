package network

import (
	"net/netip"
	"slices"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/network/modem"
	"github.com/encoderbox/encoderbox/device/status"
)

// modemMetric is that of modems' routes where none is configured: behind those of
// systemd-networkd for cables (1024; by router advertisements up to 2048).
const modemMetric = 4096

// mobile are the mobile modems. It is not safe for concurrent use.
type mobile struct {
	modems *modem.Modems
	files  []File // as follow made them last
}

func newMobile(o Options) *mobile {
	o.Modems.Log = o.Log
	return &mobile{modems: modem.New(o.Modems)}
}

// follow has the modems be as c says, and returns the files for their interfaces as they
// are now.
func (m *mobile) follow(c config.Network) []File {
	m.modems.Set(modem.Wanted(c))
	m.files = modemFiles(c, m.modems.Reports())
	return m.files
}

// differs says that the modems need other files than follow returned.
func (m *mobile) differs(c config.Network) bool {
	return !slices.Equal(m.files, modemFiles(c, m.modems.Reports()))
}

// show adds to interfaces what their modems say, and returns the modems' reports.
func (m *mobile) show(all []status.NetworkInterface) map[string]modem.Report {
	reports := m.modems.Reports()
	showModems(all, reports)
	return reports
}

func showModems(all []status.NetworkInterface, reports map[string]modem.Report) {
	for _, r := range reports {
		for n := range all {
			i := &all[n]
			if i.Name != r.Interface || r.Modem == nil {
				continue
			}
			i.Modem, i.Method = r.Modem, config.NetworkDHCP
			if i.State == stateNoCable || i.State == stateOff {
				i.State = stateNoAddress // it has no cable, and is kept down while it is not connected
			}
		}
	}
}

// addProblems adds the modems' problems to what holds, and returns the codes that they
// can have.
func addProblems(holds verdict, reports map[string]modem.Report) []string {
	for name, r := range reports {
		if p := r.Problem; p != nil {
			holds.add(p.Code, p.Severity, "%s: %s", name, p.Message)
		}
	}
	return modem.Codes()
}

// modemFiles are the files for the interfaces of modems, sorted.
func modemFiles(c config.Network, reports map[string]modem.Report) (files []File) {
	wanted := modem.Wanted(c)
	for _, name := range c.InterfaceNames() {
		if _, ok := wanted[name]; !ok {
			continue
		}
		match, r := name, reports[name]
		if r.Interface != "" {
			match = r.Interface
		}
		text := idleText(match)
		if r.Bearer != nil {
			text = bearerText(c.Interfaces[name], *r.Bearer, c.Hostname)
		}
		files = append(files, File{prefix + name + network, text})
	}
	return files
}

// idleText is for the interface of a modem that is not connected.
func idleText(match string) string {
	var t text
	t.WriteString(head)
	t.section("Match")
	t.set("Name", match)
	t.section("Link")
	t.set("RequiredForOnline", "no")
	t.set("ActivationPolicy", "down") // as modems want it before they connect
	t.section("Network")
	t.set("DHCP", "no")
	t.set("LinkLocalAddressing", "no")
	t.set("IPv6AcceptRA", "no")
	return t.String()
}

// bearerText is for the interface of a modem that is connected.
func bearerText(i config.NetworkInterface, b modem.Bearer, hostname string) string {
	if i.Metric == 0 {
		i.Metric = modemMetric
	}
	if i.MTU == 0 {
		i.MTU = max(b.V4.MTU, b.V6.MTU)
	}
	var t text
	t.WriteString(head)
	t.section("Match")
	t.set("Name", b.Interface)
	t.section("Link")
	t.set("RequiredForOnline", "no")
	t.set("MTUBytes", unless0(i.MTU))
	t.set("ActivationPolicy", "up")
	t.section("Network")
	t.set("IgnoreCarrierLoss", blink)
	t.set("DHCP", choose(b.V4.Method == modem.DHCP, "ipv4", "no"))
	// With an address to begin with, router advertisements are asked for from that one.
	t.set("LinkLocalAddressing", choose(b.V6.Method == modem.DHCP && !b.V6.Address.IsValid(), "ipv6", "no"))
	t.set("IPv6AcceptRA", choose(b.V6.Method == modem.DHCP, "yes", "no"))
	servers := i.Servers()
	if len(servers) == 0 {
		servers = slices.Concat(b.V4.DNS, b.V6.DNS)
	}
	for _, a := range servers {
		t.set("DNS", a.String())
	}
	t.bearer(b.V4, i.Metric, "0.0.0.0/0")
	t.bearer(b.V6, i.Metric, "::/0")
	if b.V4.Method == modem.DHCP || b.V6.Method == modem.DHCP {
		t.dhcp(i, hostname)
	}
	return t.String()
}

// bearer is a bearer's address of one kind, and the way out by it.
func (t *text) bearer(ip modem.IP, metric int, all string) {
	if ip.Address.IsValid() && (ip.Method == modem.Static || ip.Address.Addr().Is6()) {
		t.section("Address")
		t.set("Address", ip.Address.String())
		t.set("DuplicateAddressDetection", "none") // nobody else is on the link
	}
	if ip.Method != modem.Static {
		return
	}
	t.section("Route")
	t.set("Destination", all)
	if ip.Gateway != (netip.Addr{}) {
		t.set("Gateway", ip.Gateway.String())
		t.set("GatewayOnLink", "yes") // networks give ones outside of the address's net
	}
	t.set("Metric", unless0(metric))
}
