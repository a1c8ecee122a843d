package device

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/panel/hardware"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/console"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/machine"
	"github.com/encoderbox/encoderbox/device/panel"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
)

// Codes of conditions that surfaces raise.
const (
	conditionMachine    = "machine.socket"
	conditionMachineLAN = "machine.listen"
)

// surfaces are the components by which people and programs at the box see and command
// it. The HTTP server and the control socket are not among them: see routes.
func (d *box) surfaces(cfg *config.Config) (all []reconcile.Component) {
	all = append(all, d.machineComponent(cfg))
	if cfg.Console.MachineListen != "" {
		all = append(all, d.machineLANComponent(cfg.Console))
	}
	if c := d.consoleOf(cfg); c.Device != "" || c.USB {
		all = append(all, d.consoleComponent(c, d.frontPanel(cfg.Board).Port))
	}
	if c, has := d.panelComponent(cfg.Board); has {
		all = append(all, c)
	}
	return all
}

// run is a Runner that is ready at once.
type run func(ctx context.Context) error

func (f run) Run(ctx context.Context, ready func()) error {
	ready()
	return f(ctx)
}

// programs serves the line protocol for programs.
func (d *box) programs() *machine.Server {
	return &machine.Server{State: d.store, Table: d.table, Product: "encoderbox", Log: d.log}
}

// machineComponent serves programs at the box, beside the control socket.
func (d *box) machineComponent(cfg *config.Config) reconcile.Component {
	path, err := cfg.ControlSocket()
	path = filepath.Join(filepath.Dir(path), "machine.sock")
	return d.listener("machine socket", conditionMachine, path, func() (reconcile.Runner, error) {
		if err != nil {
			return nil, err
		}
		return &machine.Unix{Server: d.programs(), Path: path, Mode: 0o660, Role: control.Admin}, nil
	})
}

// machineLANComponent serves programs on the LAN, who may do what other people there
// may: what they send can be read on the way.
func (d *box) machineLANComponent(c config.Console) reconcile.Component {
	spec := struct {
		addr  string
		token config.Secret
	}{c.MachineListen, c.MachineToken}
	return d.listener("machine listener", conditionMachineLAN, spec, func() (reconcile.Runner, error) {
		return &machine.TCP{
			Server: d.programs(), Addr: spec.addr, Token: spec.token.Reveal(), Role: control.Operator,
			Listening: func(a net.Addr) { d.log.Info("listening for programs", "address", a.String()) },
		}, nil
	})
}

// listener is a component whose failure is a condition.
func (d *box) listener(id, code string, spec any, create func() (reconcile.Runner, error)) reconcile.Component {
	failures := failureLog{log: d.log, message: "programs cannot reach the box by its line protocol"}
	return reconcile.Component{
		ID: id, Spec: spec, Make: create,
		Ready: func() {
			failures.over()
			d.store.Clear(code)
		},
		Failed: func(err error, retry time.Time) {
			failures.add(err, retry)
			d.store.Raise(status.Condition{Code: code, Severity: status.Warning, Message: err.Error()})
		},
		Ended: func() { d.store.Clear(code) },
	}
}

// consoleOf is the console, at the port that the board's model has where none is named,
// unless that is the front panel's.
func (d *box) consoleOf(cfg *config.Config) config.Console {
	c := cfg.Console
	if c.Device != config.AutoPort {
		return c
	}
	c.Device = d.hardware.Model().Serial
	if c.Device == d.frontPanel(cfg.Board).Port {
		c.Device = ""
	}
	return c
}

// consoleComponent serves people at serial lines, but for the front panel's.
func (d *box) consoleComponent(c config.Console, panelPort string) reconcile.Component {
	options := console.Options{
		State: d.store, Table: d.table, Guard: &d.guard, Idle: c.IdleTimeout.Std(), Log: d.log,
		Pages:     d.pageAddresses,
		Candidate: func(by control.Caller) (console.Candidate, error) { return d.keeper.Edit(by), nil },
		Machine: func(ctx context.Context, by control.Caller, rw io.ReadWriteCloser) ([]byte, error) {
			return d.programs().Serve(ctx, rw, machine.Options{Caller: by, Silence: c.IdleTimeout.Std()})
		},
	}
	if !c.Password.IsZero() {
		options.Login = console.OnePassword(c.User, c.Password.Reveal())
	}
	ports := console.Ports{Device: c.Device, Baud: c.Baud, USB: c.USB, Run: console.New(options).Run, Log: d.log}
	if panelPort != "" {
		ports.Except = []string{panelPort}
	}
	spec := struct {
		console config.Console
		except  string
	}{c, panelPort}
	return reconcile.Component{ID: "console", Spec: spec, Make: func() (reconcile.Runner, error) { return run(ports.Serve), nil }}
}

// frontPanel is what the model has, and the serial panel that is configured.
func (d *box) frontPanel(b config.Board) board.Panel {
	p := d.hardware.Model().Panel
	if b.PanelPort != "" {
		p.Port, p.Speed = b.PanelPort, 0
	}
	return p
}

// panelComponent is the front panel, of a box that has one.
func (d *box) panelComponent(b config.Board) (c reconcile.Component, has bool) {
	model, wanted := d.hardware.Model(), d.frontPanel(b)
	front, err := hardware.New(hardware.Linux(), wanted, func(p hardware.Problem) {
		if p.Absent() {
			d.log.Debug("not on this front panel", "part", p.Part, "err", p.Err)
			return
		}
		d.log.Warn("a part of the front panel does not work", "part", p.Part, "err", p.Err)
	})
	if err != nil {
		d.log.Error("the front panel of the board model", "model", model.Name, "err", err)
		return c, false
	}
	parts := panel.Hardware{}
	if front.HasKeys() {
		parts.Keys = front.Keys
	}
	if front.HasLights() {
		parts.Lights = front.Lights
	}
	if front.HasScreen() {
		parts.Screen = front.Screen
	}
	return reconcile.Component{
		ID: "front panel", Spec: struct{ model, port string }{model.Name, wanted.Port},
		Make: func() (reconcile.Runner, error) {
			p := panel.New(panel.Config{Hardware: parts, Table: d.table, Status: d.store, Signs: d.signs, Page: d.pageOn, Log: d.log})
			return run(func(ctx context.Context) error {
				p.Run(ctx)
				return nil
			}), nil
		},
	}, parts.Keys != nil || parts.Lights != nil || parts.Screen != nil
}

// pageAddresses are where the page is found now.
func (d *box) pageAddresses() []string {
	addr := d.page.Load()
	if addr == nil {
		return nil
	}
	return pageURLs(*addr)
}

// pageOn is where the page is found on one of the box's IP addresses; "" while it is not.
func (d *box) pageOn(ip string) string {
	addr := d.page.Load()
	if addr == nil {
		return ""
	}
	_, port, err := net.SplitHostPort((*addr).String())
	if err != nil {
		return ""
	}
	return fmt.Sprintf("http://%s/", net.JoinHostPort(ip, port))
}
