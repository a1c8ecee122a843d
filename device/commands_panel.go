package device

import (
	"context"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/panel"
)

// panelCommands are of the box's own lights and screen.
func (d *box) panelCommands() []control.Command {
	return []control.Command{
		{
			Name: "identify", Help: "Have the lights and the screen show which box this is", Role: control.Operator,
			Args: []control.Arg{{Name: "for", Kind: control.Duration, Optional: true, Default: "30s", Min: 0, Max: 3600, Help: "how long; 0s ends it"}},
			Run: func(_ context.Context, c control.Call) (control.Result, error) {
				d.signs.Identify(c.Args.Duration("for"))
				return control.Result{}, nil
			},
		},
		{
			Name: "tally", Help: "Set the tally light, as a vision mixer does", Role: control.Operator,
			Args: []control.Arg{{Name: "state", Kind: control.Choice, Choices: []string{"follow", "off", "preview", "program"}, Help: "follow: made of the destinations"}},
			Run: func(_ context.Context, c control.Call) (control.Result, error) {
				tally := panel.Tally(c.Args.Get("state"))
				if tally == "follow" {
					tally = panel.Follow
				}
				return control.Result{}, d.signs.SetTally(tally)
			},
		},
	}
}
