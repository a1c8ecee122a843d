package network

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
)

// Codes of the conditions of the network.
const (
	conditionApply     = "network.apply"      // an error: what is configured could not be done
	conditionHostname  = "network.hostname"   // an error: the box could not be named
	conditionMissing   = "network.missing"    // an error: a configured interface is not there
	conditionCable     = "network.cable"      // a warning: no cable in a configured interface
	conditionAddress   = "network.address"    // an error: no address
	conditionLinkLocal = "network.link_local" // a warning: no DHCP server answers
	conditionDuplicate = "network.duplicate"  // an error: another machine has the address
)

// judged are the codes that judge decides.
func judged() []string {
	return []string{conditionMissing, conditionCable, conditionAddress, conditionLinkLocal, conditionDuplicate,
		conditionWifi, conditionWifiAuth, conditionWifiMissing, conditionWifiWeak}
}

// States of an interface, see status.NetworkInterface.
const (
	stateOff       = "off"
	stateNoCable   = "no cable"
	stateApart     = "not connected" // of Wi-Fi
	stateNoAddress = "no address"
	stateLinkLocal = "link-local"
	stateUp        = "up"
)

func (l link) state() string {
	switch {
	case !l.up:
		return stateOff
	case !l.carrier && l.wireless:
		return stateApart
	case !l.carrier:
		return stateNoCable
	}
	state := stateNoAddress
	for _, a := range l.addresses {
		switch ip := a.prefix.Addr(); {
		case a.duplicate || ip.Is6() && ip.IsLinkLocalUnicast(): // not to be reached at
		case ip.IsLinkLocalUnicast():
			state = stateLinkLocal
		default:
			return stateUp
		}
	}
	return state
}

// method is the configured one of an interface, "" for what is not managed.
func method(c config.Network, name string) string {
	if !c.Manage {
		return ""
	}
	if i, listed := c.Interfaces[name]; listed {
		return i.Method
	}
	for _, pattern := range strings.Fields(wired) {
		if ok, _ := path.Match(pattern, name); ok {
			return config.NetworkDHCP
		}
	}
	return ""
}

// history is since when interfaces are as they are, by their names.
type history map[string]moment

type moment struct {
	state   string
	since   time.Time
	lacking time.Time // since when a static address is not there though it could be; zero while none is
}

// next is the moment of a link now.
func (m moment) next(l link, c config.Network, now time.Time) moment {
	if s := l.state(); m.state != s {
		m.state, m.since = s, now
	}
	switch lacks := c.Manage && l.carrier && len(l.lacks(c.Interfaces[l.name])) > 0; {
	case !lacks:
		m.lacking = time.Time{}
	case m.lacking.IsZero():
		m.lacking = now
	}
	return m
}

// contested says that something keeps a static address away.
func (m moment) contested(now time.Time) bool {
	return !m.lacking.IsZero() && now.Sub(m.lacking) >= contest
}

// contested are the interfaces that something keeps a static address from, by name.
func (h history) contested(now time.Time) (names []string) {
	for name, m := range h {
		if m.contested(now) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// report is what the status shows of the links, by name.
func (h history) report(links []link, c config.Network, now time.Time) []status.NetworkInterface {
	all := make([]status.NetworkInterface, 0, len(links))
	for _, l := range links {
		h[l.name] = h[l.name].next(l, c, now)
		i := status.NetworkInterface{
			Name: l.name, MAC: l.mac, State: l.state(), Up: l.up, Carrier: l.carrier,
			Speed: l.speed, MTU: l.mtu, Addresses: []string{}, DNS: append([]string{}, l.dns...),
			Method: method(c, l.name), Since: h[l.name].since,
			Wifi: air(l),
		}
		if l.wireless && l.radio.Rate > 0 {
			i.Speed = l.radio.Rate
		}
		if l.gateway.IsValid() {
			i.Gateway = l.gateway.String()
		}
		for _, a := range sorted(l.addresses) {
			i.Addresses = append(i.Addresses, a.prefix.String())
		}
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b status.NetworkInterface) int { return strings.Compare(a.Name, b.Name) })
	for name := range h {
		if !slices.ContainsFunc(links, func(l link) bool { return l.name == name }) {
			delete(h, name)
		}
	}
	return all
}

// sorted has first the addresses at which people reach the box.
func sorted(all []address) []address {
	rank := func(a address) int {
		switch ip := a.prefix.Addr(); {
		case ip.Is4() && !ip.IsLinkLocalUnicast():
			return 0
		case !ip.IsLinkLocalUnicast():
			return 1
		case ip.Is4():
			return 2
		}
		return 3
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b address) int { return rank(a) - rank(b) })
	return all
}

// lease is how long an interface may take to get its address: DHCP is slow where a
// switch holds a port back (spanning tree), and duplicates are looked for at first.
const lease = 20 * time.Second

// contest is after how long a static address that is not there is another machine's:
// looking for one takes systemd-networkd up to 7 s (RFC 5227).
const contest = 12 * time.Second

// judge says which conditions hold, by code. all are the links as report has them.
func (h history) judge(c config.Network, links []link, all []status.NetworkInterface, now time.Time) map[string]status.Condition {
	v := verdict{}
	if !c.Manage {
		return v
	}
	reachable := false
	for _, i := range all {
		reachable = reachable || i.State == stateUp || i.State == stateLinkLocal || i.Method != "" && i.Carrier && now.Sub(i.Since) < lease
	}
	for _, name := range c.InterfaceNames() {
		if c.Interfaces[name].Method == config.NetworkOff || c.Interfaces[name].Modem() {
			continue
		}
		at := slices.IndexFunc(all, func(i status.NetworkInterface) bool { return i.Name == name })
		if at < 0 {
			v.add(conditionMissing, status.Error, "%s: there is no such interface: plug its adapter in, or remove network.interfaces.%s", name, name)
			continue
		}
		v.judge(c.Interfaces[name], all[at], now)
	}
	for _, l := range links {
		v.wifi(c.Interfaces[l.name], l, h[l.name], now)
	}
	for _, l := range links {
		if h[l.name].contested(now) {
			v.duplicate(l, c.Interfaces[l.name])
		}
	}
	if !reachable && len(v) == 0 {
		v.add(conditionAddress, status.Error, "the box has no address: plug a network cable in")
	}
	return v
}

type verdict map[string]status.Condition

// add adds to what the condition says already, of other interfaces.
func (v verdict) add(code string, severity status.Severity, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if have, ok := v[code]; ok {
		message = have.Message + "; " + message
	}
	v[code] = status.Condition{Code: code, Severity: severity, Message: message}
}

func (v verdict) judge(c config.NetworkInterface, i status.NetworkInterface, now time.Time) {
	settled := now.Sub(i.Since) >= lease
	switch i.State {
	case stateNoCable:
		v.add(conditionCable, status.Warning, "%s: no link: plug the cable in, and see that the other side is on", i.Name)
	case stateNoAddress:
		if settled && c.Method == config.NetworkDHCP {
			v.add(conditionAddress, status.Error, "%s: no address: no DHCP server answers; check the cable's other side, or give it one by \"network static\"", i.Name)
		}
	case stateLinkLocal:
		v.add(conditionLinkLocal, status.Warning, "%s: no DHCP server answers: the box is at %s, for machines on the same cable or switch alone", i.Name, firstOf(i.Addresses))
	case stateOff:
		if settled {
			v.add(conditionAddress, status.Error, "%s: is down, though %s is configured: see the log of systemd-networkd", i.Name, c.Method)
		}
	}
}

func firstOf(addresses []string) string {
	if len(addresses) == 0 {
		return "an address of its own"
	}
	ip, _, _ := strings.Cut(addresses[0], "/")
	return ip
}

func (v verdict) duplicate(l link, i config.NetworkInterface) {
	for _, p := range l.lacks(i) {
		v.add(conditionDuplicate, status.Error, "%s: %s is not there: another machine on the network has it; give one of the two another address, the box tries again every %s", l.name, p.Addr(), retryEvery)
	}
}

// lacks are the static addresses that the interface does not have.
func (l link) lacks(i config.NetworkInterface) (missing []netip.Prefix) {
	for _, p := range i.Addresses() {
		if !slices.ContainsFunc(l.addresses, func(a address) bool { return a.prefix == p && !a.duplicate }) {
			missing = append(missing, p)
		}
	}
	return missing
}
