package wifi

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

// rig is a box with a radio, and an access point within its reach.
type rig struct {
	t   *testing.T
	box *box.Box
	cmd *box.Cmd
}

// factory is a configuration that encodes nothing.
const factory = `[http]
listen = ":8080"
[storage]
live = "/tmp/live"
state = "/tmp/state"
[streams.main.input]
width = 320
height = 180
frame_rate = 5
[streams.main.video]
encoder = "software"
[network]
manage = true
`

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
	r.write("/tmp/encoderd.toml", factory)
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

// start starts the daemon, and returns once it takes commands.
func (r *rig) start() {
	r.t.Helper()
	r.cmd = r.box.Command(r.box.Share(binary), "-config", "/tmp/encoderd.toml")
	r.cmd.Stdout, r.cmd.Stderr = box.LogTo(r.t, "encoderd: "), box.LogTo(r.t, "encoderd: ")
	r.box.Share(control)
	require.NoError(r.t, r.cmd.Start(context.WithoutCancel(r.t.Context())))
	r.t.Cleanup(r.kill)
	r.await("network show", "wlan0", func(said string) bool { return strings.Contains(said, "wlan0") })
}

// kill ends the daemon at once, unless it has ended.
func (r *rig) kill() {
	select {
	case <-r.cmd.Done():
	default:
		_ = r.cmd.Signal(syscall.SIGKILL) // the box may be off
	}
	_ = r.cmd.Wait()
}

// do gives the daemon a command, as somebody does who has logged in to the box.
func (r *rig) do(words ...string) string {
	r.t.Helper()
	said, err := r.try(words...)
	require.NoError(r.t, err, "encoderctl %q", words)
	return said
}

func (r *rig) try(words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	c := r.box.Command(append([]string{"/share/encoderctl"}, words...)...)
	c.Env = []string{"ENCODERBOX_ADDRESS=unix:/tmp/live/control.sock"}
	got, err := c.Run(ctx)
	return got.Stdout, err
}

// await asks the daemon until its answer is what is wanted.
func (r *rig) await(command, what string, holds func(said string) bool) {
	r.t.Helper()
	var said string
	for end := time.Now().Add(patience); ; time.Sleep(500 * time.Millisecond) {
		var err error
		if said, err = r.try(strings.Fields(command)...); err == nil && holds(said) {
			return
		}
		if time.Now().After(end) {
			log, _ := r.box.Run(r.t.Context(), "sh", "-c", "tail -n 30 /tmp/hostapd.log; dmesg | tail -n 20")
			r.t.Fatalf("waited %v for %s of %q; it says\n%s\n%s", patience, what, command, said, log.Stdout)
		}
		select {
		case <-r.cmd.Done():
			r.t.Fatalf("encoderd ended: %v", r.cmd.Wait())
		default:
		}
	}
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
