// Package panel is what people see and press on the box itself: it makes presses of
// keys, a menu of the table of commands, pages of the status, and patterns of lights.
//
// The hardware is board/panel's, opened by functions that are handed in; all of it may be
// missing, and may go away and come back. docs/panel.md is what users read.
package panel

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// Status is where the state comes from: a status.Store.
type Status interface {
	// Watch is the newest snapshot and a channel that is closed when there is a newer one.
	Watch() (*status.Snapshot, <-chan struct{})
}

// Hardware opens what a panel has; nil for what it has not. Each is opened by itself,
// closed when it fails, and opened again after a while, 250 ms at first, 10 s at most. An
// open may block until ctx ends. Where one port carries several, closing one must leave
// the others.
type Hardware struct {
	Keys func(ctx context.Context) (panel.Keys, error)
	// Lights are by name: a lamp, "status", "live", "record", "tally", "alarm", and
	// behind a colon its colour, where a lamp has several: "status:red".
	Lights func(ctx context.Context) (map[string]panel.Light, error)
	Screen func(ctx context.Context) (panel.Screen, error)
}

// Dimmer is a Screen that can be darker. Shown pictures stay.
type Dimmer interface {
	Dim(brightness float64) error // 0 to 1
}

// Config is all that a Panel needs.
type Config struct {
	Hardware Hardware
	Table    *control.Table // nil: no menu
	Status   Status
	Signs    *Signs // nil: none
	// Page is the web page's address on one of the box's IP addresses, such as
	// "http://192.168.1.20:8080/"; nil: there is none. It does not block.
	Page func(ip string) string
	// TallyDestination is the destination that the tally light follows, "" for any.
	TallyDestination string
	// DimAfter and SaveAfter are how long nobody presses a key before a screen is dark,
	// and before a screen of pixels shows next to nothing; 0: 2 and 10 minutes; below
	// 0: never.
	DimAfter, SaveAfter time.Duration
	Log                 *slog.Logger // nil: none
}

// Panel is the front panel.
type Panel struct{ cfg Config }

// New makes a panel. It does nothing until Run.
func New(cfg Config) *Panel {
	if cfg.Signs == nil {
		cfg.Signs = NewSigns()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.DimAfter == 0 {
		cfg.DimAfter = 2 * time.Minute
	}
	if cfg.SaveAfter == 0 {
		cfg.SaveAfter = 10 * time.Minute
	}
	return &Panel{cfg}
}

// Run has the panel work until ctx ends, and returns when all that it started has ended:
// commands too, which are told by their context. Hardware that fails is logged once an
// outage, as a warning unless it is made without the part (board/panel.ErrNone). It is called once.
func (p *Panel) Run(ctx context.Context) {
	l := newLoop(p.cfg)
	var all sync.WaitGroup
	defer all.Wait()
	hw := p.cfg.Hardware
	if hw.Keys != nil {
		all.Go(func() { p.again(ctx, "keys", func(ctx context.Context) error { return keysUntil(ctx, hw.Keys, l) }) })
	}
	if hw.Lights != nil {
		all.Go(func() { p.again(ctx, "lights", p.lightsUntil) })
	}
	if hw.Screen != nil {
		all.Go(func() {
			p.again(ctx, "screen", func(ctx context.Context) error { return screenUntil(ctx, hw.Screen, l) })
		})
	}
	all.Go(func() { watchStatus(ctx, p.cfg.Status, l.snapshots) })
	l.run(ctx, &all)
}

const (
	firstWait = 250 * time.Millisecond
	longWait  = 10 * time.Second
)

// again does something that ends with an error when hardware goes, over and over.
func (p *Panel) again(ctx context.Context, what string, until func(context.Context) error) {
	wait, failing := firstWait, false
	for ctx.Err() == nil {
		began := time.Now()
		err := until(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > longWait {
			wait, failing = firstWait, false
		}
		switch {
		case failing:
		case errors.Is(err, panel.ErrNone): // it may be replaced by one that has some
			p.cfg.Log.Info("front panel: it has none of a part", "part", what, "error", err)
		default:
			p.cfg.Log.Warn("front panel: hardware is gone, and is opened again until it is back", "part", what, "error", err)
		}
		failing = true
		if !sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, longWait)
	}
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
