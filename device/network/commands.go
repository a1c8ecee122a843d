package network

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// Within is how long a changed network waits for somebody to confirm it.
const Within = 60 * time.Second

// Changer changes the configuration.
type Changer interface {
	// Running is the configuration that runs now. It must not be changed.
	Running() *config.Config
	// ChangeConfirmed has the configuration run with patch's paths set to their values,
	// as they are typed; an empty value sets the path back to its default. It returns
	// once that is applied, or with what is wrong with it, and then nothing is changed.
	// Unless somebody confirms it within that time, the configuration before it runs
	// again, also after a restart of the daemon or of the box.
	ChangeConfirmed(ctx context.Context, by control.Caller, patch map[string]string, within time.Duration) error
}

// Commands are those of the network. state is where the interfaces are reported.
func Commands(state control.State, change Changer) []control.Command {
	c := commands{state, change}
	name := control.Arg{Name: "interface", Help: "The network interface, such as eth0", Kind: control.Word, Values: interfaces}
	return append([]control.Command{
		{
			Name: "network show", Help: "Show interfaces, addresses and cables",
			Role: control.Viewer, Reads: true, Run: c.show,
		},
		{
			Name: "network dhcp", Help: "Take an interface's address from the network; to be confirmed",
			Args: []control.Arg{name}, Role: control.Admin, Run: c.dhcp,
		},
		{
			Name: "network static", Help: "Give an interface an address of its own; to be confirmed",
			Args: []control.Arg{
				name,
				{Name: "address", Help: "Address and length of its net, such as 192.168.1.20/24", Kind: control.Word, Values: present},
				{Name: "gateway", Help: "The router's address, or none", Kind: control.Word, Values: gateways},
				{Name: "dns", Help: "Name servers, separated by commas without spaces; left out: those it has", Kind: control.Word, Optional: true},
			},
			Role: control.Admin, Run: c.static,
		},
		{
			Name: "network off", Help: "Keep an interface down; to be confirmed",
			Args: []control.Arg{name}, Role: control.Admin, Run: c.off,
		},
		{
			Name: "network hostname", Help: "Name the box; to be confirmed",
			Args: []control.Arg{{Name: "name", Help: "1 to 63 of a-z, 0-9 and -", Kind: control.Word}},
			Role: control.Admin, Run: c.hostname,
		},
	}, c.modem()...)
}

// commands run the commands.
type commands struct {
	state  control.State
	change Changer
}

// none is typed where there is no gateway.
const none = "none"

func interfaces(s *status.Snapshot, _ control.Args) (names []string) {
	for _, i := range s.Network {
		names = append(names, i.Name)
	}
	return names
}

// present are the addresses that the interface has now: a lease can be made to stay.
func present(s *status.Snapshot, given control.Args) []string {
	for _, i := range s.Network {
		if i.Name == given.Get("interface") && i.State == stateUp {
			return i.Addresses[:1]
		}
	}
	return nil
}

func gateways(s *status.Snapshot, given control.Args) []string {
	for _, i := range s.Network {
		if i.Name == given.Get("interface") && i.Gateway != "" {
			return []string{i.Gateway, none}
		}
	}
	return []string{none}
}

func (c commands) show(context.Context, control.Call) (control.Result, error) {
	s := c.state.Load()
	return control.Result{Text: table(s), Data: map[string]any{"hostname": s.Hostname, "interfaces": s.Network}}, nil
}

func (c commands) dhcp(ctx context.Context, call control.Call) (control.Result, error) {
	return c.set(ctx, call, "asks the network for its address", map[string]string{
		"method": config.NetworkDHCP, "address": "", "gateway": "", "dns": "",
	})
}

func (c commands) static(ctx context.Context, call control.Call) (control.Result, error) {
	gateway := call.Args.Get("gateway")
	if strings.EqualFold(gateway, none) {
		gateway = ""
	}
	address, dns := call.Args.Get("address"), call.Args.Get("dns")
	if dns == "" {
		dns = c.servers(call.Args.Get("interface"))
	}
	return c.set(ctx, call, "has the address "+address, map[string]string{
		"method": config.NetworkStatic, "address": address, "gateway": gateway, "dns": dns,
	})
}

// servers are the name servers that an interface keeps: those configured, else those
// that it has from the network.
func (c commands) servers(name string) string {
	if i := c.change.Running().Network.Interfaces[name]; i.DNS != "" {
		return i.DNS
	}
	for _, i := range c.state.Load().Network {
		if i.Name == name {
			return strings.Join(i.DNS, ",")
		}
	}
	return ""
}

func (c commands) off(ctx context.Context, call control.Call) (control.Result, error) {
	return c.set(ctx, call, "is off", map[string]string{
		"method": config.NetworkOff, "address": "", "gateway": "",
	})
}

// set changes keys of an interface that there is.
func (c commands) set(ctx context.Context, call control.Call, what string, keys map[string]string) (control.Result, error) {
	name := call.Args.Get("interface")
	n := c.change.Running().Network
	if !n.Manage {
		return control.Result{}, control.Errorf(control.Conflict, "network.manage is off: the box's distribution configures its network; change it there, or set network.manage to true")
	}
	known := interfaces(c.state.Load(), nil)
	for configured := range maps.Keys(n.Interfaces) {
		if !slices.Contains(known, configured) {
			known = append(known, configured)
		}
	}
	if !slices.Contains(known, name) {
		slices.Sort(known)
		return control.Result{}, control.Errorf(control.NotFound, "there is no interface %q, expected one of %s", name, strings.Join(known, ", "))
	}
	patch := map[string]string{}
	for key, value := range keys {
		patch["network.interfaces."+name+"."+key] = value
	}
	return c.confirmed(ctx, call, name+" "+what, patch)
}

func (c commands) hostname(ctx context.Context, call control.Call) (control.Result, error) {
	name := strings.ToLower(call.Args.Get("name"))
	if err := config.CheckHostname(name); err != nil {
		return control.Result{}, control.Errorf(control.Usage, "name: %v", err)
	}
	return c.confirmed(ctx, call, "the box is called "+name, map[string]string{"network.hostname": name})
}

// confirmed makes a change that is undone unless somebody confirms it.
func (c commands) confirmed(ctx context.Context, call control.Call, what string, patch map[string]string) (control.Result, error) {
	if err := c.change.ChangeConfirmed(ctx, call.Caller, patch, Within); err != nil {
		return control.Result{}, err
	}
	seconds := int(Within.Seconds())
	return control.Result{
		Text: fmt.Sprintf("Now %s. Keep it by \"config confirm\" within %d seconds: else all is as before again.\nIf this connection ends, reach the box at its new address, or by console or panel, and confirm there.", what, seconds),
		Data: map[string]any{"confirm_within_seconds": seconds, "confirm_by": "config confirm", "changes": masked(patch)},
	}, nil
}

// table shows the interfaces to people.
func table(s *status.Snapshot) string {
	rows := [][]string{{"INTERFACE", "STATE", "METHOD", "ADDRESS", "GATEWAY", "DNS", "SPEED", "MAC"}}
	for _, i := range s.Network {
		speed := ""
		if i.Speed > 0 {
			speed = fmt.Sprintf("%d Mb/s", i.Speed)
		}
		addresses := slices.DeleteFunc(slices.Clone(i.Addresses), func(a string) bool { return strings.HasPrefix(a, "fe80:") })
		row := []string{i.Name, i.State, i.Method, strings.Join(addresses, ","), i.Gateway, strings.Join(i.DNS, ","), speed, i.MAC}
		for n, cell := range row {
			if cell == "" {
				row[n] = "-"
			}
		}
		rows = append(rows, row)
	}
	return "Hostname: " + s.Hostname + "\n" + aligned(rows) + airTable(s)
}

// aligned are rows with their columns below each other.
func aligned(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for n, cell := range row {
			widths[n] = max(widths[n], len(cell))
		}
	}
	lines := make([]string, len(rows))
	for r, row := range rows {
		var b strings.Builder
		for n, cell := range row {
			fmt.Fprintf(&b, "%-*s  ", widths[n], cell)
		}
		lines[r] = strings.TrimRight(b.String(), " ")
	}
	return strings.Join(lines, "\n")
}
