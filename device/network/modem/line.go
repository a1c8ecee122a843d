package modem

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/encoderbox/encoderbox/device/config"
)

// line keeps the modem of one interface connected. It looks at the modem whenever it hears
// of it, and takes the next step towards a connection: where the modem is, and not what was
// done before, says which.
type line struct {
	modems *Modems
	name   string // of the interface, as configured
	want   Settings
	bus    *bus
	news   chan struct{} // holds a token when the modem may be another than before
	log    *slog.Logger

	cancel context.CancelFunc
	work   sync.WaitGroup

	// The fields below are work's, and after it the lines'.
	stale    bool            // a connection that there is was made with other settings
	bearer   dbus.ObjectPath // that is connected; "" for none
	since    time.Time       // when it was
	family   uint32          // of addresses that the network gives
	failures int             // to connect, in a row
	notYet   time.Time       // before which nothing is tried again
	refusal  *Problem        // of the last try
	waiting  time.Time       // since when the modem is not there, or in no network; zero while it is
	unlocked dbus.ObjectPath // the modem whose SIM took the PIN
}

func (m *Modems) line(name string, want Settings, b *bus) *line {
	return &line{
		modems: m, name: name, want: want, bus: b, family: both,
		news: make(chan struct{}, 1), log: m.log.With("interface", name),
	}
}

func (l *line) start(ctx context.Context) {
	ctx, l.cancel = context.WithCancel(ctx)
	l.work.Go(func() { l.run(ctx) })
}

// stop leaves the modem as it is.
func (l *line) stop() {
	l.cancel()
	l.work.Wait()
}

func (l *line) run(ctx context.Context) {
	for {
		report, again := l.step(ctx)
		if ctx.Err() != nil {
			return
		}
		l.modems.tell(l.name, report)
		t := time.NewTimer(again)
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-l.news:
			pause(ctx, l.modems.pace.Settle)
			select {
			case <-l.news:
			default:
			}
		}
		t.Stop()
	}
}

// step looks at the modem and does what is next. again is when to look anew, unless there
// is word of the modem before.
func (l *line) step(ctx context.Context) (r Report, again time.Duration) {
	all, err := l.bus.devices(ctx)
	if err != nil {
		l.lost()
		return l.patient(Report{}, noService(err))
	}
	d, err := of(all, l.name, l.others)
	if err != nil {
		l.lost()
		return l.patient(Report{}, problem(conditionMissing,
			"there is no modem: %v; plug it in, or remove network.interfaces.%s.apn", err, l.name))
	}
	r = Report{Interface: l.port(d), Modem: d.shown()}
	s := d.state()
	if s != isConnected {
		l.lost()
	}
	if s != locked {
		l.unlocked = ""
	}
	switch s {
	case failed:
		r.Problem = d.failure()
	case locked:
		return l.unlock(ctx, d, r)
	case disabled:
		return l.try(ctx, d, r, "is switched on", l.enable)
	case enabled, searching:
		if r.Problem = d.denied(); r.Problem == nil {
			return l.patient(r, d.unregistered())
		}
	case registered:
		l.waiting = time.Time{}
		if r.Modem.Roaming && !l.want.Roaming {
			r.Problem = problem(conditionRegistration, "only %s is in reach, where roaming would cost: allow it by network.interfaces.%s.roaming, or find a place where the SIM's own network is", r.Modem.Operator, l.name)
			break
		}
		return l.try(ctx, d, r, "connects", l.connect)
	case isConnected:
		return l.hold(ctx, d, r)
	}
	return r, l.modems.pace.Look
}

// port is the data port of the modem, the line's own where it is one.
func (l *line) port(d device) string {
	ports := d.ports()
	for _, p := range ports {
		if p == l.name {
			return p
		}
	}
	if len(ports) == 0 {
		return ""
	}
	return ports[0]
}

// others says that another interface is configured for the port.
func (l *line) others(port string) bool {
	_, ok := l.modems.want()[port]
	return ok && port != l.name
}

// patient is r, with the problem once it has lasted.
func (l *line) patient(r Report, p *Problem) (Report, time.Duration) {
	now, grace := time.Now(), l.modems.pace.Grace
	if l.waiting.IsZero() {
		l.waiting = now
	}
	left := grace - now.Sub(l.waiting)
	if left <= 0 {
		r.Problem = p
		return r, l.modems.pace.Look
	}
	return r, left
}

// lost is called when the modem is not connected. A connection that soon ends counts as one
// that failed: else the box would dial without a pause.
func (l *line) lost() {
	if l.bearer == "" {
		return
	}
	l.log.Warn("modem: the connection has ended", "after", time.Since(l.since).Round(time.Second))
	if time.Since(l.since) < l.modems.pace.Stable {
		l.later()
	} else {
		l.failures, l.notYet = 0, time.Time{}
	}
	l.bearer = ""
}

// later has the next try wait, longer each time.
func (l *line) later() {
	wait := l.modems.pace.Most
	if l.failures < 16 {
		wait = min(wait, l.modems.pace.First<<l.failures)
	}
	l.failures++
	l.notYet = time.Now().Add(wait)
}

// try does something with the modem that may fail, not before it is time.
func (l *line) try(ctx context.Context, d device, r Report, what string, do func(context.Context, device) error) (Report, time.Duration) {
	l.waiting = time.Time{}
	r.Problem = l.refusal
	if left := time.Until(l.notYet); left > 0 {
		return r, left
	}
	l.modems.tell(l.name, r)
	l.log.Info("modem: next step", "modem", string(d.path), "state", d.state().String(), "it", what)
	err := do(ctx, d)
	if err == nil || ctx.Err() != nil {
		l.refusal = nil
		return Report{Interface: r.Interface, Modem: r.Modem}, 0
	}
	l.later()
	l.refusal = l.refused(err)
	r.Problem = l.refusal
	l.log.Warn("modem: that failed", "err", r.Problem.Message, "again_in", time.Until(l.notYet).Round(time.Second))
	return r, time.Until(l.notYet)
}

// refused is what an error means to people.
func (l *line) refused(err error) *Problem {
	text, name := words(err)
	if forbidden(name, text) {
		return notAllowed(text)
	}
	return problem(conditionConnect, "%s; check network.interfaces.%s.apn (%s), apn_user and apn_password against what the SIM's operator says; it is tried again", conceal(text, l.want.Password), l.name, l.want.APN)
}

func (l *line) enable(ctx context.Context, d device) error {
	if err := l.bus.call(ctx, enableTime, d.path, modemIface+".Enable", []any{true}); err != nil {
		return fmt.Errorf("the modem cannot be switched on: %w", err)
	}
	return nil
}

// connect connects the modem.
func (l *line) connect(ctx context.Context, d device) error {
	l.stale = false
	var path dbus.ObjectPath
	err := l.bus.call(ctx, connectTime, d.path, simpleIface+".Connect", []any{l.want.properties(l.family)}, &path)
	if err == nil {
		l.bearer, l.since = path, time.Now()
		return nil
	}
	// Some networks and modems have no addresses of both kinds at once, and say so.
	if _, name := words(err); l.family == both && (name == errorPrefix+"MobileEquipment.Ipv4OnlyAllowed" || name == errorPrefix+"Core.Unsupported") {
		l.family = onlyV4
	}
	return fmt.Errorf("the network refuses the connection: %w", err)
}

// hold reports a connection, and ends one that is not the wanted one.
func (l *line) hold(ctx context.Context, d device, r Report) (Report, time.Duration) {
	l.waiting = time.Time{}
	var (
		found *Bearer
		path  dbus.ObjectPath
		err   error
	)
	if !l.stale {
		found, path, err = l.bus.connected(ctx, d, l.want, l.bearer)
	}
	if err != nil {
		return l.patient(r, noService(err))
	}
	if found == nil {
		return l.try(ctx, d, r, "is connected with other settings, which ends", l.hangUp)
	}
	if l.bearer != path {
		l.bearer, l.since = path, time.Now() // made by another before, such as this daemon's last run
	}
	l.refusal = nil
	if !found.usable() {
		r.Problem = problem(conditionConnect, "the modem gives its connection in a way that encoderd cannot use (interface %q, PPP or no address): have it work as QMI, MBIM or Ethernet (docs/network.md)", found.Interface)
		return r, l.modems.pace.Look
	}
	r.Bearer = found
	return r, l.modems.pace.Look
}

// hangUp ends all connections of the modem.
func (l *line) hangUp(ctx context.Context, d device) error {
	if err := l.bus.call(ctx, callTime, d.path, simpleIface+".Disconnect", []any{noObject}); err != nil {
		return fmt.Errorf("a connection with other settings cannot be ended: %w", err)
	}
	l.bearer, l.stale = "", false
	return nil
}

// disconnect ends the connection of an interface that is a modem's no more. The line has
// stopped.
func (l *line) disconnect(ctx context.Context) {
	all, err := l.bus.devices(ctx)
	if err != nil {
		return // without ModemManager nothing is connected by it
	}
	d, err := of(all, l.name, l.others)
	if err != nil || d.state() < connecting {
		return
	}
	l.log.Info("modem: disconnected, as the configuration has it no more")
	if err := l.hangUp(ctx, d); err != nil {
		l.log.Warn("modem", "err", err)
	}
}

// conceal masks a secret in words of others.
func conceal(text string, secret config.Secret) string {
	if s := secret.Reveal(); s != "" {
		return strings.ReplaceAll(text, s, config.Mask)
	}
	return text
}
