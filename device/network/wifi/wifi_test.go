package wifi

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
)

func studio() Station { return Station{SSID: "Studio 5", Passphrase: config.NewSecret("camera one")} }

// patience is for what must happen.
const patience = 20 * time.Second

// until waits for word of wlan0.
func until(t *testing.T, r *Radio, holds func(Link) bool) Link {
	t.Helper()
	end := time.After(patience)
	for {
		if l := r.Links()["wlan0"]; holds(l) {
			return l
		}
		select {
		case <-r.News():
		case <-end:
			t.Fatalf("wlan0 is still %+v", r.Links()["wlan0"])
		}
	}
}

func accessPoint(ssid string, signal int16, frequency uint16, keys ...string) map[string]dbus.Variant {
	return map[string]dbus.Variant{
		"SSID": dbus.MakeVariant([]byte(ssid)), "Signal": dbus.MakeVariant(signal), "Frequency": dbus.MakeVariant(frequency),
		"Privacy": dbus.MakeVariant(len(keys) > 0),
		"RSN":     dbus.MakeVariant(map[string]dbus.Variant{"KeyMgmt": dbus.MakeVariant(keys)}),
		"WPA":     dbus.MakeVariant(map[string]dbus.Variant{"KeyMgmt": dbus.MakeVariant([]string{})}),
	}
}

func TestANetworkIsJoinedLeftAndJoinedAnew(t *testing.T) {
	connect := bus(t)
	f := newFake(t, connect)
	r := newRadio(t, connect)
	r.Set(map[string]Station{"wlan0": studio()}, "DE")
	until(t, r, func(l Link) bool { return l.State == "disconnected" })
	require.Equal(t, []string{"create wlan0", "set Country DE", "add Studio 5", "select 0"}, f.called())
	p := f.network(0)
	require.Equal(t, "camera one", p["psk"].Value())
	require.Equal(t, "WPA-PSK SAE", p["key_mgmt"].Value())
	require.Equal(t, int32(1), p["ieee80211w"].Value())
	require.NotContains(t, p, "scan_ssid")

	f.onAir(accessPoint("Studio 5", -50, 5180, "wpa-psk", "sae"))
	f.set(radio, "CurrentBSS", dbus.ObjectPath(string(radio)+"/BSSs/0"))
	f.state("associating", "4way_handshake", "group_handshake", completed)
	l := until(t, r, Link.Connected)
	require.Equal(t, Link{State: completed, SSID: "Studio 5", Signal: -48, Frequency: 5180, Rate: 144}, l)

	r.Set(map[string]Station{"wlan0": studio()}, "DE")
	open := Station{SSID: "guests", Hidden: true}
	r.Set(map[string]Station{"wlan0": open}, "DE")
	require.Eventually(t, func() bool { return f.network(1) != nil }, patience, time.Millisecond)
	r.Set(nil, "")
	until(t, r, func(l Link) bool { return l.State == "" })
	require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return !f.there }, patience, time.Millisecond)
	require.Equal(t, []string{"leave 0", "add guests", "select 1", "leave 1", "remove wlan0"}, f.called(), "the same again changes nothing")
	require.Equal(t, "NONE", f.network(1)["key_mgmt"].Value())
	require.Equal(t, int32(1), f.network(1)["scan_ssid"].Value())
}

// What a daemon before left in wpa_supplicant is known by its mark: the one that is wanted
// stays connected, others go, and those of other people stay.
func TestAStartLeavesTheConnectionBe(t *testing.T) {
	connect := bus(t)
	f := newFake(t, connect)
	f.give()
	o := radioObject{f}
	stale := studio()
	stale.Passphrase = config.NewSecret("nobody confirmed")
	for _, s := range []Station{stale, studio()} {
		path, refused := o.AddNetwork(settings(s, true))
		require.Nil(t, refused)
		require.Nil(t, o.SelectNetwork(path))
	}
	_, refused := o.AddNetwork(map[string]dbus.Variant{"ssid": dbus.MakeVariant([]byte("others")), "id_str": dbus.MakeVariant("home")})
	require.Nil(t, refused)
	f.called()
	r := newRadio(t, connect)
	r.Set(map[string]Station{"wlan0": studio()}, "")
	until(t, r, func(l Link) bool { return l.State == "disconnected" })
	require.Equal(t, []string{"leave 0"}, f.called())
}

func TestWhatNobodyConfirmedIsLeftByTheNextStart(t *testing.T) {
	connect := bus(t)
	f := newFake(t, connect)
	f.give()
	_, refused := radioObject{f}.AddNetwork(settings(studio(), true))
	require.Nil(t, refused)
	f.called()
	r := newRadio(t, connect)
	r.Set(nil, "")
	require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.calls) > 0 }, patience, time.Millisecond)
	require.Equal(t, []string{"leave 0"}, f.called(), "and wlan0 stays whose it was")
	require.Empty(t, r.Links())
}

func TestOneWithoutWPA3(t *testing.T) {
	connect := bus(t)
	f := newFake(t, connect)
	f.wpa3 = false
	r := newRadio(t, connect)
	r.Set(map[string]Station{"wlan0": studio()}, "")
	until(t, r, func(l Link) bool { return l.State == "disconnected" })
	require.Equal(t, "WPA-PSK", f.network(0)["key_mgmt"].Value())
}

// wpa_supplicant crashes, and is back: the network is joined anew.
func TestTheServiceGoesAndComesBack(t *testing.T) {
	connect := bus(t)
	f := newFake(t, connect)
	r := newRadio(t, connect)
	r.Set(map[string]Station{"wlan0": studio()}, "")
	until(t, r, func(l Link) bool { return l.State == "disconnected" })
	f.end()
	l := until(t, r, func(l Link) bool { return l.Problem == Broken })
	require.NotEmpty(t, l.Trouble)
	again := newFake(t, connect)
	until(t, r, func(l Link) bool { return l.Problem == "" && l.State == "disconnected" })
	require.Equal(t, []string{"create wlan0", "add Studio 5", "select 0"}, again.called())
}

func TestWithoutAnything(t *testing.T) {
	connect := bus(t)
	r := newRadio(t, connect)
	r.Set(map[string]Station{"wlan0": studio()}, "")
	l := until(t, r, func(l Link) bool { return l.Problem == Broken })
	require.Contains(t, l.Trouble, "is wpa_supplicant installed")

	none := func(context.Context) (*dbus.Conn, error) { return nil, errors.New("no such file") }
	r = newRadio(t, none)
	_, err := r.Scan(t.Context(), "wlan0")
	require.ErrorContains(t, err, "connect to D-Bus: no such file; is it running")
}

// A scan touches the interface, and gives it back.
func TestScan(t *testing.T) {
	connect := bus(t)
	f := newFake(t, connect)
	r := newRadio(t, connect)
	got := make(chan heard, 1)
	go func() {
		all, err := r.Scan(t.Context(), "wlan0")
		got <- heard{all, err}
	}()
	require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.calls) == 2 }, patience, time.Millisecond)
	gone := accessPoint("gone", -30, 2412)
	gone["Age"] = dbus.MakeVariant(uint32(stale + 1))
	f.onAir(
		gone, accessPoint("far", -80, 2412), accessPoint("Studio 5", -70, 2412, "wpa-psk"), accessPoint("Studio 5", -50, 5180, "wpa-psk", "sae"),
		accessPoint("", -40, 2412, "sae"), accessPoint("\xff", -60, 5955, "wpa-eap"),
	)
	f.scanDone()
	h := <-got
	require.NoError(t, h.err)
	require.Equal(t, []Network{
		{"Studio 5", -50, 5180, "WPA2/WPA3"}, {"\uFFFD", -60, 5955, "WPA2 enterprise"}, {"far", -80, 2412, "open"},
	}, h.networks)
	require.Equal(t, "6 GHz", h.networks[1].Band())
	require.Equal(t, h.networks, r.Links()["wlan0"].Heard)
	require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.calls) == 3 }, patience, time.Millisecond)
	require.Equal(t, []string{"create wlan0", "scan", "remove wlan0"}, f.called())
	_, err := r.Scan(t.Context(), "wlan7")
	require.ErrorContains(t, err, "CreateInterface of wpa_supplicant")
}
