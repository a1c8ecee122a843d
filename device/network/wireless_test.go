package network

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/network/wifi"
	"github.com/encoderbox/encoderbox/device/status"
)

const studio = dhcp + "[network.interfaces.wlan0]\nssid = \"Studio 5\"\npassphrase = \"camera one\"\n"

func TestStations(t *testing.T) {
	parsed := func(doc string) config.Network {
		cfg, err := config.Parse("", []byte("[streams.main]\n"+doc), config.Rules{})
		require.NoError(t, err)
		return cfg.Network
	}
	want := map[string]wifi.Station{"wlan0": {SSID: "Studio 5", Passphrase: config.NewSecret("camera one")}}
	require.Equal(t, want, stations(parsed(studio)))
	require.Empty(t, stations(parsed(studio+"method = \"off\"\n")), "kept down")
	require.Empty(t, stations(parsed(dhcp+"[network.interfaces.wlan0]\n")), "the distribution's")
	unmanaged := parsed(studio)
	unmanaged.Manage = false
	require.Empty(t, stations(unmanaged))
}

func TestConditionsOfWifi(t *testing.T) {
	cfg, err := config.Parse("", []byte("[streams.main]\n"+studio), config.Rules{})
	require.NoError(t, err)
	begun := time.Unix(1000, 0)
	on := wifi.Link{State: "completed", SSID: "Studio 5", Signal: -60, Frequency: 5180, Rate: 300}
	weak := on
	weak.Signal = wifi.Weak - 1
	for name, c := range map[string]struct {
		link    link
		code    string
		message string
	}{
		"connected":    {link: link{up: true, carrier: true, wireless: true, radio: on}},
		"weak":         {link{up: true, carrier: true, wireless: true, radio: weak}, conditionWifiWeak, "is weak (-76 dBm): bring box and access point nearer"},
		"refused":      {link{up: true, wireless: true, radio: wifi.Link{Problem: wifi.Refused}}, conditionWifiAuth, `"Studio 5" does not take the passphrase`},
		"missing":      {link{up: true, wireless: true, radio: wifi.Link{Problem: wifi.Missing}}, conditionWifiMissing, `"network wifi scan" lists what is`},
		"no service":   {link{up: true, wireless: true, radio: wifi.Link{Problem: wifi.Broken, Trouble: "is it there?"}}, conditionWifi, "is it there?"},
		"slow":         {link{up: true, wireless: true, radio: wifi.Link{State: "associating"}}, conditionWifi, "does not connect"},
		"has no radio": {link{up: true, carrier: true}, conditionWifi, "has no radio"},
	} {
		t.Run(name, func(t *testing.T) {
			c.link.name = "wlan0"
			h := history{}
			h.report([]link{c.link}, cfg.Network, begun)
			now := begun.Add(lease)
			links := []link{c.link}
			holds := h.judge(cfg.Network, links, h.report(links, cfg.Network, now), now)
			delete(holds, conditionAddress)
			delete(holds, conditionMissing) // of eth0
			if c.code == "" {
				require.Empty(t, holds)
				return
			}
			require.Equal(t, []string{c.code}, slices.Collect(maps.Keys(holds)))
			require.Contains(t, holds[c.code].Message, c.message)
			require.NotContains(t, holds[c.code].Message, "camera one")
		})
	}
}

func TestAWirelessInterfaceIsReported(t *testing.T) {
	now := time.Unix(1000, 0)
	radio := wifi.Link{State: "completed", SSID: "Studio 5", Signal: -60, Frequency: 5180, Rate: 300, Heard: []wifi.Network{{SSID: "Studio 5"}, {SSID: "guests"}}}
	all := history{}.report([]link{{name: "wlan0", up: true, carrier: true, wireless: true, radio: radio}, {name: "wlan1", up: true, wireless: true}, {name: "eth0", up: true}}, config.Network{}, now)
	require.Nil(t, all[0].Wifi)
	require.Equal(t, stateNoCable, all[0].State)
	require.Equal(t, &status.Wifi{SSID: "Studio 5", Signal: -60, Bars: 3, Band: "5 GHz", Heard: []string{"Studio 5", "guests"}}, all[1].Wifi)
	require.Equal(t, 300, all[1].Speed)
	require.Equal(t, stateApart, all[2].State)
	require.Equal(t, "\n\n"+`WI-FI  NETWORK   SIGNAL        BAND
wlan0  Studio 5  ***- -60 dBm  5 GHz
wlan1  -         -             -`, airTable(&status.Snapshot{Network: all}))
}

// scanner is a Scanner that finds one network.
type scanner struct {
	on  string
	err error
}

func (s *scanner) Scan(_ context.Context, name string) ([]wifi.Network, error) {
	s.on = name
	return []wifi.Network{{SSID: "Studio 5", Signal: -50, Frequency: 2412, Security: "WPA2"}}, s.err
}

func wifiTable(t *testing.T, doc string, radios ...string) (*control.Table, *changer, *scanner) {
	cfg, err := config.Parse("", []byte("[streams.main]\n"+doc), config.Rules{})
	require.NoError(t, err)
	store := status.NewStore("v")
	all := []status.NetworkInterface{{Name: "eth0"}}
	for _, name := range radios {
		all = append(all, status.NetworkInterface{Name: name, Wifi: &status.Wifi{Heard: []string{"Studio 5", "guests"}}})
	}
	store.SetNetwork(all)
	change, s := &changer{running: cfg}, &scanner{}
	return control.New(store, nil, WifiCommands(store, change, s)...), change, s
}

func do(t *testing.T, table *control.Table, line string) (control.Result, error) {
	t.Helper()
	words, _ := control.Words(line)
	r, err := table.Read(words)
	require.NoError(t, err)
	return table.Do(t.Context(), admin(), r)
}

func TestWifiChanges(t *testing.T) {
	for line, c := range map[string]struct {
		doc   string
		patch map[string]string
	}{
		`network wifi join "Studio 6" "camera two"`: {studio, map[string]string{"ssid": "Studio 6", "passphrase": "camera two", "hidden": ""}},
		`network wifi join guests none`:             {studio, map[string]string{"ssid": "guests", "passphrase": "", "hidden": ""}},
		`network wifi join guests`:                  {dhcp, map[string]string{"ssid": "guests", "passphrase": "", "hidden": ""}},
		`network wifi join "Studio 5"`:              {studio, map[string]string{"ssid": "Studio 5"}},
		`network wifi join "Studio 5" "camera two"`: {studio + "method = \"off\"\n", map[string]string{"ssid": "Studio 5", "passphrase": "camera two", "method": "dhcp"}},
		`network wifi forget wlan0`:                 {studio, map[string]string{"ssid": "", "passphrase": "", "hidden": ""}},
	} {
		t.Run(line, func(t *testing.T) {
			table, change, _ := wifiTable(t, c.doc, "wlan0")
			r, err := do(t, table, line)
			require.NoError(t, err)
			require.Equal(t, patchOf("wlan0", c.patch), change.patch)
			require.Equal(t, Within, change.within)
			require.NotContains(t, r.Text, "camera two")
			data, ok := r.Data.(map[string]any)["changes"].(map[string]string)
			require.True(t, ok)
			require.NotContains(t, slices.Collect(maps.Values(data)), "camera two")
		})
	}
}

func TestScanCommand(t *testing.T) {
	table, _, s := wifiTable(t, "", "wlan0", "wlan1")
	r, err := do(t, table, "network wifi scan wlan1")
	require.NoError(t, err)
	require.Equal(t, "wlan1", s.on)
	require.Equal(t, `NETWORK   SIGNAL        BAND     SECURITY
Studio 5  **** -50 dBm  2.4 GHz  WPA2`, r.Text)
	s.err = errors.New("wifi: no")
	_, err = do(t, table, "network wifi scan wlan1")
	require.ErrorContains(t, err, "wifi: no")
}

func TestWifiCommandsThatAreRefused(t *testing.T) {
	for line, c := range map[string]struct {
		doc    string
		radios []string
		want   string
	}{
		"network wifi scan":                   {dhcp, nil, "the box has no Wi-Fi"},
		"network wifi join x":                 {dhcp, []string{"wlan0", "wlan1"}, "say which: interface=wlan0 or interface=wlan1"},
		"network wifi join x interface=eth0":  {dhcp, []string{"wlan0"}, `no Wi-Fi interface "eth0", expected one of wlan0`},
		"network wifi forget":                 {dhcp, []string{"wlan0"}, "wlan0 has no Wi-Fi network to forget"},
		"network wifi join guests none wlan0": {"", []string{"wlan0"}, "network.manage is off"},
	} {
		table, change, _ := wifiTable(t, c.doc, c.radios...)
		_, err := do(t, table, line)
		require.ErrorContains(t, err, c.want, line)
		require.Nil(t, change.patch)
	}
}

func TestNetworksAreCompleted(t *testing.T) {
	s := &status.Snapshot{Network: []status.NetworkInterface{
		{Name: "eth0"}, {Name: "wlan0", Wifi: &status.Wifi{Heard: []string{"a", "b"}}}, {Name: "wlan1", Wifi: &status.Wifi{Heard: []string{"b", "c"}}},
	}}
	require.Equal(t, []string{"wlan0", "wlan1"}, radios(s, nil))
	require.Equal(t, []string{"a", "b", "c"}, networks(s, nil))
	require.Equal(t, []string{"b", "c"}, networks(s, control.Args{"interface": "wlan1"}))
}
