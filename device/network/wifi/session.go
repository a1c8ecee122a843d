package wifi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// session is a connection to the bus, and what wpa_supplicant said on it.
type session struct {
	radio   *Radio
	conn    *dbus.Conn
	wpa     supplicant
	signals chan *dbus.Signal
	joined  map[string]*attempt  // by interface
	waiting map[string][]request // for a scan, by interface
	created map[string]bool      // interfaces that wpa_supplicant has for us alone
	failed  bool                 // something is to be applied again
	idle    bool                 // nothing was wanted when it was last applied
}

func newSession(r *Radio, conn *dbus.Conn) *session {
	return &session{
		radio: r, conn: conn, wpa: supplicant{conn}, signals: make(chan *dbus.Signal, 64),
		joined: map[string]*attempt{}, waiting: map[string][]request{}, created: map[string]bool{},
	}
}

// subscribe asks for word of states, of scans, and of wpa_supplicant's coming and going.
func (s *session) subscribe(ctx context.Context) error {
	s.conn.Signal(s.signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(service), dbus.WithMatchInterface(properties), dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchArg(0, device)},
		{dbus.WithMatchSender(service), dbus.WithMatchInterface(device), dbus.WithMatchMember("ScanDone")},
		{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, service)},
	} {
		if err := s.conn.AddMatchSignalContext(ctx, match...); err != nil {
			return fmt.Errorf("wifi: subscribe to wpa_supplicant: %w", err)
		}
	}
	return nil
}

// follow keeps to what is wanted and said. It returns nil once there is nothing to do.
func (s *session) follow(ctx context.Context) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		if s.idle && len(s.waiting) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.conn.Context().Done():
			return errors.New("wifi: the connection to D-Bus ended; it is made anew")
		case <-s.radio.changed:
			wanted, _ := s.radio.want()
			s.radio.forget(wanted)
			s.apply(ctx)
		case q := <-s.radio.asked:
			s.scan(ctx, q)
		case signal, ok := <-s.signals:
			if !ok {
				return errors.New("wifi: D-Bus went away; it is connected to anew")
			}
			s.said(ctx, signal)
		case <-poll.C:
			s.poll(ctx)
		}
	}
}

// apply joins what is wanted, and leaves what is not any more.
func (s *session) apply(ctx context.Context) {
	wanted, country := s.radio.want()
	s.failed, s.idle = false, len(wanted) == 0
	for name, want := range wanted {
		if err := s.join(ctx, name, want, country); err != nil && ctx.Err() == nil {
			s.failed = true
			delete(s.joined, name)
			s.radio.fail(map[string]Station{name: want}, err)
		}
	}
	if !s.wpa.runs(ctx) {
		return
	}
	there, err := s.wpa.interfaces(ctx)
	for name, path := range there {
		if _, still := wanted[name]; still {
			continue
		}
		delete(s.joined, name)
		if left := s.wpa.leave(ctx, path, ""); left != nil {
			err = left
		}
		s.release(ctx, name, path)
	}
	if err != nil && ctx.Err() == nil {
		s.radio.log.Warn("wifi: networks that are not configured any more could not be left", "err", err)
	}
}

// release gives an interface back that wpa_supplicant has for us alone.
func (s *session) release(ctx context.Context, name string, path dbus.ObjectPath) {
	if !s.created[name] || len(s.waiting[name]) > 0 {
		return
	}
	if err := s.wpa.drop(ctx, path); err != nil && ctx.Err() == nil {
		s.radio.log.Warn("wifi: interface could not be given back", "interface", name, "err", err)
	}
	delete(s.created, name)
}

// interfaceOf is wpa_supplicant's object for an interface, made where there is none.
func (s *session) interfaceOf(ctx context.Context, name string) (dbus.ObjectPath, error) {
	path, made, err := s.wpa.get(ctx, name)
	if made {
		s.created[name] = true
	}
	return path, err
}

// join has an interface join a network, unless it has it already.
func (s *session) join(ctx context.Context, name string, want Station, country string) error {
	path, err := s.interfaceOf(ctx, name)
	if err != nil {
		return err
	}
	if err := s.wpa.setCountry(ctx, path, country); err != nil {
		return err
	}
	if a := s.joined[name]; a == nil || a.want != want || a.path != path {
		s.joined[name] = &attempt{want: want, path: path, since: time.Now()}
	}
	if err := s.wpa.leave(ctx, path, want.mark()); err != nil {
		return err
	}
	if err := s.wpa.join(ctx, path, want); err != nil {
		return err
	}
	state, err := s.wpa.state(ctx, path)
	if err == nil {
		s.joined[name].to(state, time.Now())
		s.tell(ctx, name)
	}
	return err
}

// scan begins one; ScanDone ends it.
func (s *session) scan(ctx context.Context, q request) {
	path, err := s.interfaceOf(ctx, q.name)
	if err == nil {
		err = s.wpa.scan(ctx, path)
	}
	if err != nil {
		q.answer <- heard{err: err}
		return
	}
	s.waiting[q.name] = append(s.waiting[q.name], q)
}

// end answers who still waits.
func (s *session) end(err error) {
	for _, all := range s.waiting {
		for _, q := range all {
			q.answer <- heard{err: err}
		}
	}
}

// said takes a signal.
func (s *session) said(ctx context.Context, signal *dbus.Signal) {
	switch signal.Name {
	case "org.freedesktop.DBus.NameOwnerChanged":
		s.owner(ctx, signal.Body)
	case device + ".ScanDone":
		s.scanned(ctx, signal.Path)
	case properties + ".PropertiesChanged":
		for name, a := range s.joined {
			if a.path == signal.Path && len(signal.Body) > 1 {
				a.news(signal.Body[1], time.Now())
				s.radio.log.Debug("wifi: wpa_supplicant says", "interface", name, "state", a.state, "refused", a.refused)
				s.tell(ctx, name)
			}
		}
	}
}

// owner takes word that wpa_supplicant ended or began. Who ended is not started by us at
// once: the service manager, or the next try, does that.
func (s *session) owner(ctx context.Context, body []any) {
	if len(body) < 3 {
		return
	}
	clear(s.joined)
	clear(s.created)
	if now, _ := body[2].(string); now != "" {
		s.apply(ctx)
		return
	}
	err := errors.New("wifi: wpa_supplicant ended; it is started again")
	s.end(err)
	clear(s.waiting)
	wanted, _ := s.radio.want()
	s.radio.fail(wanted, err)
	s.failed = len(wanted) > 0
}

// scanned reads what a scan found.
func (s *session) scanned(ctx context.Context, path dbus.ObjectPath) {
	name, err := s.wpa.name(ctx, path)
	if err != nil {
		return // it went away
	}
	found, err := s.wpa.networks(ctx, path)
	if err == nil {
		s.radio.update(name, func(l *Link) { l.Heard = found })
	}
	if a := s.joined[name]; a != nil {
		a.scanned = true
		s.tell(ctx, name)
	}
	for _, q := range s.waiting[name] {
		q.answer <- heard{found, err}
	}
	delete(s.waiting, name)
	if wanted, _ := s.radio.want(); wanted[name] == (Station{}) {
		s.release(ctx, name, path)
	}
}

// poll asks for what there is no word of, and tries again what failed.
func (s *session) poll(ctx context.Context) {
	for name, a := range s.joined {
		state, err := s.wpa.state(ctx, a.path)
		if err != nil {
			s.failed = true
			continue
		}
		a.to(state, time.Now())
		s.tell(ctx, name)
	}
	for name, all := range s.waiting { // who has given up keeps nothing open
		all = slices.DeleteFunc(all, func(q request) bool { return q.gaveUp.Err() != nil })
		if s.waiting[name] = all; len(all) == 0 {
			delete(s.waiting, name)
		}
	}
	if s.failed {
		s.apply(ctx)
	}
}

// tell reports an interface.
func (s *session) tell(ctx context.Context, name string) {
	a := s.joined[name]
	var on Network
	rate := 0
	if a.state == completed {
		on, rate = s.wpa.air(ctx, a.path)
	}
	s.radio.update(name, func(l *Link) {
		*l = Link{
			State: a.state, SSID: on.SSID, Signal: on.Signal, Frequency: on.Frequency, Rate: rate,
			Heard: l.Heard, Problem: a.problem(l.Heard, time.Now()),
		}
	})
}
