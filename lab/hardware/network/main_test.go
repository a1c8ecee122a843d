// Package network tests the network of the virtual ARM box: what the daemon has
// systemd-networkd and systemd-hostnamed do, and that what nobody confirmed is gone when
// the daemon is killed, the box reboots, or its power is cut.
//
// It needs what make lab-box makes; make lab-box-test runs it.
package network

import (
	"os"
	"testing"

	"github.com/encoderbox/encoderbox/lab/hardware/ctl"
)

var programs ctl.Programs

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }
