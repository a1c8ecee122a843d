package config

import "strings"

// AutoPort stands for the board's own port.
const AutoPort = "auto"

// Console is how people and programs reach the box over a serial line. It is comparable.
type Console struct {
	Device        string   `toml:"device" help:"Serial port of the console, 8N1, such as /dev/ttyS0 or /dev/serial/by-id/…; auto: the one that the board's model has, if it has one. Empty: none. Nothing else may read from it: systemctl mask --now serial-getty@ttyS0. See docs/serial.md."`
	Baud          int      `toml:"baud" default:"115200" min:"300" max:"4000000" unit:"bits per second" help:"Speed of device and of USB adapters."`
	USB           bool     `toml:"usb" default:"false" help:"A console on every USB serial adapter that is plugged in, and on the box's own USB gadget port."`
	User          string   `toml:"user" default:"admin" help:"The name to log in with, on the console."`
	Password      Secret   `toml:"password" help:"The password to log in with, on the console. Empty: whoever has the cable is in."`
	IdleTimeout   Duration `toml:"idle_timeout" default:"10m" min:"0s" max:"24h" unit:"duration; 0: never" help:"Log out after nothing was typed for so long. What was not committed is dropped."`
	MachineListen string   `toml:"machine_listen" unit:"address:port" help:"The line protocol for programs on the LAN too, by TCP, such as \":8081\". It is not encrypted. Empty: off."`
	MachineToken  Secret   `toml:"machine_token" help:"What programs must send first, by TCP: 16 characters or more."`
}

// validateConsole checks what no single value can show.
func (d *decoder) validateConsole(c Console) {
	const path, leastToken = "console", 16
	if c.Device != "" && c.Device != AutoPort && !strings.HasPrefix(c.Device, "/") {
		d.fail(path+".device", "got %s, expected the whole path, such as \"/dev/ttyS0\", or \"auto\"", quote(c.Device))
	}
	if c.User == "" || strings.ContainsAny(c.User, " \t\r\n") {
		d.fail(path+".user", "got %s, expected a name of one word, such as \"admin\"", quote(c.User))
	}
	if c.MachineListen == "" || !d.good(path, "machine_listen", "machine_token") {
		return
	}
	if err := checkListen(c.MachineListen); err != nil {
		d.fail(path+".machine_listen", "%v", err)
	}
	if len(c.MachineToken.Reveal()) < leastToken {
		d.fail(path+".machine_token", "missing or shorter than %d characters: with machine_listen, who can reach the box would command it", leastToken)
	}
}
