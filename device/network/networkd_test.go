package network

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/encoderbox/encoderbox/device/status"
)

const networkd = "/lib/systemd/systemd-networkd"

// bus is D-Bus without restrictions.
const bus = `<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy></busconfig>`

// start has D-Bus and systemd-networkd run with a /run of their own.
const start = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t sysfs -o ro sysfs /sys # else systemd-networkd waits for udev
mkdir -p /run/dbus /run/systemd/network /run/systemd/netif
chown systemd-network:systemd-network /run/systemd/netif
dbus-daemon --config-file="$1" --nofork --nopidfile &
while [ ! -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
exec ` + networkd

// networkdRig is a systemd-networkd of the test's own, and a Network that commands it.
type networkdRig struct {
	space
	pid     int
	network *Network
	store   *status.Store
	folder  string
	run     Runner
}

func newNetworkd(t *testing.T) *networkdRig {
	for _, program := range []string{networkd, "networkctl", "dbus-daemon", "unshare", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("no systemd-networkd to try this with: ", err)
		}
	}
	if ids, err := os.ReadFile("/proc/self/uid_map"); err != nil || len(strings.Fields(string(ids))) < 3 || strings.Fields(string(ids))[2] == "1" || os.Geteuid() != 0 {
		t.Skip("systemd-networkd changes its user, which needs root")
	}
	s := newSpace(t)
	s.do(func() error { return os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("0"), 0o644) })
	s.up("far", true)
	conf := filepath.Join(t.TempDir(), "bus.conf")
	require.NoError(t, os.WriteFile(conf, []byte(bus), 0o600))
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", start, "sh", conf)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	require.NoError(t, s.Start(cmd))
	r := &networkdRig{space: s}
	t.Cleanup(func() {
		if r.pid != 0 {
			syscall.Kill(r.pid, syscall.SIGKILL) // the first of its namespace: all others end with it
		}
		cmd.Process.Kill()
		cmd.Wait()
	})
	require.Eventually(t, func() bool {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid))
		r.pid, _ = strconv.Atoi(strings.TrimSpace(string(children)))
		return r.pid != 0
	}, 5*time.Second, 10*time.Millisecond)
	r.folder = fmt.Sprintf("/proc/%d/root/run/systemd/network", r.pid)
	r.run = func(ctx context.Context, program string, args ...string) error {
		return Exec(ctx, "nsenter", append([]string{"--target", strconv.Itoa(r.pid), "--mount", "--net", "--pid", program}, args...)...)
	}
	require.Eventually(t, func() bool { return r.run(t.Context(), "networkctl", "reload") == nil }, 10*time.Second, 100*time.Millisecond)
	r.network, r.store = s.running(r.run, r.folder)
	return r
}

func (r *networkdRig) until(what string, holds func(*status.Snapshot) bool) {
	r.t.Helper()
	until(r.t, r.store, what, holds)
}

func has(name, address string) func(*status.Snapshot) bool {
	return func(s *status.Snapshot) bool {
		for _, i := range s.Network {
			if i.Name == name && len(i.Addresses) > 0 {
				return i.Addresses[0] == address
			}
		}
		return false
	}
}

// A real systemd-networkd does what the files ask for, and takes back what it did.
func TestSystemdNetworkd(t *testing.T) {
	r := newNetworkd(t)
	r.network.Set(parse(t, static+"gateway = \"10.0.0.1\"\ndns = \"9.9.9.9\"\nmtu = 1400\n"))
	r.until("static address", has("eth0", "10.0.0.2/24"))
	r.until("gateway", func(s *status.Snapshot) bool {
		for _, i := range s.Network {
			if i.Name == "eth0" {
				return i.Gateway == "10.0.0.1" && i.MTU == 1400
			}
		}
		return false
	})
	require.Empty(t, r.store.Load().Conditions)

	r.network.Set(parse(t, strings.Replace(static, "10.0.0.2", "10.0.0.3", 1)))
	r.until("another address", has("eth0", "10.0.0.3/24"))
	r.network.Set(parse(t, dhcp+"method = \"off\"\n"))
	r.until("off", state("eth0", stateOff))
	r.network.Set(parse(t, static))
	r.until("up again", has("eth0", "10.0.0.2/24"))
}

func TestSystemdNetworkdWithoutDHCPServer(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	r := newNetworkd(t)
	r.network.Set(parse(t, "[network]\nmanage = true\n"))
	r.until("an address of its own, without a word of configuration", state("eth0", stateLinkLocal))
	// A server comes: far is the other end of the cable.
	server := "[Match]\nName=far\n[Network]\nAddress=10.9.0.1/24\nDHCPServer=yes\n"
	require.NoError(t, os.WriteFile(filepath.Join(r.folder, "20-far.network"), []byte(server), 0o644))
	require.NoError(t, r.run(t.Context(), "networkctl", "reload"))
	r.until("a lease", func(s *status.Snapshot) bool {
		for _, i := range s.Network {
			if i.Name == "eth0" {
				return len(i.Addresses) > 0 && strings.HasPrefix(i.Addresses[0], "10.9.0.") && i.Gateway == "10.9.0.1" && !strings.Contains(strings.Join(i.Addresses, " "), "169.254.")
			}
		}
		return false
	})
}

func TestAnotherMachineHasTheAddress(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	r := newNetworkd(t)
	other := newSpace(t) // the machine at the other end of the cable
	r.do(func() error {
		far, err := netlink.LinkByName("far")
		if err != nil {
			return err
		}
		fd, err := os.Open(other.Path())
		if err != nil {
			return err
		}
		defer fd.Close()
		if err := netlink.LinkSetName(far, "cable"); err != nil {
			return err
		}
		return netlink.LinkSetNsFd(far, int(fd.Fd()))
	})
	other.do(func() error {
		cable, err := netlink.LinkByName("cable")
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr("10.0.0.2/24")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(cable, a); err != nil {
			return err
		}
		return netlink.LinkSetUp(cable)
	})
	r.network.Set(parse(t, static))
	r.until("it is told", condition(conditionDuplicate))
}
