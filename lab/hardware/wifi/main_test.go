// Package wifi tests Wi-Fi on the virtual ARM box: the kernel's own 802.11 stack with two
// radios in software (mac80211_hwsim), an access point of hostapd with a DHCP server on one
// of them, in a network namespace of its own, and wpa_supplicant and systemd-networkd on
// the other, as the daemon has them.
//
// It needs what make lab-box makes; make lab-box-test runs it.
package wifi

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/box"
)

// The programs of this tree, for arm64.
var binary, control string

// patience is how long a test waits for what must happen. The box is emulated, and the
// machine may be busy.
const patience = 3 * time.Minute

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "wifi-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if binary, err = box.Build(ctx, dir, "cmd/encoderd"); err == nil {
		control, err = box.Build(ctx, dir, "cmd/encoderctl")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
