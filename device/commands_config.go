package device

import (
	"context"
	"io"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
)

func (d *box) configCommands() []control.Command {
	return []control.Command{
		{
			Name: "config export", Help: "The configuration as a file's text; with secrets into a file on the box", Role: control.Admin,
			Args: []control.Arg{{Name: "secrets", Kind: control.Switch, Help: "with stream keys and passwords, for another box", Optional: true, Default: "off"}},
			Confirm: []control.Ask{func(a control.Args) string {
				if !a.On("secrets") {
					return ""
				}
				return "Who has the file can stream in your name. Export stream keys and passwords in the clear?"
			}},
			Run: d.exportConfig,
		},
	}
}

// exported is an exported configuration for programs: its text, or where it is.
type exported struct {
	Version string `json:"version"`
	TOML    string `json:"toml,omitempty"`
	file
}

func (d *box) exportConfig(_ context.Context, call control.Call) (control.Result, error) {
	cfg, version := d.keeper.Now()
	if !call.Args.On("secrets") {
		text := string(config.MarshalMasked(cfg))
		return control.Result{Text: text, Data: exported{Version: version, TOML: text}}, nil
	}
	f, err := d.export("config", ".toml", func(w io.Writer) error {
		_, err := w.Write(config.Marshal(cfg))
		return err
	})
	if err != nil {
		return control.Result{}, err
	}
	return control.Result{Text: "exported to " + f.Path, Data: exported{Version: version, file: f}}, nil
}
