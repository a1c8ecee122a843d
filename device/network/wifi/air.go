package wifi

import (
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Network is one on the air. It is comparable.
type Network struct {
	SSID      string `json:"ssid"`
	Signal    int    `json:"signal"`    // dBm, of the strongest access point that has it
	Frequency int    `json:"frequency"` // MHz, of that one
	// Security is "open", "WEP", "WPA", "WPA2", "WPA3" or "WPA2/WPA3"; with " enterprise",
	// which takes a name and certificates, and which the box cannot join.
	Security string `json:"security"`
}

// Open says that it takes no passphrase.
func (n Network) Open() bool { return n.Security == "open" }

// Band is where it is: "2.4 GHz", "5 GHz" or "6 GHz".
func (n Network) Band() string {
	switch {
	case n.Frequency == 0:
		return ""
	case n.Frequency < 4000:
		return "2.4 GHz"
	case n.Frequency < 5950:
		return "5 GHz"
	}
	return "6 GHz"
}

// Weak is the signal below which video does not go through well, dBm.
const Weak = -75

// Bars are a signal as people know it, 0 to 4.
func Bars(signal int) (bars int) {
	for _, least := range []int{-85, Weak, -65, -55} {
		if signal >= least {
			bars++
		}
	}
	return bars
}

// network reads the properties of a BSS.
func network(p map[string]dbus.Variant) Network {
	n := Network{SSID: strings.ToValidUTF8(string(get[[]byte](p, "SSID")), "\uFFFD")}
	n.Signal = int(get[int16](p, "Signal"))
	n.Frequency = int(get[uint16](p, "Frequency"))
	n.Security = security(p)
	return n
}

// get is a property of a type, its zero value where there is none.
func get[T any](p map[string]dbus.Variant, key string) T {
	v, _ := p[key].Value().(T)
	return v
}

func security(p map[string]dbus.Variant) string {
	rsn := get[[]string](get[map[string]dbus.Variant](p, "RSN"), "KeyMgmt")
	wpa := get[[]string](get[map[string]dbus.Variant](p, "WPA"), "KeyMgmt")
	has := func(all []string, what string) bool {
		return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, what) })
	}
	switch psk, sae := has(rsn, "psk"), has(rsn, "sae"); {
	case psk && sae:
		return "WPA2/WPA3"
	case sae:
		return "WPA3"
	case psk:
		return "WPA2"
	case has(rsn, "eap"):
		return "WPA2 enterprise"
	case has(wpa, "psk"):
		return "WPA"
	case has(wpa, "eap"):
		return "WPA enterprise"
	case has(rsn, "owe"):
		return "WPA3 without a passphrase"
	case get[bool](p, "Privacy"):
		return "WEP"
	}
	return "open"
}

// merged are networks, strongest first, each once: an access point for each band, and
// several in a house, are one network. Those without a name are left out.
func merged(all []Network) []Network {
	slices.SortStableFunc(all, func(a, b Network) int {
		if a.Signal != b.Signal {
			return b.Signal - a.Signal
		}
		return strings.Compare(a.SSID, b.SSID)
	})
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(n Network) bool {
		again := seen[n.SSID] || strings.Trim(n.SSID, "\x00") == ""
		seen[n.SSID] = true
		return again
	})
}
