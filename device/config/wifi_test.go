package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWifi(t *testing.T) {
	for name, doc := range map[string]string{
		"open":       `ssid = "Studio 5"`,
		"longest":    `ssid = "` + strings.Repeat("x", 32) + `"` + "\npassphrase = \"" + strings.Repeat("p", 63) + `"`,
		"key":        `ssid = "x"` + "\npassphrase = \"" + strings.Repeat("0aF", 21) + `0"`,
		"hidden":     "ssid = \"ö\"\nhidden = true\npassphrase = \"a b c d e\"",
		"kept apart": "",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("", []byte("[streams.main]\n[network]\nwifi_country = \"DE\"\n[network.interfaces.wlan0]\n"+doc), Rules{})
			require.NoError(t, err)
		})
	}
}

func TestWifiErrors(t *testing.T) {
	for doc, want := range map[string]string{
		"passphrase = \"12345678\"":                               "ssid: missing: passphrase is set",
		"hidden = true":                                           "ssid: missing: hidden is set",
		"ssid = \"" + strings.Repeat("ö", 17) + "\"":              "1 to 32 bytes",
		"ssid = \"a\\tb\"":                                        "without control characters",
		"ssid = \"x\"\npassphrase = \"1234567\"":                  "passphrase: is none of WPA's, expected 8 to 63 ASCII",
		"ssid = \"x\"\npassphrase = \"grün-grün\"":                "passphrase: is none of WPA's",
		"ssid = \"x\"\npassphrase = \"" + strings.Repeat("g", 64): "passphrase: is none of WPA's",
		"ssid = \"x\"\nvlan = 7\nparent = \"eth0\"":               "ssid: is for a Wi-Fi interface",
	} {
		if strings.Count(doc, `"`)%2 == 1 {
			doc += `"`
		}
		_, err := Parse("", []byte("[streams.main]\n[network.interfaces.eth0]\n[network.interfaces.wlan0]\n"+doc), Rules{})
		require.ErrorContains(t, err, want, doc)
		require.NotContains(t, err.Error(), "1234567", "a secret is told")
	}
	_, err := Parse("", []byte("[streams.main]\n[network]\nwifi_country = \"de\""), Rules{})
	require.ErrorContains(t, err, `network.wifi_country: got "de", expected the two capital letters`)
}

// What is shown of a passphrase is that there is one.
func TestAPassphraseOfWifiIsMasked(t *testing.T) {
	cfg, err := Parse("", []byte("[streams.main]\n[network.interfaces.wlan0]\nssid = \"x\"\npassphrase = \"studio-secret\""), Rules{})
	require.NoError(t, err)
	require.Equal(t, "studio-secret", cfg.Network.Interfaces["wlan0"].Passphrase.Reveal())
	shown, err := json.Marshal(cfg.Network)
	require.NoError(t, err)
	require.Contains(t, string(shown), `"***"`)
	require.NotContains(t, string(shown)+fmt.Sprintf("%v %+v %#v", cfg.Network, cfg.Network, cfg.Network), "studio-secret")
	other := cfg.Network.Clone()
	i := other.Interfaces["wlan0"]
	i.Passphrase = NewSecret("another-secret")
	other.Interfaces["wlan0"] = i
	require.False(t, cfg.Network.Equal(other))
}
