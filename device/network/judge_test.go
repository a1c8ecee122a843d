package network

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func eth(name string, addresses ...string) link {
	l := link{name: name, mac: "02:00:00:00:00:01", up: true, carrier: true, mtu: 1500, speed: 1000}
	for _, a := range addresses {
		l.addresses = append(l.addresses, address{prefix: netip.MustParsePrefix(a)})
	}
	return l
}

func down(l link) link { l.up, l.carrier = false, false; return l }

func unplugged(l link) link { l.carrier = false; return l }

func TestStates(t *testing.T) {
	double := eth("eth0", "fd00::1/64")
	double.addresses[0].duplicate = true
	for state, links := range map[string][]link{
		stateOff:       {down(eth("eth0", "10.0.0.1/8"))},
		stateNoCable:   {unplugged(eth("eth0", "10.0.0.1/8"))},
		stateNoAddress: {eth("eth0"), eth("eth0", "fe80::1/64"), double},
		stateLinkLocal: {eth("eth0", "fe80::1/64", "169.254.3.4/16")},
		stateUp:        {eth("eth0", "fe80::1/64", "169.254.3.4/16", "10.0.0.1/8"), eth("eth0", "2001:db8::1/64")},
	} {
		for _, l := range links {
			require.Equal(t, state, l.state(), "%+v", l)
		}
	}
}

func TestReport(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c := parse(t, dhcp+"[network.interfaces.eth1]\nmethod = \"off\"\n")
	h := history{}
	l := eth("eth0", "fe80::1/64", "fd00::2/64", "10.0.0.2/24")
	l.gateway = netip.MustParseAddr("10.0.0.1")
	links := []link{eth("wlan0"), l, down(eth("eth1")), eth("end0")}
	all := h.report(links, c, start)
	require.Len(t, all, 4)
	names, methods := "", ""
	for _, i := range all {
		names, methods = names+i.Name+" ", methods+i.Method+" "
	}
	require.Equal(t, "end0 eth0 eth1 wlan0 ", names)
	require.Equal(t, "dhcp dhcp off  ", methods, "an interface that is not listed: by DHCP if it is wired")
	require.Equal(t, []string{"10.0.0.2/24", "fd00::2/64", "fe80::1/64"}, all[1].Addresses, "where people reach it comes first")
	require.Equal(t, "10.0.0.1", all[1].Gateway)
	require.Equal(t, start, all[1].Since)

	later := start.Add(time.Minute)
	links[1] = unplugged(l)
	all = h.report(links[1:2], c, later)
	require.Equal(t, later, all[0].Since)
	require.Len(t, h, 1, "interfaces that are gone are forgotten")
	require.Empty(t, h.report(links, parse(t, ""), later)[1].Method)
}

func TestConditions(t *testing.T) {
	const two = static + "[network.interfaces.eth1]\n"
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		doc   string
		links []link
		after time.Duration
		want  map[string]string // messages by code
	}{
		"all is well":        {two, []link{eth("eth0", "10.0.0.2/24"), eth("eth1", "10.1.0.2/24")}, time.Hour, nil},
		"not managed":        {"", []link{unplugged(eth("eth0"))}, time.Hour, nil},
		"off, as configured": {dhcp + "method = \"off\"\n", []link{down(eth("eth0")), eth("eth1", "10.1.0.2/24")}, time.Hour, nil},
		"no cable": {two, []link{unplugged(eth("eth0")), eth("eth1", "10.1.0.2/24")}, 0, map[string]string{
			conditionCable: "eth0: no link: plug the cable in",
		}},
		"two cables": {two, []link{unplugged(eth("eth0")), unplugged(eth("eth1"))}, 0, map[string]string{
			conditionCable: "eth0: no link: plug the cable in, and see that the other side is on; eth1: no link",
		}},
		"no adapter": {dhcp, []link{eth("eth1", "10.0.0.2/24")}, 0, map[string]string{
			conditionMissing: "eth0: there is no such interface: plug its adapter in, or remove network.interfaces.eth0",
		}},
		"DHCP takes its time": {dhcp, []link{eth("eth0")}, lease - 1, nil},
		"no DHCP server":      {dhcp, []link{eth("eth0")}, lease, map[string]string{conditionAddress: "eth0: no address: no DHCP server answers"}},
		"only an address of its own": {dhcp, []link{eth("eth0", "169.254.3.4/16")}, 0, map[string]string{
			conditionLinkLocal: "eth0: no DHCP server answers: the box is at 169.254.3.4, for machines on the same cable",
		}},
		"looking for duplicates": {static, []link{eth("eth0")}, contest - 1, nil},
		"another machine has it": {static, []link{eth("eth0", "fe80::1/64")}, contest, map[string]string{
			conditionDuplicate: "eth0: 10.0.0.2 is not there: another machine on the network has it",
		}},
		"down though configured": {dhcp, []link{down(eth("eth0"))}, lease, map[string]string{conditionAddress: "eth0: is down, though dhcp is configured"}},
		"fresh box without a cable": {"[network]\nmanage = true\n", []link{unplugged(eth("eth0"))}, lease, map[string]string{
			conditionAddress: "the box has no address: plug a network cable in",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, h := parse(t, c.doc), history{}
			h.report(c.links, cfg, start)
			now := start.Add(c.after)
			got := h.judge(cfg, c.links, h.report(c.links, cfg, now), now)
			require.Len(t, got, len(c.want), "%v", got)
			for code, message := range c.want {
				require.Contains(t, got[code].Message, message)
				require.Contains(t, judged(), code, "else it is never cleared")
			}
		})
	}
}

func TestAContestIsOverWhenTheAddressIsThere(t *testing.T) {
	start := time.Now()
	c, h := parse(t, static), history{}
	h.report([]link{eth("eth0")}, c, start)
	h.report([]link{eth("eth0")}, c, start.Add(contest))
	require.Equal(t, []string{"eth0"}, h.contested(start.Add(contest)))
	h.report([]link{eth("eth0", "10.0.0.2/24")}, c, start.Add(contest))
	require.Empty(t, h.contested(start.Add(time.Hour)))
	h.report([]link{unplugged(eth("eth0"))}, c, start)
	require.Empty(t, h.contested(start.Add(time.Hour)), "without a cable nothing is there to contest it")
}
