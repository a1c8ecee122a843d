package config

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const twoNetworks = `[streams.main]
[network]
manage = true
hostname = "studio-2"
[network.interfaces.eth0]
method = "static"
address = "192.168.1.20/24, fd00::20/64"
gateway = "192.168.1.1"
dns = "192.168.1.1, 9.9.9.9"
[network.interfaces.camera]
parent = "eth0"
vlan = 20
`

func TestNetwork(t *testing.T) {
	c := parse(t, twoNetworks)
	require.Equal(t, []string{"camera", "eth0"}, c.Network.InterfaceNames())
	eth := c.Network.Interfaces["eth0"]
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("192.168.1.20/24"), netip.MustParsePrefix("fd00::20/64")}, eth.Addresses())
	require.Equal(t, netip.MustParseAddr("192.168.1.1"), eth.GatewayAddr())
	require.Len(t, eth.Servers(), 2)
	require.Equal(t, NetworkInterface{Method: NetworkDHCP, VLAN: 20, Parent: "eth0", LinkLocal: true}, c.Network.Interfaces["camera"])
	require.False(t, parse(t, "[streams.main]\n").Network.Manage, "a box whose distribution manages its network keeps it")

	next, err := MergePatch(c, []byte(`{"network":{"interfaces":{"eth0":{"method":"dhcp","address":null,"gateway":null},"camera":null}}}`), rules)
	require.NoError(t, err)
	require.False(t, next.Equal(c))
	require.Equal(t, []string{"eth0"}, next.Network.InterfaceNames())
	clone := next.Clone()
	require.True(t, clone.Equal(next))
	delete(clone.Network.Interfaces, "eth0")
	require.Len(t, next.Network.Interfaces, 1)
	again, kept, err := Patch([]byte(twoNetworks), next)
	require.NoError(t, err)
	require.True(t, kept)
	require.True(t, parse(t, string(again)).Equal(next))
}

func TestMistakesInNetworks(t *testing.T) {
	const eth, static = "[network.interfaces.eth0]\n", "[network.interfaces.eth0]\nmethod = \"static\"\n"
	const vlan = eth + "[network.interfaces.v]\n"
	for name, c := range map[string]struct{ doc, want string }{
		"static without address":       {static, `network.interfaces.eth0.address: missing: method "static" needs the box's address, such as "192.168.1.20/24"`},
		"address without its net":      {static + `address = "10.0.0.1"`, `network.interfaces.eth0.address: got "10.0.0.1" without the length of its net, expected address/prefix`},
		"no address":                   {static + `address = "10.0.0.256/24"`, `got "10.0.0.256/24", expected address/prefix`},
		"the net as address":           {static + `address = "10.0.0.0/24"`, `which is the net itself or its broadcast address, expected an address in it, such as "10.0.0.1/24"`},
		"broadcast as address":         {static + `address = "10.0.3.255/22"`, "which is the net itself or its broadcast address"},
		"multicast":                    {static + `address = "239.1.1.1/24"`, "which no interface can have"},
		"loopback":                     {static + `address = "127.0.0.1/8"`, "which no interface can have"},
		"address with dhcp":            {eth + `address = "10.0.0.1/24"`, `is for method "static", and method is "dhcp": remove it`},
		"gateway with dhcp":            {eth + `gateway = "10.0.0.1"`, `network.interfaces.eth0.gateway: is for method "static"`},
		"gateway in another net":       {static + "address = \"10.0.0.2/24\"\ngateway = \"10.0.1.1\"", "got 10.0.1.1, expected an address in the net of address, which is 10.0.0.0/24: correct one of the two"},
		"itself as gateway":            {static + "address = \"10.0.0.2/24\"\ngateway = \"10.0.0.2\"", "which is the box's own address"},
		"no gateway address":           {static + "address = \"10.0.0.2/24\"\ngateway = \"router\"", `got "router", expected the address of a router`},
		"name server by name":          {eth + `dns = "9.9.9.9, dns.example"`, `network.interfaces.eth0.dns: got "dns.example", expected addresses of name servers`},
		"same address twice":           {static + "address = \"10.0.0.2/24\"\n[network.interfaces.eth1]\nmethod = \"static\"\naddress = \"10.0.0.2/16\"", "network.interfaces.eth1.address: interface eth0 has 10.0.0.2 already"},
		"tiny MTU":                     {eth + "mtu = 100", "network.interfaces.eth0.mtu: got 100, expected 576 to 9216, or 0 for the driver's"},
		"huge MTU":                     {eth + "mtu = 65536", "got 65536, expected a whole number from 0 to 9216"},
		"MTU too small for IPv6":       {static + "address = \"fd00::1/64\"\nmtu = 1000", "got 1000, expected 1280 or more"},
		"VLAN without parent":          {vlan + "vlan = 3", "network.interfaces.v.parent: missing: a VLAN needs the interface that carries it"},
		"parent without VLAN":          {vlan + `parent = "eth0"`, "network.interfaces.v.vlan: missing"},
		"VLAN on nothing":              {vlan + "vlan = 3\nparent = \"eth1\"", `there is no interface "eth1" here`},
		"VLAN on itself":               {vlan + "vlan = 3\nparent = \"v\"", "which is the VLAN itself"},
		"VLAN on a VLAN":               {vlan + "vlan = 3\nparent = \"eth0\"\n[network.interfaces.w]\nvlan = 4\nparent = \"v\"", "v is a VLAN itself"},
		"VLAN twice":                   {vlan + "vlan = 3\nparent = \"eth0\"\n[network.interfaces.w]\nvlan = 3\nparent = \"eth0\"", "network.interfaces.w.vlan: v is VLAN 3 on eth0 already"},
		"VLAN on what is off":          {eth + "method = \"off\"\n[network.interfaces.v]\nvlan = 3\nparent = \"eth0\"", "eth0 is off, expected an interface that is up"},
		"VLAN ID out of range":         {vlan + "vlan = 4095\nparent = \"eth0\"", "got 4095, expected a whole number from 0 to 4094"},
		"parent with a line break":     {vlan + "vlan = 3\nparent = \"eth0\\n\"", `got "eth0\n", expected the name of an interface`},
		"name that the kernel refuses": {"[network.interfaces.a234567890123456]\n", "not the name of a network interface: expected 1 to 15 characters"},
		"loopback interface":           {"[network.interfaces.lo]\n", "not the name of a network interface"},
		"hostname with a dot":          {"[network]\nhostname = \"a.b\"", `network.hostname: got "a.b", expected 1 to 63 of a-z, 0-9 and -`},
		"unknown method":               {eth + `method = "statik"`, `did you mean "static"?`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("box.toml", []byte("[streams.main]\n"+c.doc+"\n"), rules)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, 1, strings.Count(err.Error(), "box.toml:"), err)
		})
	}
}
