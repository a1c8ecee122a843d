package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConsole(t *testing.T) {
	c := parse(t, "[streams.main]\n")
	require.Equal(t, Console{Baud: 115200, User: "admin", IdleTimeout: Duration(10 * time.Minute)}, c.Console)
	next := parse(t, "[console]\ndevice = \"/dev/ttyS0\"\npassword = \"geheim\"\nmachine_listen = \":8081\"\nmachine_token = \"0123456789abcdef\"\n[streams.main]\n")
	require.False(t, c.Equal(next))
	require.Equal(t, "geheim", next.Console.Password.Reveal())
	require.Equal(t, Mask, next.Console.Password.String())
	require.Equal(t, AutoPort, parse(t, "[console]\ndevice = \"auto\"\n[streams.main]\n").Console.Device)
}

func TestConsolesThatAreRefused(t *testing.T) {
	for doc, want := range map[string]string{
		`device = "ttyS0"`:          "console.device",
		`baud = 12`:                 "console.baud",
		`user = "two words"`:        "console.user",
		`machine_listen = ":8081"`:  "console.machine_token",
		`machine_listen = "nobody"`: "console.machine_listen",
		`idle_timeout = "48h"`:      "console.idle_timeout",
	} {
		_, err := Parse("x.toml", []byte("[console]\n"+doc+"\n[streams.main]\n"), Rules{})
		require.ErrorContains(t, err, want, doc)
	}
}

func TestThePortOfAFrontPanel(t *testing.T) {
	require.Empty(t, parse(t, "[streams.main]\n").Board.PanelPort)
	c := parse(t, "[board]\npanel_port = \"/dev/ttyUSB0\"\n[console]\ndevice = \"/dev/ttyS0\"\n[streams.main]\n")
	require.Equal(t, "/dev/ttyUSB0", c.Board.PanelPort)
	for port, want := range map[string]string{"ttyUSB0": "whole path", "/etc/passwd": "whole path", "/dev/ttyS0": "console.device"} {
		_, err := Parse("x.toml", []byte("[board]\npanel_port = \""+port+"\"\n[console]\ndevice = \"/dev/ttyS0\"\n[streams.main]\n"), Rules{})
		require.ErrorContains(t, err, "board.panel_port", port)
		require.ErrorContains(t, err, want, port)
	}
}
