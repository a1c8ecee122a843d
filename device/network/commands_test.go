package network

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/commit"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

var _ Changer = (*commit.Keeper)(nil)

// changer is a Changer that remembers.
type changer struct {
	running *config.Config
	by      control.Caller
	patch   map[string]string
	within  time.Duration
	err     error
}

func (c *changer) Running() *config.Config { return c.running }

func (c *changer) ChangeConfirmed(_ context.Context, by control.Caller, patch map[string]string, within time.Duration) error {
	c.by, c.patch, c.within = by, patch, within
	return c.err
}

func newTable(t *testing.T, doc string) (*control.Table, *changer) {
	cfg, err := config.Parse("", []byte("[streams.main]\n"+doc), config.Rules{})
	require.NoError(t, err)
	store := status.NewStore("v")
	store.SetHostname("studio")
	store.SetNetwork([]status.NetworkInterface{
		{Name: "eth0", MAC: "02:00:00:00:00:01", State: stateUp, Speed: 1000, Method: "dhcp", Gateway: "10.0.0.1", Addresses: []string{"10.0.0.2/24", "fe80::1/64"}, DNS: []string{"10.0.0.1", "9.9.9.9"}},
		{Name: "eth1", State: stateNoCable, Addresses: []string{}, DNS: []string{}},
	})
	change := &changer{running: cfg}
	return control.New(store, nil, Commands(store, change)...), change
}

func admin() control.Caller {
	return control.Caller{Name: "the console", Surface: control.Console, Role: control.Admin}
}

func TestShow(t *testing.T) {
	table, _ := newTable(t, dhcp)
	r, err := table.Do(t.Context(), control.Caller{Role: control.Viewer}, control.Request{Command: "network show"})
	require.NoError(t, err)
	require.Equal(t, `Hostname: studio
INTERFACE  STATE     METHOD  ADDRESS      GATEWAY   DNS               SPEED      MAC
eth0       up        dhcp    10.0.0.2/24  10.0.0.1  10.0.0.1,9.9.9.9  1000 Mb/s  02:00:00:00:00:01
eth1       no cable  -       -            -         -                 -          -`, r.Text)
	require.NotNil(t, r.Data)
}

func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		command string
		args    map[string]string
		patch   map[string]string
		text    string
	}{
		"dhcp": {
			"network dhcp", map[string]string{"interface": "eth1"},
			map[string]string{"method": "dhcp", "address": "", "gateway": "", "dns": ""}, "Now eth1 asks the network for its address.",
		},
		"static": {
			"network static", map[string]string{"interface": "eth1", "address": "10.0.0.9/24", "gateway": "10.0.0.1", "dns": "9.9.9.9"},
			map[string]string{"method": "static", "address": "10.0.0.9/24", "gateway": "10.0.0.1", "dns": "9.9.9.9"}, "Now eth1 has the address 10.0.0.9/24.",
		},
		"static without a router, with the name servers of the lease": {
			"network static", map[string]string{"interface": "eth0", "address": "10.0.0.9/24", "gateway": "none"},
			map[string]string{"method": "static", "address": "10.0.0.9/24", "gateway": "", "dns": "10.0.0.1,9.9.9.9"}, "Now eth0 has",
		},
		"off": {
			"network off", map[string]string{"interface": "eth1"},
			map[string]string{"method": "off", "address": "", "gateway": ""}, "Now eth1 is off.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			table, change := newTable(t, dhcp)
			r, err := table.Do(t.Context(), admin(), control.Request{Command: c.command, Args: c.args})
			require.NoError(t, err)
			require.Contains(t, r.Text, c.text)
			require.Contains(t, r.Text, `Keep it by "config confirm" within 60 seconds: else all is as before again.`)
			want := map[string]string{}
			for key, value := range c.patch {
				want["network.interfaces."+c.args["interface"]+"."+key] = value
			}
			require.Equal(t, want, change.patch)
			require.Equal(t, Within, change.within)
			require.Equal(t, "the console", change.by.Name)
		})
	}
}

func TestHostnameCommand(t *testing.T) {
	table, change := newTable(t, "")
	_, err := table.Do(t.Context(), admin(), control.Request{Command: "network hostname", Args: map[string]string{"name": "Studio-2"}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"network.hostname": "studio-2"}, change.patch)
	_, err = table.Do(t.Context(), admin(), control.Request{Command: "network hostname", Args: map[string]string{"name": "a.b"}})
	require.ErrorContains(t, err, `got "a.b", expected 1 to 63 of a-z, 0-9 and -`)
}

func TestCommandsThatAreRefused(t *testing.T) {
	run := func(table *control.Table, by control.Caller, name string) *control.Error {
		_, err := table.Do(t.Context(), by, control.Request{Command: "network dhcp", Args: map[string]string{"interface": name}})
		var e *control.Error
		require.ErrorAs(t, err, &e)
		return e
	}
	unmanaged, _ := newTable(t, "[network.interfaces.eth0]\n")
	e := run(unmanaged, admin(), "eth0")
	require.Equal(t, control.Conflict, e.Code)
	require.Contains(t, e.Message, "set network.manage to true")

	table, change := newTable(t, dhcp+"[network.interfaces.usb0]\n")
	e = run(table, admin(), "eth7")
	require.Equal(t, control.NotFound, e.Code)
	require.Contains(t, e.Message, `there is no interface "eth7", expected one of eth0, eth1, usb0`)
	require.Equal(t, control.Forbidden, run(table, control.Caller{Role: control.Operator}, "eth0").Code)
	require.Nil(t, change.patch)
	change.err = errors.New("network.interfaces.eth0.gateway: wrong")
	require.Contains(t, run(table, admin(), "eth0").Message, "gateway: wrong")
}

func TestCompletion(t *testing.T) {
	_, change := newTable(t, dhcp)
	store := status.NewStore("v")
	store.SetNetwork([]status.NetworkInterface{{Name: "eth0", State: stateUp, Addresses: []string{"10.0.0.2/24"}, Gateway: "10.0.0.1"}, {Name: "eth1"}})
	args := Commands(store, change)[2].Args
	given := control.Args{"interface": "eth0"}
	require.Equal(t, []string{"eth0", "eth1"}, args[0].Values(store.Load(), nil))
	require.Equal(t, []string{"10.0.0.2/24"}, args[1].Values(store.Load(), given), "a lease can be made to stay")
	require.Equal(t, []string{"10.0.0.1", "none"}, args[2].Values(store.Load(), given))
	require.Equal(t, []string{"none"}, args[2].Values(store.Load(), control.Args{"interface": "eth1"}))
}
