package wifi

import (
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// Problem is why a radio is not connected.
type Problem string

// The problems. None is the zero value.
const (
	Refused Problem = "refused" // the access point does not take the passphrase
	Missing Problem = "missing" // nobody around has the network's name
	Broken  Problem = "broken"  // wpa_supplicant cannot be had, or refuses; Trouble says why
)

// Link is a radio as it is.
type Link struct {
	State     string // wpa_supplicant's: "scanning", "4way_handshake", "completed"…
	SSID      string // that it is connected to, "" while it is not
	Signal    int    // dBm; 0 while not connected
	Frequency int    // MHz; 0 while not connected
	Rate      int    // Mb/s; 0 where the driver does not tell
	Problem   Problem
	Trouble   string    // of Broken
	Heard     []Network // by the last scan; must not be changed
}

// Connected says that data goes through.
func (l Link) Connected() bool { return l.State == completed }

func (l Link) equal(o Link) bool {
	return l.State == o.State && l.SSID == o.SSID && l.Signal == o.Signal && l.Frequency == o.Frequency &&
		l.Rate == o.Rate && l.Problem == o.Problem && l.Trouble == o.Trouble && slices.Equal(l.Heard, o.Heard)
}

// States of wpa_supplicant.
const (
	completed = "completed"
	handshake = "4way_handshake" // where the passphrase of WPA2 is proved
	group     = "group_handshake"
)

// search is how long a network may take to be found.
const search = 10 * time.Second

// attempt is a network being joined.
type attempt struct {
	want    Station
	path    dbus.ObjectPath // of the interface
	state   string
	since   time.Time // that it is not connected
	refused bool      // since it was last connected
	scanned bool      // since then
}

// to takes a state.
func (a *attempt) to(state string, now time.Time) {
	was := a.state
	a.state = state
	switch {
	case state == completed:
		a.refused = false
	case was == completed:
		a.since, a.scanned = now, false
	case was == handshake && state != handshake && state != group:
		a.refused = true // an access point that goes on the way is a rare one
	}
}

// news takes changed properties of the interface.
func (a *attempt) news(changed any, now time.Time) {
	all, _ := changed.(map[string]dbus.Variant)
	if state, ok := all["State"].Value().(string); ok {
		a.to(state, now)
	}
	// 15 is a wrong answer to WPA3's challenge, 1 what some access points say instead.
	if code, ok := all["AuthStatusCode"].Value().(int32); ok && (code == 15 || code == 1) && !a.want.Passphrase.IsZero() && a.state != completed {
		a.refused = true
	}
}

// problem says why it is not connected; "" where it is, or may be soon.
func (a *attempt) problem(heard []Network, now time.Time) Problem {
	there := slices.ContainsFunc(heard, func(n Network) bool { return n.SSID == a.want.SSID })
	switch {
	case a.state == completed:
		return ""
	case a.refused:
		return Refused
	case a.scanned && !there && now.Sub(a.since) >= search:
		return Missing
	}
	return ""
}
