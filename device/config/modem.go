package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Modem says that the interface is a mobile modem's.
func (i NetworkInterface) Modem() bool { return i.APN != "" }

const loginMost = 127 // bytes of a modem's user name and password (3GPP TS 27.007, TS 24.008)

var (
	apnPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$`)
	pinPattern = regexp.MustCompile(`^[0-9]{4,8}$`)
)

// CheckAPN says what is wrong with an access point name.
func CheckAPN(apn string) error {
	if !apnPattern.MatchString(apn) {
		return fmt.Errorf(`got %s, expected the access point name that the SIM's operator gives: 1 to 100 of letters, digits, ., - and _, such as "internet"`, quote(apn))
	}
	return nil
}

// CheckPIN says what is wrong with a SIM's PIN, without saying the PIN.
func CheckPIN(pin string) error {
	if !pinPattern.MatchString(pin) {
		return fmt.Errorf("not a SIM's PIN, expected 4 to 8 digits")
	}
	return nil
}

// validateModem checks the keys of a mobile modem.
func (d *decoder) validateModem(path string, i NetworkInterface, n Network) {
	if !d.good(path, "method", "apn", "pin", "apn_user", "apn_password", "roaming", "vlan", "parent", "ssid") {
		return
	}
	if !i.Modem() {
		d.onlyOfModems(path, i)
		return
	}
	if err := CheckAPN(i.APN); err != nil {
		d.fail(path+".apn", "%v", err)
	}
	switch {
	case i.Method == NetworkStatic:
		d.fail(path+".apn", `is for a modem, which has its address from the mobile network, and method is "static": set method to "dhcp", or remove apn`)
	case i.VLAN != 0 || i.Parent != "":
		d.fail(path+".apn", "is for a modem, and this interface is a VLAN: remove apn, or vlan and parent")
	case i.Joins():
		d.fail(path+".apn", "is for a modem, and ssid for Wi-Fi, expected one of the two")
	}
	for _, name := range n.InterfaceNames() {
		if other := n.Interfaces[name]; other.VLAN != 0 && "network.interfaces."+other.Parent == path {
			d.fail("network.interfaces."+name+".parent", "%s is a mobile modem's, expected an interface with a cable", other.Parent)
		}
	}
	if !i.PIN.IsZero() {
		if err := CheckPIN(i.PIN.Reveal()); err != nil {
			d.fail(path+".pin", "%v", err)
		}
	}
	for key, text := range map[string]string{"apn_user": i.APNUser, "apn_password": i.APNPassword.Reveal()} {
		if len(text) > loginMost || strings.ContainsFunc(text, unicode.IsControl) {
			d.fail(path+"."+key, "expected at most %d bytes without control characters", loginMost)
		}
	}
	if i.APNUser == "" && !i.APNPassword.IsZero() {
		d.fail(path+".apn_user", "missing: apn_password is set, expected the user name that goes with it")
	}
}

// onlyOfModems refuses a modem's keys at an interface that is none.
func (d *decoder) onlyOfModems(path string, i NetworkInterface) {
	for _, k := range []struct {
		key string
		set bool
	}{
		{"pin", !i.PIN.IsZero()}, {"apn_user", i.APNUser != ""}, {"apn_password", !i.APNPassword.IsZero()}, {"roaming", i.Roaming},
	} {
		if k.set {
			d.fail(path+"."+k.key, `is for a mobile modem, whose interface has apn: set apn, such as "internet", or remove %s`, k.key)
		}
	}
}
