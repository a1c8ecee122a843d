// Package network puts the box on the network as [network] of the configuration says:
// it writes files for systemd-networkd, has it read them, and reports what the kernel
// then has (interfaces, addresses, cables) into the status.
//
// The files are in /run, made anew from the configuration that runs: a restart of the
// daemon or of the box comes up with the configuration that is saved, and a change that
// nobody confirmed is gone. A read-only root is no obstacle.
package network

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/network/modem"
	"github.com/encoderbox/encoderbox/device/network/wifi"
	"github.com/encoderbox/encoderbox/device/status"
)

// Folder is where systemd-networkd looks for files that do not outlive a reboot. They
// go before files of the same name in /usr/lib, and behind those in /etc.
const Folder = "/run/systemd/network"

// Options of a Network. The zero value of a field is the box's own.
type Options struct {
	Store *status.Store // required
	Log   *slog.Logger  // required
	// Folder is where the files go.
	Folder string
	// Run runs networkctl and hostnamectl.
	Run Runner
	// Root is the root file system: link speeds and name servers are read in it.
	Root fs.FS
	// Hostname is the kernel's name of the box.
	Hostname func() (string, error)
	// Bus connects to the bus that wpa_supplicant is on.
	Bus func(ctx context.Context) (*dbus.Conn, error)
	// Modems are those of mobile modems; of them State says where it is remembered which
	// PINs SIMs refused, and is required where there are any.
	Modems modem.Options
	// Enter calls f where netlink sockets are to be opened, for tests in a network
	// namespace of their own.
	Enter func(f func() error) error
}

// Network keeps the box on the network. Set and Saved may be called from any goroutine.
type Network struct {
	store   *status.Store
	log     *slog.Logger
	backend *backend
	name    *hostname
	kernel  *kernel
	radio   *wifi.Radio
	mobile  *mobile
	history history
	blind   bool          // the kernel could not be read, and that is logged
	look    time.Duration // lookEvery

	changed chan struct{} // holds a token when wanted or saved is new

	mu     sync.Mutex     // guards the fields below
	wanted config.Network // as Set last
	saved  config.Network // as Saved last
}

// New returns a Network that does nothing before Run.
func New(o Options) *Network {
	if o.Folder == "" {
		o.Folder = Folder
	}
	if o.Run == nil {
		o.Run = Exec
	}
	if o.Root == nil {
		o.Root = os.DirFS("/")
	}
	if o.Hostname == nil {
		o.Hostname = os.Hostname
	}
	if o.Enter == nil {
		o.Enter = func(f func() error) error { return f() }
	}
	return &Network{
		store: o.Store, log: o.Log,
		backend: &backend{folder: o.Folder, run: o.Run},
		name:    &hostname{run: o.Run, get: o.Hostname, memory: filepath.Join(o.Folder, ".encoderbox-hostname")},
		kernel:  &kernel{root: o.Root, enter: o.Enter},
		radio:   wifi.New(wifi.Options{Log: o.Log, Connect: o.Bus}),
		mobile:  newMobile(o),
		history: history{},
		changed: make(chan struct{}, 1),
		look:    lookEvery,
	}
}

// Set says what the configuration is. It does not block: Run makes it so, and conditions
// say where that fails. The same as before changes nothing.
func (n *Network) Set(c config.Network) {
	n.mu.Lock()
	n.wanted = c.Clone()
	n.mu.Unlock()
	n.wake()
}

// Saved says what the configuration is that the box comes up with. What outlives a reboot
// is changed only once the configuration that is Set is the saved one, too. It does not
// block.
func (n *Network) Saved(c config.Network) {
	n.mu.Lock()
	n.saved = c.Clone()
	n.mu.Unlock()
	n.wake()
}

func (n *Network) wake() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

func (n *Network) want() config.Network {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wanted
}

// nameSaved says that the name of the box is not to be confirmed any more.
func (n *Network) nameSaved() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.wanted.Hostname == n.saved.Hostname
}

const (
	lookEvery  = 5 * time.Second       // for what the kernel sends no word of: name servers, speeds
	settle     = 50 * time.Millisecond // of several words of the kernel in a row one look is made
	retryEvery = 10 * time.Second      // what could not be applied
)

// Run applies what Set says and reports what the kernel has, until ctx ends. It leaves
// the network as it is: the box stays reachable without the daemon.
func (n *Network) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	news := make(chan struct{}, 1)
	background.Go(func() { n.kernel.watch(ctx, news, n.log) })
	background.Go(func() { n.mobile.modems.Run(ctx) })
	background.Go(func() { _ = n.radio.Run(ctx) })

	look := time.NewTicker(n.look)
	defer look.Stop()
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	applied := true // nothing was Set yet
	n.observe(time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.changed:
			applied = n.apply(ctx)
		case <-retry.C:
			if !applied {
				applied = n.apply(ctx)
			}
			n.again(ctx)
			continue
		case <-news:
			pause(ctx, settle)
			select {
			case <-news:
			default:
			}
		case <-n.radio.News():
		case <-n.mobile.modems.News():
			if n.mobile.differs(n.want()) {
				applied = n.apply(ctx)
			}
		case <-look.C:
		}
		n.observe(time.Now())
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// apply makes the network what is wanted, and says whether it is.
func (n *Network) apply(ctx context.Context) bool {
	want := n.want()
	n.radio.Set(stations(want), want.WifiCountry)
	did, err := n.backend.apply(ctx, want, n.mobile.follow(want)...)
	if did != "" {
		n.log.Info("network configured", "changes", did)
		n.store.Log(status.Event{Severity: status.Info, Subject: "network", Message: did})
	}
	applied := n.tell(ctx, conditionApply, err)
	waits, err := n.name.apply(ctx, want.Hostname, n.nameSaved())
	if waits {
		n.store.Log(status.Event{
			Severity: status.Info, Subject: "network",
			Message: "the box gets its new name once the change is confirmed: /etc/hostname has one, which a reboot would not forget",
		})
	}
	named := n.tell(ctx, conditionHostname, err)
	if name, err := n.name.get(); err == nil {
		n.store.SetHostname(name)
	}
	return applied && named
}

// tell reports what failed by a condition, or that nothing did.
func (n *Network) tell(ctx context.Context, code string, err error) (fine bool) {
	switch {
	case err == nil:
		n.store.Clear(code)
		return true
	case ctx.Err() == nil:
		n.log.Error("network", "err", err)
		n.store.Raise(status.Condition{Code: code, Severity: status.Error, Message: err.Error()})
	}
	return false
}

// observe reports what the kernel has.
func (n *Network) observe(now time.Time) {
	links, err := n.kernel.list()
	if err != nil {
		if !n.blind {
			n.log.Warn("network: interfaces cannot be read, what is shown is old", "err", err)
		}
		n.blind = true
		return
	}
	n.blind = false
	radios := n.radio.Links()
	for i := range links {
		links[i].radio = radios[links[i].name]
	}
	want := n.want()
	all := n.history.report(links, want, now)
	reports := n.mobile.show(all)
	n.store.SetNetwork(all)
	holds := n.history.judge(want, links, all, now)
	for _, code := range append(judged(), addProblems(holds, reports)...) {
		if c, ok := holds[code]; ok {
			n.store.Raise(c)
		} else {
			n.store.Clear(code)
		}
	}
}

// again has interfaces try anew that lack a static address, since another machine has
// it or had: systemd-networkd tries once.
func (n *Network) again(ctx context.Context) {
	for _, name := range n.history.contested(time.Now()) {
		if err := n.backend.reconfigure(ctx, name); err != nil && ctx.Err() == nil {
			n.log.Warn("network: interface cannot be configured again", "interface", name, "err", err)
		}
	}
}
