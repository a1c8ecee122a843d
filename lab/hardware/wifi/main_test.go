// Package wifi tests Wi-Fi on the virtual ARM box: the kernel's own 802.11 stack with two
// radios in software (mac80211_hwsim), an access point of hostapd with a DHCP server on one
// of them, in a network namespace of its own, and wpa_supplicant and systemd-networkd on
// the other, as the daemon has them.
//
// It needs what make lab-box makes; make lab-box-test runs it.
package wifi

import (
	"os"
	"testing"

	"github.com/encoderbox/encoderbox/lab/hardware/ctl"
)

var programs ctl.Programs

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }
