// Package device is the product: it turns a configuration into running
// components and keeps the one status that every surface shows.
package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/encoderbox/encoderbox/device/commit"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/console"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/flight"
	"github.com/encoderbox/encoderbox/device/hardware"
	"github.com/encoderbox/encoderbox/device/httpd"
	"github.com/encoderbox/encoderbox/device/network"
	"github.com/encoderbox/encoderbox/device/network/modem"
	"github.com/encoderbox/encoderbox/device/panel"
	"github.com/encoderbox/encoderbox/device/programme"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/record"
)

// Options of a run of the daemon.
type Options struct {
	ConfigFile string
	Rescue     bool // run another where ConfigFile is none: the last that ran, else the factory's
	Version    string
	Reload     <-chan os.Signal // each signal reads ConfigFile again
	Stdout     io.Writer        // the page's address, for a person
	Stderr     io.Writer        // the log

	recovered *commit.Recovery // of ConfigFile, by load
	untried   error            // why load does not know whether to recover it
	resetting *reset           // that load has resumed
	unreset   error            // why load could not
}

// Run is the daemon: it works until ctx ends, and returns after everything has
// stopped. It fails only at the start, and only for a configuration it cannot
// read, for which Options.Rescue knows another; all that breaks later is in status, and tried again.
func Run(ctx context.Context, opts Options) error {
	cfg, err := opts.load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var background sync.WaitGroup
	var libraries *libraryOutput
	if opts.Stderr == io.Writer(os.Stderr) {
		if libraries, err = divertStderr(); err != nil {
			return err
		}
		opts.Stderr = libraries.stderr
	}
	d := newBox(opts, cfg)
	d.log.Info("encoderd starts", "version", opts.Version, "config", opts.ConfigFile)
	if opts.untried != nil {
		d.log.Warn("the configuration is not on trial: a start with it cannot go back", "err", opts.untried)
	}
	d.endInterruptedReset()
	if libraries != nil {
		background.Go(func() { libraries.log(d.log) })
	}
	background.Go(func() { watchProcess(ctx, d.store.SetProcess) })
	background.Go(func() { d.keeper.Run(ctx) })
	background.Go(func() { d.serveSocket(ctx) })
	background.Go(func() { _ = d.network.Run(ctx) })
	background.Go(func() { d.watchMedia(ctx) })
	background.Go(func() { d.captures.watch(ctx) })
	// The last that the flight recorder is told is how everything else ended.
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRecording()
	background.Go(func() { d.recordFlight(recording) })
	background.Go(func() {
		if err := d.arrivals.Watch(ctx); ctx.Err() == nil {
			d.log.Warn("no word from the kernel of devices that come: they are looked for by time", "err", err)
		}
	})
	err = d.loop(ctx, opts.Reload)
	cancel()
	stopRecording()
	if libraries != nil {
		err = errors.Join(err, libraries.restore())
	}
	background.Wait()
	d.log.Info("encoderd has stopped")
	return err
}

// box is the running daemon.
type box struct {
	opts       Options
	logging    *logging
	log        *slog.Logger
	store      *status.Store
	hls        *httpd.Mounts
	dash       *httpd.Mounts
	recordings *httpd.Mounts // of the API: NAME/recordings/…
	flight     *flight.Recorder
	handler    http.Handler
	reconciler *reconcile.Reconciler // the loop's alone
	streams    map[string]*stream    // the loop's alone
	applies    chan chan<- error     // requests to the loop to apply config

	hardware     *hardware.Box // the loop's alone
	arrivals     hardware.Arrivals
	captures     captures
	boardModel   string                   // that hardware was made for, as configured
	page         atomic.Pointer[net.Addr] // that the page is served at; nil while it is not
	health       health
	watchdog     *hardwareWatchdog // the loop's alone; nil when there is none
	watchdogPath string            // the loop's alone
	watchdogErr  string            // the loop's alone: why it is not open, as told

	destinations lineup
	rates        rates
	air          *air
	hubs         registry[*hub.Hub]
	programmes   registry[*programme.Programme]
	recorders    registry[*record.Recorder]
	table        *control.Table // what every surface offers
	system       system
	network      *network.Network
	signs        *panel.Signs  // of the front panel
	guard        console.Guard // of passwords

	preflights chan struct{} // holds a token for each under way

	keeper  *commit.Keeper // of the configuration: running, startup, candidates, versions
	presets presets
}

func newBox(opts Options, cfg *config.Config) *box {
	l := &logging{}
	l.apply(cfg.Log)
	d := &box{
		opts: opts, logging: l,
		log:   slog.New(l.handler(opts.Stderr)),
		store: status.NewStore(opts.Version),
		hls:   &httpd.Mounts{Folders: []string{"ts"}}, dash: &httpd.Mounts{}, recordings: &httpd.Mounts{},
		streams: map[string]*stream{},
		applies: make(chan chan<- error, 16), preflights: make(chan struct{}, maxPreflights),
	}
	d.system = newSystem()
	d.keeper = d.keeperOf(cfg)
	d.presets.Store = d.presetStore()
	d.tellPresets()
	d.flight = d.newFlight(cfg)
	d.recallAir(cfg)
	d.network = network.New(network.Options{Store: d.store, Log: d.log, Modems: modem.Options{
		State: func() (string, error) { return d.keeper.Running().StatePath() },
	}})
	d.network.Saved(cfg.Network)
	d.signs = panel.NewSigns()
	d.table = d.commands()
	d.handler = d.routes()
	d.reconciler = reconcile.New(d.log)
	return d
}

// loop owns what runs. It makes it follow the configuration, answers to the
// service manager, and stops everything when ctx ends.
func (d *box) loop(ctx context.Context, reload <-chan os.Signal) error {
	defer d.stop()
	defer d.leaveWatchdog()
	d.begin()
	d.notify(daemon.SdNotifyReady)
	watched, stopWatched := d.serviceWatchdog()
	defer stopWatched()
	board := time.NewTicker(watchdogInterval)
	defer board.Stop()
	for {
		select {
		case <-ctx.Done():
			d.log.Info("encoderd stops")
			d.notify(daemon.SdNotifyStopping)
			return nil
		case <-reload:
			d.reload()
		case done := <-d.applies:
			done <- d.apply()
		case <-watched:
			if d.health.good() {
				d.notify(daemon.SdNotifyWatchdog)
			}
		case <-board.C:
			d.feedWatchdog()
		}
	}
}

// serviceWatchdog ticks twice as often as the service manager wants to hear from the
// loop; never where it does not watch.
func (d *box) serviceWatchdog() (tick <-chan time.Time, stop func()) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		d.log.Warn("the service manager's watchdog setting is unreadable", "err", err)
	}
	if err != nil || interval == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval / 2)
	return t.C, t.Stop
}

func (d *box) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		d.log.Warn("cannot tell the service manager", "state", state, "err", err)
	}
}

// stop ends everything that runs.
func (d *box) stop() {
	d.reconciler.Close()
	for name, s := range d.streams {
		s.hub.Close()
		delete(d.streams, name)
	}
}

// condition code of a configuration file that was not taken.
const conditionConfig = "config.invalid"

// reload reads the configuration file again. One that is not valid changes
// nothing; one that cannot be applied is tried again, and a condition says so.
func (d *box) reload() {
	d.notify(daemon.SdNotifyReloading)
	defer d.notify(daemon.SdNotifyReady)
	if err := d.keeper.Reload(); err != nil {
		d.log.Error("the configuration was not reloaded: what runs goes on as before", "err", err)
		d.store.Raise(status.Condition{
			Code: conditionConfig, Severity: status.Error,
			Message: "configuration not reloaded: " + err.Error(),
		})
		return
	}
	d.begin()
	d.tellPresets()
	d.store.Clear(conditionConfig)
	d.store.Log(status.Event{Severity: status.Info, Subject: "configuration", Message: "reloaded"})
	d.log.Info("configuration reloaded")
}

// apply makes what runs follow the configuration. Only the loop calls it.
func (d *box) apply() error {
	cfg, err := expanded(d.keeper.Running())
	if err != nil {
		return err
	}
	return d.obey(cfg)
}

// obey makes what runs follow a configuration whose destinations all have their address.
func (d *box) obey(cfg *config.Config) error {
	d.logging.apply(cfg.Log)
	if err := d.followBoard(cfg.Board); err != nil {
		return err
	}
	d.hls.SetDefault(cfg.DefaultStream())
	d.dash.SetDefault(cfg.DefaultStream())
	d.expect(cfg)
	d.network.Set(cfg.Network)
	return d.reconcile(cfg)
}

// expect says what is going to be served.
func (d *box) expect(cfg *config.Config) {
	var hls, dash, recordings []string
	for _, name := range cfg.StreamNames() {
		if cfg.Streams[name].HLS.Enabled {
			hls = append(hls, name)
		}
		if cfg.Streams[name].DASH.Enabled {
			dash = append(dash, name)
		}
		if stored(cfg) {
			recordings = append(recordings, name)
		}
	}
	d.hls.Expect(hls...)
	d.dash.Expect(dash...)
	d.recordings.Expect(recordings...)
}

// followBoard takes the board model and the watchdog of the configuration.
// Programmes whose spec names another model are made anew with it.
func (d *box) followBoard(b config.Board) error {
	if d.hardware == nil || d.boardModel != b.Model {
		hw, err := hardware.New(b.Model, &d.arrivals, d.log)
		if err != nil {
			return err
		}
		d.hardware, d.boardModel = hw, b.Model
		d.log.Info("board", "model", hw.Model().Name, "title", hw.Model().Title, "by", hw.How())
	}
	d.followWatchdog(b.Watchdog)
	return nil
}

// pageAddress is where the page is found now, for people; "" while it is not.
func (d *box) pageAddress() string {
	addr := d.page.Load()
	if addr == nil {
		return ""
	}
	urls := pageURLs(*addr)
	if len(urls) == 0 {
		return ""
	}
	return urls[len(urls)-1] // the one for others than this machine, where there is one
}

// announce tells the person who started the daemon where the page is.
func (d *box) announce(addr net.Addr) {
	d.log.Info("listening", "address", addr.String())
	d.page.Store(&addr)
	for _, url := range pageURLs(addr) {
		fmt.Fprintf(d.opts.Stdout, "The page: %s\n", url)
	}
}
