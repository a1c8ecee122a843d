package device

import (
	"context"
	"errors"
	"fmt"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
)

func (d *box) systemCommands() []control.Command {
	host := d.store.Load().Hostname
	systemctl := func(verb, text string) func(context.Context, control.Call) (control.Result, error) {
		return func(ctx context.Context, _ control.Call) (control.Result, error) {
			_, err := d.system.run(ctx, "systemctl", verb)
			return control.Result{Text: text}, err
		}
	}
	return []control.Command{
		{
			Name: "system reboot", Help: "Start the box again", Role: control.Admin,
			Confirm: []control.Ask{control.Question("Every stream of " + host + " is interrupted. Reboot it?")},
			Run:     systemctl("reboot", "the box starts again"),
		},
		{
			Name: "system shutdown", Help: "Switch the box off", Role: control.Admin,
			Confirm: []control.Ask{control.Question("Every stream of " + host + " ends, and somebody has to switch it on by hand. Shut it down?")},
			Run:     systemctl("poweroff", "the box switches off"),
		},
		{
			Name: "system factory-reset", Help: "Forget all settings; recordings stay", Role: control.Admin,
			Confirm: []control.Ask{
				control.Question("All settings of " + host + " and all stream keys are lost. Reset it to factory defaults?"),
				control.Question("This cannot be undone, and every stream ends. Really reset " + host + "?"),
			},
			Run: d.factoryReset,
		},
		{
			Name: "support bundle", Help: "Pack logs, status and configuration, without secrets, for support", Role: control.Admin, Long: true,
			Run: d.supportBundle,
		},
	}
}

// factoryDefault is what a box without a factory's file is reset to.
const factoryDefault = `# As the factory has it. docs/configuration.md describes every setting.

[console]
device = "auto"

[streams.main.input]
kind = "pattern"
`

// factoryReset leaves no secret behind: neither the version before nor exports. The
// daemon's next start ends one that a power cut ended in the middle.
func (d *box) factoryReset(ctx context.Context, call control.Call) (control.Result, error) {
	doc, err := factoryDocument(d.system.factory)
	if err != nil {
		return control.Result{}, fmt.Errorf("factory reset: nothing was changed: %w", err)
	}
	r := d.resetOf()
	if err := r.intend(d.opts.ConfigFile); err != nil {
		return control.Result{}, fmt.Errorf("factory reset: nothing was changed: %w", err)
	}
	changed, late := d.changeConfig(ctx, call.Caller.Name, "", change{
		next: func(*config.Config) (*config.Config, error) { return config.Parse(d.opts.ConfigFile, doc, rules()) },
		doc:  doc,
	})
	if late != nil && !changed {
		return control.Result{}, fmt.Errorf("factory reset: %w", errors.Join(refused(late), endReset(d.opts.ConfigFile)))
	}
	err = d.finishReset(r) // also where the box does not follow yet: the old settings are replaced
	switch {
	case err != nil:
		return control.Result{}, control.Errorf(control.Failed, "the settings are reset, but something of the old ones is left: %v", err)
	case late != nil:
		return control.Result{}, control.Errorf(control.Failed, "the settings are reset, but the box does not follow yet: %v", late)
	}
	return control.Result{Text: "the box has its factory settings"}, nil
}

// finishReset removes what is left of the old settings once they are replaced.
func (d *box) finishReset(r reset) error {
	err := errors.Join(r.forget(), d.keeper.Forget(), d.presets.Forget())
	d.tellPresets()
	for _, name := range d.air.stopped() {
		if _, airErr := d.setAir(name, "", ""); airErr != nil {
			err = errors.Join(err, airErr)
		}
	}
	if err != nil {
		return err
	}
	return endReset(d.opts.ConfigFile)
}
