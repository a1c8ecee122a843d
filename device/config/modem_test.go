package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAModem(t *testing.T) {
	c, err := Parse("", []byte("[streams.main]\n[network.interfaces.wwan0]\napn = \"m2m.example\"\npin = \"0420\"\napn_user = \"u\"\napn_password = \"geheim\"\nroaming = true\nmetric = 50\n"), Rules{})
	require.NoError(t, err)
	i := c.Network.Interfaces["wwan0"]
	require.True(t, i.Modem())
	require.Equal(t, "0420", i.PIN.Reveal())
	require.True(t, i.Roaming)
	shown := string(MarshalMasked(c))
	require.NotContains(t, shown, "0420")
	require.NotContains(t, shown, "geheim")
	require.Equal(t, "the *** and ***", c.Conceal("the 0420 and geheim"))
}

func TestWhatAModemCannotHave(t *testing.T) {
	for doc, want := range map[string]string{
		"apn = \"inter net\"":                                               `wwan0.apn: got "inter net", expected the access point name`,
		"apn = \"a\"\nssid = \"b\"":                                         "wwan0.apn: is for a modem, and ssid for Wi-Fi",
		"apn = \"a\"\npin = \"12\"":                                         "wwan0.pin: not a SIM's PIN, expected 4 to 8 digits",
		"apn = \"a\"\npin = \"12a4\"":                                       "wwan0.pin: not a SIM's PIN",
		"apn = \"a\"\nmethod = \"static\"\naddress = \"10.0.0.2/24\"":       `wwan0.apn: is for a modem, which has its address from the mobile network`,
		"apn = \"a\"\nvlan = 3\nparent = \"eth0\"":                          "wwan0.apn: is for a modem, and this interface is a VLAN",
		"apn = \"a\"\n[network.interfaces.v]\nvlan = 3\nparent = \"wwan0\"": "v.parent: wwan0 is a mobile modem's",
		"apn = \"a\"\napn_password = \"x\"":                                 "wwan0.apn_user: missing",
		"apn = \"a\"\napn_user = \"" + strings.Repeat("x", 128) + "\"":      "wwan0.apn_user: expected at most 127 bytes",
		"apn = \"a\"\napn_user = \"x\\ny\"":                                 "wwan0.apn_user: expected at most 127 bytes without control characters",
		"pin = \"1234\"":                                                    "wwan0.pin: is for a mobile modem, whose interface has apn",
		"apn_user = \"x\"":                                                  "wwan0.apn_user: is for a mobile modem",
		"roaming = true":                                                    "wwan0.roaming: is for a mobile modem",
	} {
		_, err := Parse("", []byte("[streams.main]\n[network.interfaces.eth0]\n[network.interfaces.wwan0]\n"+doc+"\n"), Rules{})
		require.ErrorContains(t, err, want, doc)
	}
}
