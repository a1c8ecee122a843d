package device

import (
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/encoderbox/encoderbox/device/adapt"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/hardware"
	"github.com/encoderbox/encoderbox/device/httpd"
	"github.com/encoderbox/encoderbox/device/programme"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/segment"
)

// stream is what outlives the components of one stream: while they restart,
// its clock goes on and its outputs stay subscribed.
type stream struct {
	name    string
	hub     *hub.Hub
	live    *segment.Live
	archive *archive
	rate    *adapt.Loop
	report  *status.StreamReporter
	log     *slog.Logger
	left    func() // is called when the stream is configured no more
}

// Codes of conditions that failing components raise.
const (
	conditionHTTP  = "http.listen"
	conditionInput = "input.failed"
	conditionHLS   = "hls.failed"
	// The journal's and the recorder's own conditions say more.
	conditionStorage = "storage.unusable"
)

// reconcile turns a configuration into components and makes them run.
func (d *box) reconcile(cfg *config.Config) error {
	wanted := append(d.surfaces(cfg), d.httpComponent(cfg))
	for _, name := range cfg.StreamNames() {
		st := d.stream(name)
		st.report.SetDefault(name == cfg.DefaultStream())
		sc := cfg.Streams[name]
		wanted = append(wanted, d.rateComponent(st, sc), d.programmeComponent(cfg, st, sc))
		if stored(cfg) {
			wanted = append(wanted, d.storageComponent(cfg, st, sc))
		}
		if segmented(cfg, sc) {
			wanted = append(wanted, d.segmentsComponent(cfg, st, sc))
		}
		for _, name := range sc.GroupNames() {
			wanted = append(wanted, d.groupComponent(st, name, sc.Groups[name]))
		}
		for _, dest := range sc.DestinationNames() {
			if dc := sc.Destinations[dest]; takesSegments(dc) {
				wanted = append(wanted, d.forwardComponent(cfg, st, dest, dc))
			} else {
				wanted = append(wanted, d.pushComponent(cfg, st, dest, dc))
			}
		}
	}
	if err := d.reconciler.Apply(wanted); err != nil {
		return err
	}
	for name, st := range d.streams {
		d.destinations.free(name, grouped(cfg.Streams[name]))
		if _, stays := cfg.Streams[name]; !stays {
			st.left()
			st.hub.Close()
			delete(d.streams, name)
			d.store.RemoveStream(name)
		}
	}
	return nil
}

func (d *box) stream(name string) *stream {
	st := d.streams[name]
	if st == nil {
		live := segment.NewLive()
		st = &stream{
			name: name, hub: hub.New(media.NewClock()), live: live, archive: newArchive(live),
			report: d.store.Stream(name), log: d.log.With("stream", name),
		}
		st.rate = adapt.New(adapt.Config{}, adapt.Options{
			Stream: name, Report: st.report.SetRate, Log: st.log, Incidents: d.flight.For(name, "bit rate"),
		})
		d.rates.set(name, st.rate)
		st.left = d.hubs.add(name, st.hub)
		st.report.SetOffAir(d.air.by(name))
		d.streams[name] = st
	}
	return st
}

func (d *box) httpComponent(cfg *config.Config) reconcile.Component {
	failures := failureLog{log: d.log, message: "no page, no HLS: cannot listen"}
	return reconcile.Component{
		ID: "http", Spec: cfg.HTTP,
		Make: func() (reconcile.Runner, error) {
			return &httpd.Server{
				Addr: cfg.HTTP.Listen, Handler: d.handler, Log: d.log,
				Listening: func(addr net.Addr) {
					failures.over()
					d.store.Clear(conditionHTTP)
					d.announce(addr)
				},
			}, nil
		},
		Failed: func(err error, retry time.Time) {
			failures.add(err, retry)
			d.store.Raise(status.Condition{Code: conditionHTTP, Severity: status.Error, Message: err.Error()})
		},
	}
}

func (d *box) programmeComponent(cfg *config.Config, st *stream, sc config.Stream) reconcile.Component {
	spec := programme.Spec{Input: sc.Input, Video: sc.Video, Audio: sc.Audio, Board: cfg.Board.Model, EpochLocked: sc.Segment.EpochLocked, Sound: wantedSound(sc)}
	hw := d.hardware // Make is called on another goroutine
	failures := failureLog{log: st.log, message: "input failed"}
	spec.Input.Path, spec.Input.AudioPath = cfg.Path(sc.Input.Path), cfg.Path(sc.Input.AudioPath)
	if e := sc.Input.EDID; e != hardware.Auto && e != hardware.None {
		spec.Input.EDID = cfg.Path(e)
	}
	return reconcile.Component{
		ID: "stream " + st.name + "/programme", Spec: spec,
		Make: func() (reconcile.Runner, error) {
			return adapted{programme.New(spec, programme.Options{
				Stream: st.name, Hub: st.hub, Hardware: hw, Report: st.report, Log: st.log,
				Address: d.pageAddress,
				Health:  func(good bool) { d.health.set(st.name, !good) },
			}), st.rate, func(p *programme.Programme) (ended func()) { return d.programmes.add(st.name, p) }}, nil
		},
		Ready: func() {
			failures.over()
			st.report.Clear(conditionInput)
			d.store.Log(status.Event{Severity: status.Info, Stream: st.name, Subject: "input", Message: "running"})
		},
		Failed: func(err error, retry time.Time) {
			again := failures.add(err, retry)
			st.report.SetInput(status.Input{
				Kind: spec.Input.Kind, Description: inputName(spec.Input),
				State: status.InputRetrying, Error: err.Error(), Retry: &retry,
			})
			st.report.Raise(status.Condition{Code: conditionInput, Severity: status.Error, Message: err.Error()})
			if !again {
				d.store.Log(status.Event{Severity: status.Error, Stream: st.name, Subject: "input", Message: err.Error()})
			}
		},
		// What follows, if anything, is another input or encoder, or none.
		Ended: func() {
			d.health.set(st.name, false)
			st.report.Clear(programme.ConditionDead)
		},
	}
}

// inputName is a configured input for people, as long as it is not open.
func inputName(in config.Input) string {
	switch in.Kind {
	case "file":
		return filepath.Base(in.Path)
	case "capture":
		return in.Device
	}
	return in.Kind
}
