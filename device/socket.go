package device

import (
	"context"
	"time"

	"github.com/encoderbox/encoderbox/device/httpd"
	"github.com/encoderbox/encoderbox/device/status"
)

// conditionSocket is that programs on the box cannot reach the daemon.
const conditionSocket = "control.socket"

// socketRetry is how long a socket that could not be had is left alone.
const socketRetry = 5 * time.Second

// serveSocket serves the control socket until ctx ends. It does not wait for anything
// else of the box, and is where the configuration of the daemon's start has it.
func (d *box) serveSocket(ctx context.Context) {
	failures := failureLog{log: d.log, message: "no control socket"}
	for ctx.Err() == nil {
		err := d.runSocket(ctx, func() {
			failures.over()
			d.store.Clear(conditionSocket)
		})
		if ctx.Err() != nil {
			return
		}
		failures.add(err, time.Now().Add(socketRetry))
		d.store.Raise(status.Condition{Code: conditionSocket, Severity: status.Warning, Message: err.Error()})
		select {
		case <-ctx.Done():
		case <-time.After(socketRetry):
		}
	}
}

func (d *box) runSocket(ctx context.Context, ready func()) error {
	path, err := d.keeper.Running().ControlSocket()
	if err != nil {
		return err
	}
	s := httpd.Socket{Path: path, Handler: d.handler, Log: d.log}
	return s.Run(ctx, func() {
		d.log.Info("listening", "socket", path)
		ready()
	})
}
