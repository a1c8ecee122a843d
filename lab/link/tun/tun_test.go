package tun

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/lab/link/netns"
)

func TestMain(m *testing.M) { os.Exit(netns.Main(m.Run)) }

func opened(t *testing.T, o Options) (*netns.Namespace, *Interface, error) {
	t.Helper()
	n, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	var i *Interface
	err = n.Do(func() error {
		i, err = Open(o)
		return err
	})
	return n, i, err
}

var good = Options{Name: "link1", Addr: netip.MustParsePrefix("10.77.1.1/30"), MTU: 1400}

// await waits until a packet can be read.
func await(t *testing.T, i *Interface) {
	t.Helper()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(i.Fd()), Events: unix.POLLIN}}, 20_000)
	if n != 1 || err != nil {
		t.Fatalf("no packet comes: %v", err)
	}
}

func TestPacketsGoBothWays(t *testing.T) {
	n, i, err := opened(t, good)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	b := make([]byte, 2000)
	if _, err := i.Read(b); !errors.Is(err, ErrEmpty) {
		t.Fatalf("error %v", err)
	}
	c, err := n.ListenPacket(t.Context(), "udp4", "10.77.1.1:5000")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.WriteTo([]byte("question"), &net.UDPAddr{IP: net.IPv4(10, 77, 1, 2), Port: 6000}); err != nil {
		t.Fatal(err)
	}
	await(t, i)
	size, err := i.Read(b)
	if err != nil || !bytes.HasSuffix(b[:size], []byte("question")) {
		t.Fatalf("read % x, %v", b[:size], err)
	}
	// Swapping the ends leaves both checksums right.
	p := b[:size]
	for _, swap := range [][2]int{{12, 16}, {14, 18}, {20, 22}} {
		for k := range 2 {
			p[swap[0]+k], p[swap[1]+k] = p[swap[1]+k], p[swap[0]+k]
		}
	}
	if err := i.Write(p); err != nil {
		t.Fatal(err)
	}
	size, from, err := c.ReadFrom(b)
	if err != nil || string(b[:size]) != "question" || from.String() != "10.77.1.2:6000" {
		t.Errorf("%q from %v, %v", b[:size], from, err)
	}
}

func TestInterfaceIsAsAskedAndGoes(t *testing.T) {
	n, i, err := opened(t, good)
	if err != nil {
		t.Fatal(err)
	}
	look := func() (found *net.Interface) {
		_ = n.Do(func() error { found, err = net.InterfaceByName("link1"); return nil })
		return found
	}
	if f := look(); f == nil || f.MTU != 1400 || f.Flags&net.FlagUp == 0 {
		t.Errorf("interface %+v, %v", f, err)
	}
	if _, err := net.InterfaceByName("link1"); err == nil {
		t.Error("it is outside of the namespace")
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	if f := look(); f != nil {
		t.Errorf("it is left: %+v", f)
	}
}

func TestRefusals(t *testing.T) {
	for name, o := range map[string]Options{
		"a name too long":           {Name: strings.Repeat("x", 16), Addr: good.Addr, MTU: 1500},
		"no address":                {Name: "link1", MTU: 1500},
		"IPv6":                      {Name: "link1", Addr: netip.MustParsePrefix("fd00::1/64"), MTU: 1500},
		"an MTU too small for IPv4": {Name: "link1", Addr: good.Addr, MTU: 10},
	} {
		if _, i, err := opened(t, o); err == nil {
			t.Errorf("%s: taken", name)
			i.Close()
		}
	}
}

func TestMachineWithoutTUN(t *testing.T) {
	_, err := open(filepath.Join(t.TempDir(), "tun"), good)
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "modprobe tun") {
		t.Errorf("error %v", err)
	}
}

func TestWithoutPermission(t *testing.T) {
	n, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	err = n.Do(func() error { // root can take its rights from one thread
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		if err := unix.Capget(&header, &data[0]); err != nil {
			return err
		}
		all := data[0].Effective
		data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
		if err := unix.Capset(&header, &data[0]); err != nil {
			return err
		}
		_, err := Open(good)
		data[0].Effective = all
		return errors.Join(err, unix.Capset(&header, &data[0]))
	})
	if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "needs root") {
		t.Errorf("error %v", err)
	}
}
