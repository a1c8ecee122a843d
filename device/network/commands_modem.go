package network

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/network/modem"
	"github.com/encoderbox/encoderbox/device/status"
)

// modem are the commands of mobile modems.
func (c commands) modem() []control.Command {
	name := control.Arg{Name: "interface", Help: "The modem's interface, such as wwan0", Kind: control.Word, Values: modemInterfaces}
	return []control.Command{
		{
			Name: "network modem show", Help: "Show mobile modems, their networks and signals",
			Role: control.Viewer, Reads: true, Run: c.modemShow,
		},
		{
			Name: "network modem apn", Help: "Connect a mobile modem; to be confirmed",
			Args: []control.Arg{
				name,
				{Name: "apn", Help: "The access point name that the SIM's operator gives", Kind: control.Word},
				{Name: "user", Help: "The user name, where the operator has one", Kind: control.Word, Optional: true},
				{Name: "password", Help: "The user's password", Kind: control.Word, Optional: true, Secret: true},
			},
			Role: control.Admin, Run: c.modemAPN,
		},
		{
			Name: "network modem pin", Help: "Tell the PIN of a modem's SIM; to be confirmed",
			Args:   []control.Arg{name, {Name: "pin", Help: "4 to 8 digits", Kind: control.Word, Secret: true}},
			Except: map[control.Surface]string{control.Panel: "digits are seen there by who stands beside, and a wrong one counts"},
			Role:   control.Admin, Run: c.modemPIN,
		},
	}
}

func modemInterfaces(s *status.Snapshot, _ control.Args) (names []string) {
	for _, i := range s.Network {
		if i.Modem != nil {
			names = append(names, i.Name)
		}
	}
	if len(names) == 0 {
		return []string{"wwan0"}
	}
	return names
}

func (c commands) modemShow(context.Context, control.Call) (control.Result, error) {
	rows := [][]string{{"INTERFACE", "STATE", "OPERATOR", "TECHNOLOGY", "SIGNAL", "ROAMING", "MODEM"}}
	shown := []status.NetworkInterface{}
	for _, i := range c.state.Load().Network {
		m := i.Modem
		if m == nil {
			continue
		}
		shown = append(shown, i)
		row := []string{i.Name, m.State, m.Operator, m.Technology, fmt.Sprintf("%d %%", m.Signal), choose(m.Roaming, "yes", "no"), m.Model}
		for n, cell := range row {
			row[n] = choose(cell == "", "-", cell)
		}
		rows = append(rows, row)
	}
	r := control.Result{Text: aligned(rows), Data: map[string]any{"interfaces": shown}}
	if len(shown) == 0 {
		r.Text = `No mobile modem is connected: configure one by "network modem apn"`
		if wanted := modem.Wanted(c.change.Running().Network); len(wanted) > 0 {
			r.Text = fmt.Sprintf("No mobile modem is there, and %s is configured: the conditions say why", slices.Sorted(maps.Keys(wanted))[0])
		}
	}
	return r, nil
}

func (c commands) modemAPN(ctx context.Context, call control.Call) (control.Result, error) {
	apn := call.Args.Get("apn")
	if err := config.CheckAPN(apn); err != nil {
		return control.Result{}, control.Errorf(control.Usage, "apn: %v", err)
	}
	return c.setModem(ctx, call, "connects to "+apn, map[string]string{
		"method": config.NetworkDHCP, "address": "", "gateway": "",
		"apn": apn, "apn_user": call.Args.Get("user"), "apn_password": call.Args.Get("password"),
	})
}

func (c commands) modemPIN(ctx context.Context, call control.Call) (control.Result, error) {
	if err := config.CheckPIN(call.Args.Get("pin")); err != nil {
		return control.Result{}, control.Errorf(control.Usage, "pin: %v", err)
	}
	name := call.Args.Get("interface")
	if !c.change.Running().Network.Interfaces[name].Modem() {
		return control.Result{}, control.Errorf(control.Conflict, "%s is no modem's interface yet: give it its access point name at first, by \"network modem apn %s APN\"", name, name)
	}
	return c.setModem(ctx, call, "gives its SIM another PIN", map[string]string{"pin": call.Args.Get("pin")})
}

// setModem changes keys of a modem's interface, which need not be there yet.
func (c commands) setModem(ctx context.Context, call control.Call, what string, keys map[string]string) (control.Result, error) {
	if !c.change.Running().Network.Manage {
		return control.Result{}, control.Errorf(control.Conflict, "network.manage is off: the box's distribution configures its network; change it there, or set network.manage to true")
	}
	name := call.Args.Get("interface")
	patch := map[string]string{}
	for key, value := range keys {
		patch["network.interfaces."+name+"."+key] = value
	}
	r, err := c.confirmed(ctx, call, name+" "+what, patch)
	if err != nil {
		return r, err
	}
	shown := maps.Clone(patch)
	for _, key := range []string{"pin", "apn_password"} {
		if path := "network.interfaces." + name + "." + key; shown[path] != "" {
			shown[path] = config.Mask
		}
	}
	r.Data = map[string]any{"confirm_within_seconds": int(Within.Seconds()), "confirm_by": "config confirm", "changes": shown}
	return r, nil
}
