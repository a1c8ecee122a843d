package network

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/network/wifi"
	"github.com/encoderbox/encoderbox/device/status"
)

// Scanner listens for Wi-Fi networks around an interface. It returns within half a minute.
type Scanner interface {
	Scan(ctx context.Context, name string) ([]wifi.Network, error)
}

// WifiCommands are those of Wi-Fi. state is where the interfaces are reported.
func WifiCommands(state control.State, change Changer, scanner Scanner) []control.Command {
	c := wifiCommands{commands{state, change}, scanner}
	name := control.Arg{Name: "interface", Help: "The Wi-Fi interface, such as wlan0; left out: the only one", Kind: control.Word, Optional: true, Values: radios}
	return []control.Command{
		{
			Name: "network wifi scan", Help: "List the Wi-Fi networks around the box",
			Args: []control.Arg{name}, Role: control.Operator, Reads: true, Run: c.scan,
		},
		{
			Name: "network wifi join", Help: "Join a Wi-Fi network; to be confirmed",
			Args: []control.Arg{
				{Name: "ssid", Help: "The network's name, in quotes if it has spaces", Kind: control.Word, Spaces: true, Values: networks},
				{Name: "passphrase", Help: "Its passphrase; none for an open network; left out: the one it has already", Kind: control.Word, Spaces: true, Optional: true, Secret: true},
				name,
			},
			Role: control.Admin, Run: c.join,
		},
		{
			Name: "network wifi forget", Help: "Leave the Wi-Fi network, and do not join it again; to be confirmed",
			Args: []control.Arg{name}, Role: control.Admin, Run: c.forget,
		},
	}
}

// wifiCommands run the commands.
type wifiCommands struct {
	commands
	scanner Scanner
}

// radios are the Wi-Fi interfaces.
func radios(s *status.Snapshot, _ control.Args) (names []string) {
	for _, i := range s.Network {
		if i.Wifi != nil {
			names = append(names, i.Name)
		}
	}
	return names
}

// networks are those that the last scan found.
func networks(s *status.Snapshot, given control.Args) (names []string) {
	for _, i := range s.Network {
		if i.Wifi == nil || given.Get("interface") != "" && given.Get("interface") != i.Name {
			continue
		}
		for _, n := range i.Wifi.Heard {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

// which is the interface that is meant.
func (c wifiCommands) which(call control.Call) (string, error) {
	have, name := radios(c.state.Load(), nil), call.Args.Get("interface")
	switch {
	case len(have) == 0:
		return "", control.Errorf(control.NotFound, "the box has no Wi-Fi: plug an adapter in that its kernel has a driver for")
	case name == "" && len(have) == 1:
		return have[0], nil
	case name == "":
		return "", control.Errorf(control.Usage, "the box has several Wi-Fi interfaces, say which: interface=%s", strings.Join(have, " or interface="))
	case !slices.Contains(have, name):
		return "", control.Errorf(control.NotFound, "there is no Wi-Fi interface %q, expected one of %s", name, strings.Join(have, ", "))
	}
	return name, nil
}

// managed is which, where encoderd may change it.
func (c wifiCommands) managed(call control.Call) (string, error) {
	if !c.change.Running().Network.Manage {
		return "", control.Errorf(control.Conflict, "network.manage is off: the box's distribution configures its network; change it there, or set network.manage to true")
	}
	return c.which(call)
}

func (c wifiCommands) scan(ctx context.Context, call control.Call) (control.Result, error) {
	name, err := c.which(call)
	if err != nil {
		return control.Result{}, err
	}
	found, err := c.scanner.Scan(ctx, name)
	if err != nil {
		return control.Result{}, err
	}
	data := map[string]any{"interface": name, "networks": append([]wifi.Network{}, found...)}
	if len(found) == 0 {
		return control.Result{Text: "no network is on the air at " + name, Data: data}, nil
	}
	rows := [][]string{{"NETWORK", "SIGNAL", "BAND", "SECURITY"}}
	for _, n := range found {
		rows = append(rows, []string{n.SSID, fmt.Sprintf("%s %d dBm", bars(wifi.Bars(n.Signal)), n.Signal), n.Band(), n.Security})
	}
	return control.Result{Text: aligned(rows), Data: data}, nil
}

func (c wifiCommands) join(ctx context.Context, call control.Call) (control.Result, error) {
	name, err := c.managed(call)
	if err != nil {
		return control.Result{}, err
	}
	ssid, passphrase := call.Args.Get("ssid"), call.Args.Get("passphrase")
	now := c.change.Running().Network.Interfaces[name]
	keys := map[string]string{"ssid": ssid}
	if now.SSID != ssid {
		keys["hidden"], keys["passphrase"] = "", ""
	}
	switch {
	case strings.EqualFold(passphrase, none):
		keys["passphrase"] = ""
	case passphrase != "":
		keys["passphrase"] = passphrase
	}
	if now.Method == config.NetworkOff {
		keys["method"] = config.NetworkDHCP
	}
	return c.confirmed(ctx, call, name+" joins Wi-Fi network "+ssid+"; \"network show\" says whether it is in", patchOf(name, keys))
}

func (c wifiCommands) forget(ctx context.Context, call control.Call) (control.Result, error) {
	name, err := c.managed(call)
	if err != nil {
		return control.Result{}, err
	}
	now := c.change.Running().Network.Interfaces[name]
	if now.SSID == "" {
		return control.Result{}, control.Errorf(control.Conflict, "%s has no Wi-Fi network to forget", name)
	}
	return c.confirmed(ctx, call, name+" has left Wi-Fi network "+now.SSID, patchOf(name, map[string]string{"ssid": "", "passphrase": "", "hidden": ""}))
}

// patchOf are keys of an interface, as Changer has them.
func patchOf(name string, keys map[string]string) map[string]string {
	patch := map[string]string{}
	for key, value := range keys {
		patch["network.interfaces."+name+"."+key] = value
	}
	return patch
}

// masked is a patch as people may see it.
func masked(patch map[string]string) map[string]string {
	shown := maps.Clone(patch)
	for path, value := range shown {
		if strings.HasSuffix(path, ".passphrase") && value != "" {
			shown[path] = config.Mask
		}
	}
	return shown
}
