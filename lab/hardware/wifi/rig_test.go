package wifi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/hardware/ctl"
)

// rig is a box with a radio, and an access point within its reach.
type rig struct {
	t   *testing.T
	box *box.Box
	*ctl.Daemon
}

const configFile = "/tmp/encoderd.toml"

const (
	ssid       = "Studio 5"
	passphrase = "camera one"
)

const accessPoint = `interface=wlan1
driver=nl80211
ssid=` + ssid + `
hw_mode=g
channel=1
wpa=2
wpa_key_mgmt=WPA-PSK
rsn_pairwise=CCMP
wpa_passphrase=` + passphrase + `
`

const leases = `start 192.168.77.20
end 192.168.77.20
interface wlan1
lease_file /tmp/leases
pidfile /tmp/udhcpd.pid
option subnet 255.255.255.0
option router 192.168.77.1
option lease 600
`

// newRig has a box with the daemon running, and the access point on the air.
func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, box: box.Start(t, box.Options{Systemd: true})}
	for _, module := range []string{"ccm", "cmac", "ctr", "af_packet"} { // nothing is loaded on demand here
		_, _ = r.box.Run(t.Context(), "modprobe", module) // some are parts of the kernel
	}
	r.box.LoadModule("mac80211_hwsim", "radios=2")
	r.box.LaySystemd()
	r.write("/tmp/hostapd.conf", accessPoint)
	r.write("/tmp/udhcpd.conf", leases)
	r.write(configFile, ctl.Factory("/tmp/state"))
	r.box.Must("ip", "netns", "add", "ap")
	r.box.Must("iw", "phy", "phy1", "set", "netns", "name", "ap")
	r.accessPoint()
	r.inAir("ip", "addr", "add", "192.168.77.1/24", "dev", "wlan1")
	r.box.Must("touch", "/tmp/leases")
	r.inAir("udhcpd", "-S", "/tmp/udhcpd.conf")
	r.start()
	return r
}

func (r *rig) write(path, text string) {
	r.t.Helper()
	require.NoError(r.t, r.box.WriteFile(r.t.Context(), path, strings.NewReader(text), 0o600))
}

// inAir runs a program where the access point is.
func (r *rig) inAir(argv ...string) {
	r.t.Helper()
	r.box.Must(append([]string{"ip", "netns", "exec", "ap"}, argv...)...)
}

// accessPoint switches it on.
func (r *rig) accessPoint() {
	r.t.Helper()
	r.inAir("hostapd", "-B", "-P", "/tmp/hostapd.pid", "-f", "/tmp/hostapd.log", "/tmp/hostapd.conf")
}

// start starts the daemon, and returns once it knows the radio.
func (r *rig) start() {
	r.t.Helper()
	r.Daemon = programs.Start(r.t, r.box, configFile)
	r.says("network show", "wlan0")
}

// await asks the daemon until its answer is what is wanted.
func (r *rig) await(command, what string, holds func(said string) bool) {
	r.t.Helper()
	var said string
	r.Await(func() bool {
		var err error
		said, err = r.Try(strings.Fields(command)...)
		return err == nil && holds(said)
	}, func() string {
		log, _ := r.box.Run(r.t.Context(), "sh", "-c", "tail -n 30 /tmp/hostapd.log; dmesg | tail -n 20")
		return fmt.Sprintf("%s of %q; it says\n%s\n%s", what, command, said, log.Stdout)
	})
}

// says waits until an answer has all of what is wanted.
func (r *rig) says(command string, want ...string) {
	r.t.Helper()
	r.await(command, strings.Join(want, ", "), func(said string) bool {
		for _, w := range want {
			if !strings.Contains(said, w) {
				return false
			}
		}
		return true
	})
}

// stops waits until an answer has not what it had.
func (r *rig) stops(command, what string) {
	r.t.Helper()
	r.await(command, "no "+what, func(said string) bool { return !strings.Contains(said, what) })
}
