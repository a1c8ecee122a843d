package network

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The box's address by DHCP, from QEMU, and of its own.
const (
	leased = "10.0.2.15/24"
	own    = "10.0.2.40/24"
	router = "10.0.2.2"
)

// TestTheNetworkByCommand has every command show in what the kernel has, and last.
func TestTheNetworkByCommand(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	r.hasOnly("eth0", leased)

	r.do("network static eth0 " + own + " " + router)
	r.hasOnly("eth0", own)
	r.await("the route", func() bool { return strings.Contains(r.box.Must("ip", "route"), "default via "+router) })
	require.NotContains(t, r.saved(), own, "saved before it was confirmed")
	r.do("config confirm")
	require.Contains(t, r.saved(), own)

	r.do("config set network.interfaces.cameras.parent eth0")
	r.do("config set network.interfaces.cameras.vlan 20")
	r.do("config set network.interfaces.cameras.method static")
	r.do("config set network.interfaces.cameras.address 10.20.0.1/24")
	r.do("config commit confirmed 5m")
	r.has("cameras", "cameras@eth0", "vlan protocol 802.1Q id 20", "inet 10.20.0.1/24")
	r.do("config confirm")
	r.do("config set network.interfaces.cameras.vlan 21")
	r.do("config commit confirmed 5m")
	r.has("cameras", "cameras@eth0", "vlan protocol 802.1Q id 21", "inet 10.20.0.1/24")
	r.do("config confirm")
	r.do("config delete network.interfaces.cameras")
	r.do("config commit")
	r.await("no VLAN", func() bool { return !strings.Contains(r.box.Must("ip", "link"), "cameras") })
	r.hasOnly("eth0", own)

	r.do("network off eth0")
	r.await("eth0 down", func() bool { return strings.Contains(r.box.Must("ip", "link", "show", "eth0"), "state DOWN") })
	r.do("config confirm")
	r.do("network dhcp eth0")
	r.hasOnly("eth0", leased)
	r.do("config confirm")

	r.do("network hostname studio-2")
	r.isCalled("studio-2")
	require.NotContains(t, r.saved(), "studio-2", "saved before it was confirmed")
	r.do("config confirm")
	require.Contains(t, r.saved(), "studio-2")
	require.Contains(t, r.do("network show"), "Hostname: studio-2")
}

// TestAChangeThatNobodyConfirms is undone: by itself after 60 s, when the daemon was killed,
// when the box reboots, and when its power is cut, with what a disk forgets then.
func TestAChangeThatNobodyConfirms(t *testing.T) {
	t.Parallel()
	r := newRig(t, "hostname = \"studio-2\"\n[network.interfaces.eth0]\nmethod = \"static\"\naddress = \""+own+"\"\ngateway = \""+router+"\"\n")
	r.before()

	begun := time.Now()
	r.do("network dhcp eth0")
	r.hasOnly("eth0", leased)
	r.before()
	require.GreaterOrEqual(t, time.Since(begun), time.Minute, "undone early")

	r.change("10.0.2.51/24", "killed")
	r.Kill()
	require.Contains(t, r.box.Must("ip", "addr", "show", "eth0"), "10.0.2.51/24", "the network does not need the daemon")
	r.start()
	r.before()

	r.change("10.0.2.52/24", "rebooted")
	require.NoError(t, r.box.Reset(t.Context()))
	r.booted()
	r.start()
	r.before()

	r.change("10.0.2.53/24", "cut")
	r.powerCut()
	r.boot()
	r.start()
	r.before()
}

// before is the network that somebody confirmed.
func (r *rig) before() {
	r.t.Helper()
	r.hasOnly("eth0", own)
	r.isCalled("studio-2")
}

// change gives the box another address and name, for long.
func (r *rig) change(address, name string) {
	r.t.Helper()
	r.do("config set network.interfaces.eth0.address " + address)
	r.do("config set network.hostname " + name)
	r.do("config commit confirmed 1h")
	r.hasOnly("eth0", address)
	r.isCalled(name)
}

// powerCut cuts the power of box and disk. Of what the disk was not told to flush, half
// is lost.
func (r *rig) powerCut() {
	r.t.Helper()
	r.box.PowerCut()
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number
	dice := rand.New(rand.NewPCG(seed, 0))
	lost, err := r.disk.PowerCut(func(int64) bool { return dice.IntN(2) == 0 })
	require.NoError(r.t, err)
	r.t.Logf("%d units of 4 KiB are lost, seed %d", lost, seed)
}
