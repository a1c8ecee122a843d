package network

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/network/wifi"
	"github.com/encoderbox/encoderbox/device/status"
)

// Codes of the conditions of Wi-Fi.
const (
	conditionWifi        = "network.wifi"         // an error: there is no radio, or no wpa_supplicant, or it does not connect
	conditionWifiAuth    = "network.wifi_auth"    // an error: the passphrase is wrong
	conditionWifiMissing = "network.wifi_missing" // an error: the network is not on the air
	conditionWifiWeak    = "network.wifi_weak"    // a warning: the signal is weak
)

// stations are the Wi-Fi networks to join, by interface.
func stations(c config.Network) map[string]wifi.Station {
	all := map[string]wifi.Station{}
	for name, i := range c.Interfaces {
		if c.Manage && i.Joins() {
			all[name] = wifi.Station{SSID: i.SSID, Passphrase: i.Passphrase, Hidden: i.Hidden}
		}
	}
	return all
}

// Scan listens for Wi-Fi networks around an interface, some seconds.
func (n *Network) Scan(ctx context.Context, name string) ([]wifi.Network, error) {
	return n.radio.Scan(ctx, name)
}

// air is what the status shows of a radio.
func air(l link) *status.Wifi {
	if !l.wireless {
		return nil
	}
	on := wifi.Network{SSID: l.radio.SSID, Signal: l.radio.Signal, Frequency: l.radio.Frequency}
	w := &status.Wifi{SSID: on.SSID, Signal: on.Signal, Band: on.Band(), Heard: []string{}}
	if on.SSID != "" {
		w.Bars = wifi.Bars(on.Signal)
	}
	for _, n := range l.radio.Heard {
		w.Heard = append(w.Heard, n.SSID)
	}
	return w
}

// wifi judges an interface that is to join a Wi-Fi network.
func (v verdict) wifi(c config.NetworkInterface, l link, m moment, now time.Time) {
	switch r := l.radio; {
	case !c.Joins():
	case !l.wireless:
		v.add(conditionWifi, status.Error, "%s: has no radio, and ssid is set: remove network.interfaces.%s.ssid, or name the Wi-Fi interface", l.name, l.name)
	case r.Problem == wifi.Broken:
		v.add(conditionWifi, status.Error, "%s: Wi-Fi: %s", l.name, r.Trouble)
	case r.Problem == wifi.Refused && c.Passphrase.IsZero():
		v.add(conditionWifiAuth, status.Error, "%s: Wi-Fi network %q does not let the box in without a passphrase: give it by \"network wifi join\"", l.name, c.SSID)
	case r.Problem == wifi.Refused:
		v.add(conditionWifiAuth, status.Error, "%s: Wi-Fi network %q does not take the passphrase: give the right one by \"network wifi join\"", l.name, c.SSID)
	case r.Problem == wifi.Missing:
		v.add(conditionWifiMissing, status.Error, "%s: Wi-Fi network %q is not on the air here: see that the access point is on, near, and on a channel allowed by network.wifi_country; \"network wifi scan\" lists what is, set hidden where it does not tell its name", l.name, c.SSID)
	case r.Connected() && r.Signal < wifi.Weak:
		v.add(conditionWifiWeak, status.Warning, "%s: the signal of Wi-Fi network %q is weak (%d dBm): bring box and access point nearer to each other, or use a cable", l.name, c.SSID, r.Signal)
	case l.state() == stateApart && now.Sub(m.since) >= lease:
		v.add(conditionWifi, status.Error, "%s: does not connect to Wi-Fi network %q (%s): see that the access point takes more devices, and speaks WPA2 or WPA3", l.name, c.SSID, r.State)
	}
}

// bars are a signal's, for screens without pictures.
func bars(n int) string { return strings.Repeat("*", n) + strings.Repeat("-", 4-n) }

// airTable shows people what radios are connected to, "" without any.
func airTable(s *status.Snapshot) string {
	rows := [][]string{{"WI-FI", "NETWORK", "SIGNAL", "BAND"}}
	for _, i := range s.Network {
		switch w := i.Wifi; {
		case w == nil:
		case w.SSID == "":
			rows = append(rows, []string{i.Name, "-", "-", "-"})
		default:
			rows = append(rows, []string{i.Name, w.SSID, fmt.Sprintf("%s %d dBm", bars(w.Bars), w.Signal), w.Band})
		}
	}
	if len(rows) == 1 {
		return ""
	}
	return "\n\n" + aligned(rows)
}
