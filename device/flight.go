package device

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/flight"
	"github.com/encoderbox/encoderbox/device/status"
)

// conditionFlight is that the flight recorder's file cannot be written.
const conditionFlight = "flight.file"

// newFlight is the box's flight recorder. Its file is where it was when the daemon
// started: another storage.state holds from the next start on.
func (d *box) newFlight(cfg *config.Config) *flight.Recorder {
	o := flight.Options{Log: d.log, Fault: func(err error) {
		if err == nil {
			d.store.Clear(conditionFlight)
			return
		}
		d.store.Raise(status.Condition{
			Code: conditionFlight, Severity: status.Warning,
			Message: "incidents are kept in memory alone: " + err.Error(),
		})
	}}
	dir, err := cfg.StatePath()
	if err != nil {
		o.Fault(err)
	} else {
		o.File = filepath.Join(dir, "incidents")
	}
	return flight.New(o)
}

// recordFlight records until ctx ends; the last reports are those of what stops then.
func (d *box) recordFlight(ctx context.Context) {
	var watching sync.WaitGroup
	watching.Go(func() { flight.Watch(ctx, d.store, d.flight, flight.Told{Segments: true}) })
	if err := d.flight.Run(ctx); err != nil && ctx.Err() == nil {
		d.log.Error("the flight recorder ended", "err", err)
	}
	watching.Wait()
}
