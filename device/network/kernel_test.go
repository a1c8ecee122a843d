package network

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/link/netns"
)

// space is a network namespace of the test's own, with a cable from eth0 to far.
type space struct {
	*netns.Namespace
	t   *testing.T
	eth netlink.Link
}

func newSpace(t *testing.T) space {
	ns, err := netns.New()
	if errors.Is(err, netns.ErrPermission) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { ns.Close() })
	s := space{ns, t, nil}
	s.do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "eth0"
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "far"}); err != nil {
			return err
		}
		s.eth, err = netlink.LinkByName("eth0")
		return err
	})
	return s
}

// do calls f in the namespace.
func (s space) do(f func() error) {
	s.t.Helper()
	require.NoError(s.t, s.Do(f))
}

func (s space) up(name string, up bool) {
	s.t.Helper()
	s.do(func() error {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if up {
			return netlink.LinkSetUp(l)
		}
		return netlink.LinkSetDown(l)
	})
}

func (s space) address(text string) {
	s.t.Helper()
	s.do(func() error {
		a, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		return netlink.AddrAdd(s.eth, a)
	})
}

func (s space) kernel(root fs.FS) *kernel { return &kernel{root: root, enter: s.Do} }

func (s space) eth0(k *kernel) link {
	s.t.Helper()
	links, err := k.list()
	require.NoError(s.t, err)
	require.Len(s.t, links, 2, "loopback is left out")
	for _, l := range links {
		if l.name == "eth0" {
			return l
		}
	}
	s.t.Fatal("no eth0")
	return link{}
}

func TestTheKernelIsRead(t *testing.T) {
	s := newSpace(t)
	k := s.kernel(fstest.MapFS{
		"sys/class/net/eth0/speed":                                     {Data: []byte("1000\n")},
		"run/systemd/netif/links/" + strconv.Itoa(s.eth.Attrs().Index): {Data: []byte("# This is private data.\nADMIN_STATE=configured\nDNS=10.0.0.1 9.9.9.9\nNTP=\n")},
	})
	require.Equal(t, stateOff, s.eth0(k).state())
	s.up("eth0", true)
	require.Equal(t, stateNoCable, s.eth0(k).state())
	s.up("far", true)
	require.Equal(t, stateNoAddress, s.eth0(k).state())
	s.address("169.254.1.2/16")
	require.Equal(t, stateLinkLocal, s.eth0(k).state())
	s.address("10.0.0.2/24")
	s.do(func() error {
		for metric, gateway := range map[int]string{200: "10.0.0.254", 100: "10.0.0.1"} {
			r := &netlink.Route{LinkIndex: s.eth.Attrs().Index, Gw: netip.MustParseAddr(gateway).AsSlice(), Priority: metric}
			if err := netlink.RouteAdd(r); err != nil {
				return err
			}
		}
		return nil
	})
	l := s.eth0(k)
	require.Equal(t, stateUp, l.state())
	require.Equal(t, "10.0.0.1", l.gateway.String(), "the route with the lowest metric")
	require.Equal(t, 1000, l.speed)
	require.Equal(t, []string{"10.0.0.1", "9.9.9.9"}, l.dns)
	require.Equal(t, 1500, l.mtu)
	require.Equal(t, s.eth.Attrs().HardwareAddr.String(), l.mac)
}

func TestPartsOfABridgeAreLeftOut(t *testing.T) {
	s := newSpace(t)
	s.do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "br0"
		bridge := &netlink.Bridge{LinkAttrs: attrs}
		if err := netlink.LinkAdd(bridge); err != nil {
			return err
		}
		return netlink.LinkSetMaster(s.eth, bridge)
	})
	links, err := s.kernel(fstest.MapFS{}).list()
	require.NoError(t, err)
	require.Len(t, links, 2)
	for _, l := range links {
		require.NotEqual(t, "eth0", l.name)
	}
}

// running starts a Network in the namespace, and stops it at the test's end.
func (s space) running(run Runner, folder string) (*Network, *status.Store) {
	return s.looking(lookEvery, run, folder)
}

// looking is running with another time between two looks.
func (s space) looking(every time.Duration, run Runner, folder string) (*Network, *status.Store) {
	store := status.NewStore("v")
	n := New(Options{
		Store: store, Log: slog.New(slog.NewTextHandler(s.t.Output(), nil)),
		Folder: folder, Run: run, Root: fstest.MapFS{}, Enter: s.Do,
		Hostname: func() (string, error) { return "factory", nil },
	})
	n.look = every
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := n.Run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(func() { cancel(); wait.Wait() })
	return n, store
}

// atMost is how long a test waits for what must happen.
const atMost = time.Minute

// until waits for a snapshot.
func until(t *testing.T, store *status.Store, what string, holds func(*status.Snapshot) bool) {
	t.Helper()
	late := time.After(atMost)
	for {
		s, newer := store.Watch()
		if holds(s) {
			return
		}
		select {
		case <-newer:
		case <-late:
			t.Fatalf("after %s still not: %s\n%s\n%+v", atMost, what, table(s), s.Conditions)
		}
	}
}

func state(name string, want string) func(*status.Snapshot) bool {
	return func(s *status.Snapshot) bool {
		for _, i := range s.Network {
			if i.Name == name {
				return i.State == want
			}
		}
		return false
	}
}

func condition(code string) func(*status.Snapshot) bool {
	return func(s *status.Snapshot) bool {
		for _, c := range s.Conditions {
			if c.Code == code {
				return true
			}
		}
		return false
	}
}

// What changes is in the status by the kernel's word: nothing is looked for by time here.
func TestChangesAreSeenAtOnce(t *testing.T) {
	s := newSpace(t)
	_, store := s.looking(time.Hour, (&recorder{}).run, t.TempDir())
	until(t, store, "off", state("eth0", stateOff))
	s.up("eth0", true)
	until(t, store, "no cable", state("eth0", stateNoCable))
	s.up("far", true)
	s.address("10.0.0.2/24")
	until(t, store, "up", state("eth0", stateUp))
	s.up("far", false)
	until(t, store, "unplugged", state("eth0", stateNoCable))
}

func TestWhatIsSetIsApplied(t *testing.T) {
	s := newSpace(t)
	r := &recorder{fail: map[string]error{reload: errors.New("not running")}}
	folder := t.TempDir()
	n, store := s.running(r.run, folder)
	n.Set(parse(t, static))
	until(t, store, "failure", condition(conditionApply))
	until(t, store, "cable", state("eth0", stateOff))
	doc, err := os.ReadFile(folder + "/" + prefix + "eth0.network")
	require.NoError(t, err)
	require.True(t, bytes.Contains(doc, []byte("10.0.0.2/24")))
	require.Equal(t, "factory", store.Load().Hostname)
	n.Set(parse(t, ""))
	require.Eventually(t, func() bool {
		_, err := os.Stat(folder + "/" + prefix + "eth0.network")
		return errors.Is(err, os.ErrNotExist)
	}, atMost, 10*time.Millisecond)
}

// The name in /etc/hostname is changed by the confirmation, not by the change.
func TestTheNameWaitsUntilItIsSaved(t *testing.T) {
	s := newSpace(t)
	ran := make(chan string, 16)
	n, store := s.running(func(_ context.Context, program string, args ...string) error {
		ran <- program + " " + strings.Join(args, " ")
		return nil
	}, t.TempDir())
	n.Set(parse(t, "[network]\nhostname = \"studio\"\n"))
	require.Equal(t, "hostnamectl --no-ask-password --transient set-hostname studio", <-ran)
	until(t, store, "word of it", func(*status.Snapshot) bool {
		events, _ := store.Events(0)
		return len(events) > 0 && strings.Contains(events[len(events)-1].Message, "once the change is confirmed")
	})
	require.Empty(t, ran)
	n.Saved(parse(t, "[network]\nhostname = \"studio\"\n"))
	require.Equal(t, "hostnamectl --no-ask-password --transient set-hostname studio", <-ran)
	require.Equal(t, "hostnamectl --no-ask-password set-hostname studio", <-ran)
}

func TestASubscriptionThatFailsIsMadeAnew(t *testing.T) {
	s := newSpace(t)
	failures := 1
	k := s.kernel(fstest.MapFS{})
	k.enter = func(f func() error) error {
		if failures--; failures >= 0 {
			return errors.New("no buffer space available")
		}
		return s.Do(f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	news := make(chan struct{}, 1)
	var wait sync.WaitGroup
	wait.Go(func() { k.watch(ctx, news, slog.New(slog.NewTextHandler(t.Output(), nil))) })
	defer wait.Wait()
	defer cancel()
	for range 2 { // the new subscription, which may have missed something; then the word itself
		select {
		case <-news:
		case <-time.After(5 * time.Second):
			t.Fatal("nothing was heard of the kernel again")
		}
		s.up("eth0", true)
	}
}
