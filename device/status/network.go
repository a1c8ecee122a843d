package status

import (
	"reflect"
	"time"
)

// NetworkInterface is one network interface of the box; loopback is left out.
type NetworkInterface struct {
	Name string `json:"name"` // "eth0"
	MAC  string `json:"mac"`
	// State is "off" (kept down), "no cable", "not connected" (of Wi-Fi), "no address",
	// "link-local" (no DHCP server answers) or "up".
	State     string   `json:"state"`
	Up        bool     `json:"up"`        // not kept down
	Carrier   bool     `json:"carrier"`   // a cable is plugged in and the other side is on
	Speed     int      `json:"speed"`     // Mb/s, of Wi-Fi as it is now; 0 where the driver does not tell
	MTU       int      `json:"mtu"`       // bytes
	Addresses []string `json:"addresses"` // "192.168.1.20/24"; IPv6 link-local ones last
	Gateway   string   `json:"gateway"`   // of the default route by it; "" without one
	DNS       []string `json:"dns"`
	// Method is the configured one: "dhcp", "static" or "off"; "" where the box's
	// distribution manages the interface.
	Method string    `json:"method"`
	Since  time.Time `json:"since"` // when State became what it is
	// Modem is the mobile modem behind the interface, nil where there is none that the
	// configuration has connected.
	Modem *Modem `json:"modem,omitempty"`
	// Wifi is of an interface that has a radio, nil of any other.
	Wifi *Wifi `json:"wifi,omitempty"`
}

// Wifi is what the radio of an interface has, where the box joins a network by it.
type Wifi struct {
	SSID   string   `json:"ssid"`   // that it is connected to, "" while it is not
	Signal int      `json:"signal"` // dBm; 0 while not connected
	Bars   int      `json:"bars"`   // of Signal, 0 to 4
	Band   string   `json:"band"`   // "2.4 GHz", "5 GHz" or "6 GHz"
	Heard  []string `json:"heard"`  // names of the networks that the last scan found, strongest first
}

// SetNetwork reports the interfaces, by name. They must not be changed afterwards.
func (s *Store) SetNetwork(all []NetworkInterface) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reflect.DeepEqual(s.snapshot.Network, all) {
		return
	}
	s.snapshot.Network = all
	s.publish()
}

// SetHostname reports the box's name.
func (s *Store) SetHostname(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snapshot.Hostname == name {
		return
	}
	s.snapshot.Hostname = name
	s.publish()
}
