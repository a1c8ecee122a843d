package wifi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const leased = "192.168.77.20/24"

// TestWifi goes the way of a box with a radio: the air is scanned, a network joined, kept
// over a crash of the daemon, of wpa_supplicant and of the access point, a wrong passphrase
// undone because nobody confirms it, and the network forgotten.
func TestWifi(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.box.Run(t.Context(), "pidof", "wpa_supplicant")
	require.Error(t, err, "wpa_supplicant runs, though nothing is configured")

	said := r.Do("network", "wifi", "scan")
	require.Contains(t, said, ssid)
	require.Contains(t, said, "2.4 GHz")
	require.Contains(t, said, "WPA2")

	said = r.Do("network", "wifi", "join", ssid, passphrase)
	require.NotContains(t, said, passphrase)
	r.says("network show", leased, ssid, "2.4 GHz")
	r.Do("config", "confirm")

	r.Kill()
	require.Contains(t, r.box.Must("ip", "addr", "show", "wlan0"), leased, "the network does not need the daemon")
	before := r.associated()
	r.start()
	r.says("network show", leased, ssid)
	require.Equal(t, before, r.associated(), "a daemon that starts anew leaves the connection be")

	r.box.Must("killall", "-9", "wpa_supplicant")
	r.says("network show", "not connected")
	r.says("network show", leased, ssid)

	r.Do("config", "set", "network.interfaces.wlan0.passphrase", "camera two")
	r.Do("config", "commit", "confirmed", "20s")
	r.says("show status", "does not take the passphrase")
	r.says("config pending", "what runs is saved")
	r.says("network show", leased, ssid)
	r.stops("show status", "Wi-Fi")

	r.box.Must("killall", "hostapd")
	r.says("show status", "is not on the air")
	r.accessPoint()
	r.says("network show", leased, ssid)
	r.stops("show status", "Wi-Fi")

	r.Do("network", "wifi", "forget")
	r.says("network show", "not connected")
	r.Do("config", "confirm")
	require.NotContains(t, r.box.Must("cat", configFile), ssid)
	require.Contains(t, r.box.Must("iw", "dev", "wlan0", "link"), "Not connected")
}

// associated is the access point's count of how often the box came.
func (r *rig) associated() string {
	r.t.Helper()
	return r.box.Must("grep", "-c", "associated", "/tmp/hostapd.log")
}
