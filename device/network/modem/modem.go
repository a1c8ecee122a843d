// Package modem keeps mobile modems (LTE, 5G) connected, by ModemManager on D-Bus. It finds
// the modem of an interface, unlocks its SIM, connects it, and reports what the network gave
// it: addresses for others to configure, and what to show of it.
package modem

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
)

// Settings are what a modem is connected with.
type Settings struct {
	APN, User     string
	Password, PIN config.Secret
	Roaming       bool
}

// dials says whether both connect in the same way: the PIN is for the SIM alone.
func (s Settings) dials(o Settings) bool {
	s.PIN, o.PIN = config.Secret{}, config.Secret{}
	return s == o
}

// Wanted are the modems that are to be connected, by their interfaces.
func Wanted(c config.Network) map[string]Settings {
	all := map[string]Settings{}
	for name, i := range c.Interfaces {
		if c.Manage && i.Modem() && i.Method != config.NetworkOff {
			all[name] = Settings{i.APN, i.APNUser, i.APNPassword, i.PIN, i.Roaming}
		}
	}
	return all
}

// Report is how it stands with the modem of a configured interface.
type Report struct {
	Interface string        // the kernel's name of its data port; "" without a modem
	Modem     *status.Modem // nil without a modem
	Bearer    *Bearer       // nil while it is not connected
	Problem   *Problem      // nil while there is none
}

// Options of Modems.
type Options struct {
	Log *slog.Logger // required
	// Open opens the system's bus; nil: the box's own.
	Open func(context.Context) (*dbus.Conn, error)
	// State is the folder in which is remembered over restarts which PINs SIMs refused.
	State func() (string, error) // required
	// Pace is how fast things are tried; the zero value is the usual.
	Pace Pace
}

// Pace is how fast things are tried.
type Pace struct {
	First, Most time.Duration // between two tries to connect: first, and at most
	Look        time.Duration // at the modem, also when nothing was heard of it
	Grace       time.Duration // that a modem may search for its network, and one come that is not there
	Stable      time.Duration // that a connection holds which counts as one
	Settle      time.Duration // of several words of ModemManager in a row one look is made
}

func usual() Pace {
	return Pace{
		First: 5 * time.Second, Most: 5 * time.Minute, Look: 30 * time.Second,
		Grace: 30 * time.Second, Stable: 30 * time.Second, Settle: 100 * time.Millisecond,
	}
}

// Modems keeps those connected that Set says. Set, Reports and News may be called from any
// goroutine.
type Modems struct {
	log    *slog.Logger
	open   func(context.Context) (*dbus.Conn, error)
	pace   Pace
	memory *memory

	changed chan struct{} // holds a token when wanted is new
	news    chan struct{} // holds a token when reports are new

	mu      sync.Mutex // guards the fields below
	wanted  map[string]Settings
	reports map[string]Report
}

// New returns Modems that do nothing before Run.
func New(o Options) *Modems {
	if o.Open == nil {
		o.Open = func(ctx context.Context) (*dbus.Conn, error) { return dbus.ConnectSystemBus(dbus.WithContext(ctx)) }
	}
	if o.Pace == (Pace{}) {
		o.Pace = usual()
	}
	return &Modems{
		log: o.Log, open: o.Open, pace: o.Pace, memory: newMemory(o.State),
		changed: make(chan struct{}, 1), news: make(chan struct{}, 1),
		reports: map[string]Report{},
	}
}

// Set says which modems are to be connected, by their interfaces. It does not block.
func (m *Modems) Set(wanted map[string]Settings) {
	m.mu.Lock()
	same := maps.Equal(m.wanted, wanted)
	m.wanted = maps.Clone(wanted)
	m.mu.Unlock()
	if !same {
		poke(m.changed)
	}
}

// News holds a token when Reports are others than before.
func (m *Modems) News() <-chan struct{} { return m.news }

// Reports are those of the modems, by their configured interfaces. What they point to is
// not to be changed.
func (m *Modems) Reports() map[string]Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.reports)
}

func (m *Modems) want() map[string]Settings {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wanted
}

// tell makes r the interface's report, unless it is wanted no more.
func (m *Modems) tell(name string, r Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.wanted[name]; ok && !reflect.DeepEqual(m.reports[name], r) {
		m.reports[name] = r
		poke(m.news)
	}
}

// forget drops the reports of what is wanted no more.
func (m *Modems) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.reports {
		if _, ok := m.wanted[name]; !ok {
			delete(m.reports, name)
			poke(m.news)
		}
	}
}

// Run keeps the modems connected until ctx ends. Then it leaves them as they are: the box
// stays reachable without the daemon. Without a modem that is wanted it does not open the bus.
func (m *Modems) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if len(m.want()) == 0 {
			m.forget()
			select {
			case <-ctx.Done():
			case <-m.changed:
			}
			continue
		}
		err := m.session(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		m.log.Warn("modems: the system's bus is away, and is opened again", "err", err)
		for name := range m.want() {
			m.tell(name, Report{Problem: noService(err)})
		}
		m.forget()
		pause(ctx, m.pace.First)
	}
}

// session keeps the modems connected by one connection to the bus, until nothing is wanted,
// ctx ends, or the connection does.
func (m *Modems) session(ctx context.Context) error {
	conn, err := m.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	bus, signals, err := listen(ctx, conn)
	if err != nil {
		return err
	}
	all := lines{modems: m, bus: bus, all: map[string]*line{}}
	defer all.leave()
	for {
		all.follow(ctx, m.want())
		m.forget()
		if len(all.all) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-conn.Context().Done():
			return errors.New("the connection to D-Bus has ended")
		case <-m.changed:
		case <-signals:
			all.wake()
		}
	}
}

// lines are the modems that are kept connected.
type lines struct {
	modems *Modems
	bus    *bus
	all    map[string]*line
}

// follow begins, changes and ends lines as wanted.
func (l *lines) follow(ctx context.Context, wanted map[string]Settings) {
	for name, have := range l.all {
		if want, ok := wanted[name]; !ok {
			have.stop()
			have.disconnect(ctx)
			delete(l.all, name)
		} else if want != have.want {
			have.stop()
			next := l.modems.line(name, want, l.bus)
			next.stale = have.stale || !want.dials(have.want)
			if !next.stale {
				next.bearer, next.since = have.bearer, have.since
			}
			next.start(ctx)
			l.all[name] = next
		}
	}
	for name, want := range wanted {
		if l.all[name] == nil {
			l.all[name] = l.modems.line(name, want, l.bus)
			l.all[name].start(ctx)
		}
	}
}

func (l *lines) wake() {
	for _, line := range l.all {
		poke(line.news)
	}
}

func (l *lines) leave() {
	for _, line := range l.all {
		line.stop()
	}
}

func poke(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
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
