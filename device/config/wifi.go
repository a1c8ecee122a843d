package config

import (
	"regexp"
	"strings"
)

const ssidMost = 32 // bytes, by IEEE 802.11

var (
	countryPattern    = regexp.MustCompile(`^[A-Z]{2}$`)
	passphrasePattern = regexp.MustCompile(`^([ -~]{8,63}|[0-9A-Fa-f]{64})$`)
)

// Joins says that the interface is to join a Wi-Fi network.
func (i NetworkInterface) Joins() bool { return i.SSID != "" && i.Method != NetworkOff }

// validateWifi checks what belongs to a Wi-Fi network.
func (d *decoder) validateWifi(path string, i NetworkInterface) {
	if !d.good(path, "ssid", "passphrase", "hidden", "vlan", "parent") {
		return
	}
	switch {
	case i.SSID == "" && !i.Passphrase.IsZero():
		d.fail(path+".ssid", "missing: passphrase is set, expected the name of the Wi-Fi network that it opens")
	case i.SSID == "" && i.Hidden:
		d.fail(path+".ssid", "missing: hidden is set, expected the name of the Wi-Fi network that does not tell it")
	case i.SSID == "":
	case i.VLAN != 0 || i.Parent != "":
		d.fail(path+".ssid", "is for a Wi-Fi interface, and this one is a VLAN: remove one of the two")
	case len(i.SSID) > ssidMost || strings.ContainsFunc(i.SSID, func(r rune) bool { return r < ' ' || r == 0x7f }):
		d.fail(path+".ssid", "got %s, expected the name of a Wi-Fi network: 1 to %d bytes without control characters", quote(i.SSID), ssidMost)
	case !i.Passphrase.IsZero() && !passphrasePattern.MatchString(i.Passphrase.Reveal()):
		d.fail(path+".passphrase", "is none of WPA's, expected 8 to 63 ASCII characters, or 64 hexadecimal digits; empty for an open network")
	}
}

// validateCountry checks the code of the country.
func (d *decoder) validateCountry(n Network) {
	if n.WifiCountry != "" && d.good("network", "wifi_country") && !countryPattern.MatchString(n.WifiCountry) {
		d.fail("network.wifi_country", `got %s, expected the two capital letters of a country, such as "DE" or "US"`, quote(n.WifiCountry))
	}
}
