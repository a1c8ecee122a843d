package wifi

import (
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
)

func TestProblems(t *testing.T) {
	begun := time.Unix(1000, 0)
	late := begun.Add(search)
	here, others := []Network{{SSID: "Studio 5"}}, []Network{{SSID: "others"}}
	code := func(n int32) map[string]dbus.Variant {
		return map[string]dbus.Variant{"AuthStatusCode": dbus.MakeVariant(n)}
	}
	for name, c := range map[string]struct {
		states []string
		code   int32
		heard  []Network
		scans  bool
		now    time.Time
		want   Problem
	}{
		"found soon":                   {states: []string{"scanning"}, heard: others, scans: true, now: begun},
		"not found":                    {states: []string{"scanning"}, heard: others, scans: true, now: late, want: Missing},
		"nobody has looked":            {states: []string{"scanning"}, now: late},
		"there and slow":               {states: []string{"associating"}, heard: here, scans: true, now: late},
		"wrong passphrase of WPA2":     {states: []string{"associated", handshake, "disconnected"}, heard: here, now: begun, want: Refused},
		"still wrong, though waiting":  {states: []string{handshake, "disconnected", "scanning"}, heard: others, scans: true, now: late, want: Refused},
		"right then":                   {states: []string{handshake, "disconnected", handshake, group, completed}, now: begun},
		"right at once":                {states: []string{handshake, completed}, now: begun},
		"wrong passphrase of WPA3":     {states: []string{"authenticating"}, code: 15, heard: here, now: begun, want: Refused},
		"an access point that is full": {states: []string{"authenticating"}, code: 17, heard: here, now: begun},
	} {
		t.Run(name, func(t *testing.T) {
			a := &attempt{want: studio(), since: begun}
			for _, s := range c.states {
				a.to(s, begun)
			}
			a.news(code(c.code), begun)
			a.scanned = c.scans
			require.Equal(t, c.want, a.problem(c.heard, c.now))
		})
	}
}

// An access point that goes is missed from then on, and not at once.
func TestAnAccessPointThatGoes(t *testing.T) {
	begun := time.Unix(1000, 0)
	a := &attempt{want: studio(), since: begun}
	a.to(completed, begun)
	a.scanned = true
	gone := begun.Add(time.Hour)
	a.to("disconnected", gone)
	require.Empty(t, a.problem(nil, gone.Add(search)), "nobody looked since")
	a.scanned = true
	require.Empty(t, a.problem(nil, gone.Add(search-1)))
	require.Equal(t, Missing, a.problem(nil, gone.Add(search)))
}

func TestBars(t *testing.T) {
	for signal, want := range map[int]int{-30: 4, -55: 4, -56: 3, -65: 3, Weak: 2, -76: 1, -85: 1, -86: 0} {
		require.Equal(t, want, Bars(signal), signal)
	}
}

func TestARawKeyIsForWPA2Alone(t *testing.T) {
	s := studio()
	require.NoError(t, s.Passphrase.UnmarshalText([]byte("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")))
	p := settings(s, true)
	require.Len(t, p["psk"].Value(), 32)
	require.Equal(t, "WPA-PSK", p["key_mgmt"].Value())
}
