package device

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/adapt"
	"github.com/encoderbox/encoderbox/device/api"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/programme"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/kinds"
)

// rateConfig is what a stream's bit rate is decided by.
type rateConfig struct {
	Bitrate config.VideoBitrate
	Primary string
}

func (c rateConfig) loop() adapt.Config {
	b := c.Bitrate
	return adapt.Config{
		StreamConfig: rate.StreamConfig{
			Min: int(b.Min), Start: int(b.Start), Max: int(b.Max),
			Policy: rate.Policy(b.Policy), Fixed: b.Mode == "fixed",
		},
		Primary: c.Primary,
	}
}

// primary is the destination that is marked, or the first that is enabled and takes
// pictures; "" where there is none.
func primary(sc config.Stream) string {
	first := ""
	for _, name := range sc.DestinationNames() {
		switch dc := sc.Destinations[name]; {
		case dc.Primary:
			return name
		case first == "" && dc.Enabled && takesPictures(name, dc):
			first = name
		}
	}
	return first
}

// takesPictures is false for a radio.
func takesPictures(name string, dc config.Destination) bool {
	kind, ok := kinds.ForScheme(dc.URL.Scheme())
	if !ok || kind.Takes == nil {
		return true
	}
	t, err := target(name, dc, kind)
	if err != nil {
		return true // its failure is reported when it is made
	}
	for _, c := range kind.Takes(t) {
		if c.Kind() == media.Video {
			return true
		}
	}
	return false
}

// rateComponent decides on a stream's bit rate. Every change is taken live.
func (d *box) rateComponent(st *stream, sc config.Stream) reconcile.Component {
	spec := rateConfig{sc.Video.Bitrate, primary(sc)}
	return reconcile.Component{
		ID: "stream " + st.name + "/bit rate", Spec: spec,
		Make:    func() (reconcile.Runner, error) { return &rateRunner{st.rate, spec}, nil },
		Failed:  func(err error, _ time.Time) { st.log.Error("the bit rate is not followed", "err", err) },
		Removed: func() { d.rates.forget(st.name) },
	}
}

// rateRunner runs a stream's loop, which outlives it.
type rateRunner struct {
	loop *adapt.Loop
	spec rateConfig
}

var _ reconcile.Updater = (*rateRunner)(nil)

// Run implements reconcile.Runner.
func (r *rateRunner) Run(ctx context.Context, ready func()) error {
	r.loop.SetConfig(r.spec.loop())
	ready()
	return r.loop.Run(ctx)
}

// Update implements reconcile.Updater.
func (r *rateRunner) Update(spec any) error {
	c, ok := spec.(rateConfig)
	if !ok {
		return reconcile.ErrRestart
	}
	r.spec = c
	r.loop.SetConfig(c.loop())
	return nil
}

// adapted is a programme whose bit rate its stream's loop decides on.
type adapted struct {
	*programme.Programme
	loop  *adapt.Loop
	begun func(*programme.Programme) (ended func())
}

var _ reconcile.Updater = adapted{}

// Run implements reconcile.Runner.
func (a adapted) Run(ctx context.Context, ready func()) error {
	defer a.loop.Use(a.Programme)()
	defer a.begun(a.Programme)()
	return a.Programme.Run(ctx, ready)
}

// followed has a stream's loop follow a destination that begins to run, where it
// takes pictures; end is called when it has ended.
func followed(st *stream, name string, pictures bool, p adapt.Path) (end func()) {
	if !pictures {
		return func() {}
	}
	return st.rate.Add(name, p)
}

// rates are the loops of all streams, as the API reaches them. The zero value has
// none.
type rates struct {
	mu    sync.Mutex
	loops map[string]*adapt.Loop
}

func (r *rates) set(stream string, l *adapt.Loop) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loops == nil {
		r.loops = map[string]*adapt.Loop{}
	}
	r.loops[stream] = l
}

func (r *rates) forget(stream string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.loops, stream)
}

// RateHistory implements api.Rates.
func (r *rates) RateHistory(stream string, since uint64) (status.RateHistory, error) {
	r.mu.Lock()
	l := r.loops[stream]
	r.mu.Unlock()
	if l == nil {
		return status.RateHistory{}, fmt.Errorf("%w: %s", api.ErrNoStream, strconv.Quote(stream))
	}
	return l.History(since), nil
}

var _ api.Rates = (*rates)(nil)
