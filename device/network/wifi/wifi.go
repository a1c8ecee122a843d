// Package wifi has the box's radios join Wi-Fi networks, by wpa_supplicant over D-Bus
// (fi.w1.wpa_supplicant1), and tells what is on the air. Addresses are not its business.
//
// A radio that nothing is configured for is not touched, unless somebody has it scan.
// Networks of ours carry a mark in wpa_supplicant: a daemon that starts anew knows those
// that hold still, leaves them connected, and takes the others away. When Run ends,
// wpa_supplicant stays connected.
package wifi

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/encoderbox/encoderbox/device/config"
)

// Station is a network that a radio is to join. It is comparable.
type Station struct {
	SSID       string
	Passphrase config.Secret // zero: an open network
	Hidden     bool          // does not tell its name
}

// marked begins the marks of our networks.
const marked = "encoderbox-"

// mark is of this station alone. Who may read it may read the passphrase, too.
func (s Station) mark() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %v", s.SSID, s.Passphrase.Reveal(), s.Hidden))
	return fmt.Sprintf("%s%x", marked, sum[:8])
}

// Options of a Radio. The zero value of a field is the box's own.
type Options struct {
	Log *slog.Logger // required
	// Connect connects to the bus that wpa_supplicant is on, with signals in their order.
	Connect func(ctx context.Context) (*dbus.Conn, error)
}

// SystemBus connects to the box's bus.
func SystemBus(ctx context.Context) (*dbus.Conn, error) {
	return dbus.ConnectSystemBus(dbus.WithContext(ctx), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
}

// Radio is all Wi-Fi interfaces of the box. Its methods may be called from any goroutine.
type Radio struct {
	log     *slog.Logger
	connect func(ctx context.Context) (*dbus.Conn, error)

	changed chan struct{} // holds a token when wanted is new
	news    chan struct{} // holds a token when links are new
	asked   chan request

	mu      sync.Mutex // guards the fields below
	wanted  map[string]Station
	country string
	links   map[string]Link
}

// New returns a Radio that does nothing before Run.
func New(o Options) *Radio {
	if o.Connect == nil {
		o.Connect = SystemBus
	}
	return &Radio{
		log: o.Log, connect: o.Connect, links: map[string]Link{},
		changed: make(chan struct{}, 1), news: make(chan struct{}, 1), asked: make(chan request),
	}
}

// Set says which interface joins what, in which country ("" for none told). It does not
// block; the same as before changes nothing.
func (r *Radio) Set(wanted map[string]Station, country string) {
	r.mu.Lock()
	r.wanted, r.country = maps.Clone(wanted), country
	r.mu.Unlock()
	token(r.changed)
}

func (r *Radio) want() (map[string]Station, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wanted, r.country
}

// News holds a token when Links tells something new.
func (r *Radio) News() <-chan struct{} { return r.news }

// Links are the radios that a network is configured for, or that have scanned, by
// interface. The map is the caller's.
func (r *Radio) Links() map[string]Link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.links)
}

// update changes what Links tells of an interface.
func (r *Radio) update(name string, change func(*Link)) {
	r.mu.Lock()
	was := r.links[name]
	now := was
	change(&now)
	r.links[name] = now
	r.mu.Unlock()
	if !now.equal(was) {
		token(r.news)
	}
}

// forget drops what is told of interfaces that nothing is wanted of, but for what they heard.
func (r *Radio) forget(wanted map[string]Station) {
	r.mu.Lock()
	for name, l := range r.links {
		if _, still := wanted[name]; !still {
			r.links[name] = Link{Heard: l.Heard}
		}
	}
	r.mu.Unlock()
	token(r.news)
}

func token(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// request is for a scan.
type request struct {
	name   string
	answer chan<- heard    // has room for one
	gaveUp context.Context //nolint:containedctx // of who asked
}

type heard struct {
	networks []Network
	err      error
}

// Scan listens for networks around an interface, some seconds.
func (r *Radio) Scan(ctx context.Context, name string) ([]Network, error) {
	ctx, cancel := context.WithTimeout(ctx, scanPatience)
	defer cancel()
	answer := make(chan heard, 1)
	late := fmt.Errorf("wifi: %s did not scan within %s: try again; see the log of wpa_supplicant", name, scanPatience)
	select {
	case r.asked <- request{name, answer, ctx}:
	case <-ctx.Done():
		return nil, late
	}
	select {
	case got := <-answer:
		return got.networks, got.err
	case <-ctx.Done():
		return nil, late
	}
}

const (
	scanPatience = 20 * time.Second // 6 GHz takes long
	callPatience = 10 * time.Second // with a call over D-Bus, which may start wpa_supplicant
	pollEvery    = 5 * time.Second  // signal and rate, of which there is no word
	againAfter   = 3 * time.Second  // the bus could not be reached, or went away
)

// Run has wpa_supplicant do what Set says, until ctx ends. Nobody is asked before there is
// something to do, but for what a daemon before this one left.
func (r *Radio) Run(ctx context.Context) error {
	left, again := true, time.NewTimer(0) // something may be left of us in wpa_supplicant
	defer again.Stop()
	<-again.C
	for {
		var ask *request
		select {
		case <-ctx.Done():
			return nil
		case <-r.changed:
		case <-again.C:
		case q := <-r.asked:
			ask = &q
		}
		wanted, _ := r.want()
		r.forget(wanted)
		if len(wanted) == 0 && ask == nil && !left {
			continue
		}
		err := r.connected(ctx, ask)
		left = err != nil
		if wanted, _ := r.want(); err != nil && ctx.Err() == nil && len(wanted) > 0 {
			r.fail(wanted, err)
			again.Reset(againAfter)
		}
	}
}

// fail says of all interfaces why they are not connected.
func (r *Radio) fail(wanted map[string]Station, err error) {
	for name := range wanted {
		r.update(name, func(l *Link) {
			if l.Trouble != err.Error() {
				r.log.Warn("wifi", "interface", name, "err", err)
			}
			*l = Link{Heard: l.Heard, Problem: Broken, Trouble: err.Error()}
		})
	}
}

// connected is Run as long as there is a bus, and something to do. ask is the first scan.
func (r *Radio) connected(ctx context.Context, ask *request) error {
	conn, err := r.connect(ctx)
	if err != nil {
		err = fmt.Errorf("wifi: connect to D-Bus: %w; is it running on this box?", err)
		if ask != nil {
			ask.answer <- heard{err: err}
		}
		return err
	}
	defer conn.Close()
	s := newSession(r, conn)
	defer s.end(errors.New("wifi: encoderd stops, or D-Bus does: try again"))
	if err := s.subscribe(ctx); err != nil {
		if ask != nil {
			ask.answer <- heard{err: err}
		}
		return err
	}
	s.apply(ctx)
	if ask != nil {
		s.scan(ctx, *ask)
	}
	return s.follow(ctx)
}

// unquoted is a text as wpa_supplicant gives it back.
func unquoted(text string) string { return strings.Trim(text, `"`) }
