package device

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/preset"
	"github.com/encoderbox/encoderbox/device/status"
)

// presetCommands are of the presets that the box keeps. Who runs a show applies what
// somebody else has prepared: that takes no admin.
func (d *box) presetCommands() []control.Command {
	name := control.Arg{Name: "name", Kind: control.Word, Help: "the preset", Values: presetNames}
	return []control.Command{
		{
			Name: "preset list", Help: "List the presets, and which of them the box follows", Role: control.Viewer, Reads: true,
			Except: map[control.Surface]string{control.Panel: "its menu is the list"}, Run: d.listPresets,
		},
		{
			Name: "preset show", Help: "Show what a preset configures, secrets masked", Role: control.Admin, Reads: true,
			Args: []control.Arg{name}, Run: d.showPreset,
		},
		{
			Name: "preset apply", Help: "Have the box do what a preset says: its streams replace all others", Role: control.Operator,
			Args: []control.Arg{name}, Confirm: []control.Ask{d.askApply}, Run: d.applyPreset,
		},
		{
			Name: "preset save", Help: "Keep what the box does now as a preset, with its stream keys", Role: control.Admin,
			Args: []control.Arg{
				{Name: "name", Kind: control.Word, Help: "1 to 32 of a-z, 0-9 and -"},
				{Name: "note", Kind: control.Text, Help: "one line on what it is for; left out: as it is", Optional: true},
			},
			Confirm: []control.Ask{func(a control.Args) string { return d.askReplace(a.Get("name")) }}, Run: d.savePreset,
		},
		{
			Name: "preset remove", Help: "Forget a preset; what the box does stays", Role: control.Admin,
			Args: []control.Arg{name}, Confirm: []control.Ask{d.askRemove}, Run: d.removePreset,
		},
		{
			Name: "preset import", Help: "Take a preset from a USB stick or another file on the box", Role: control.Admin,
			Args: []control.Arg{
				{
					Name: "file", Kind: control.Word, Help: "its name in the folder " + preset.MediaFolder + " of a USB stick, or a whole path",
					Values: func(s *status.Snapshot, _ control.Args) []string { return s.MediaPresets },
				},
				{Name: "name", Kind: control.Word, Help: "under which it is kept; left out: the file's", Optional: true},
			},
			Confirm: []control.Ask{func(a control.Args) string { return d.askReplace(importedName(a)) }}, Run: d.importPreset,
		},
		{
			Name: "preset export", Help: "A preset as a file's text; with secrets into a file on the box", Role: control.Admin,
			Args: []control.Arg{name, {Name: "secrets", Kind: control.Switch, Help: "with stream keys and passwords, for another box", Optional: true, Default: "off"}},
			Confirm: []control.Ask{func(a control.Args) string {
				if !a.On("secrets") {
					return ""
				}
				return "Who has the file can stream in your name. Export stream keys and passwords in the clear?"
			}},
			Run: d.exportPreset,
		},
	}
}

func presetNames(s *status.Snapshot, _ control.Args) (names []string) {
	for _, p := range s.Presets {
		if preset.CheckName(p.Name) == nil {
			names = append(names, p.Name)
		}
	}
	return names
}

func (d *box) listPresets(context.Context, control.Call) (control.Result, error) {
	d.tellPresets() // who put a file there by hand wants to see it
	all := d.store.Load().Presets
	var lines []string
	for _, p := range all {
		mark := map[string]string{status.PresetApplied: "* ", status.PresetChanged: "* "}[p.State]
		words := []string{p.Note}
		if p.State == status.PresetChanged {
			words = append(words, "(changed since)")
		}
		if p.Makers {
			words = append(words, "(came with the box)")
		}
		if p.Error != "" {
			words = []string{"cannot be applied:", p.Error}
		}
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%-2s%-16s  %s", mark, p.Name, strings.TrimSpace(strings.Join(words, " "))), " "))
	}
	if len(lines) == 0 {
		lines = []string{"no presets are kept: preset save NAME keeps what the box does now"}
	}
	return control.Result{Text: plain(strings.Join(lines, "\n")), Data: all}, nil
}

// readPreset is a preset and the configuration that it makes of the running one.
func (d *box) readPreset(name string) (preset.Preset, *config.Config, error) {
	p, err := d.presets.Read(name)
	if err != nil {
		return p, nil, presetRefused(name, err)
	}
	next, err := programmed(d.keeper.Running(), p)
	return p, next, presetRefused(name, err)
}

func (d *box) showPreset(_ context.Context, call control.Call) (control.Result, error) {
	p, next, err := d.readPreset(call.Args.Get("name"))
	if err != nil {
		return control.Result{}, err
	}
	text := strings.TrimRight(string(preset.Noted(next.Conceal(p.Note), config.MarshalMasked(next.Programme()))), "\n")
	return control.Result{Text: text, Data: exported{TOML: text}}, nil
}

// askApply asks where people are watching.
func (d *box) askApply(a control.Args) string {
	on := d.broadcasting()
	if len(on) == 0 {
		return ""
	}
	verb := "is"
	if len(on) > 1 {
		verb = "are"
	}
	return fmt.Sprintf("%s %s on the air: what %s changes is interrupted, and goes out changed. Apply it?",
		strings.Join(on, ", "), verb, a.Get("name"))
}

// applyPreset leaves a box that is off the air off it: that is another decision.
func (d *box) applyPreset(ctx context.Context, call control.Call) (control.Result, error) {
	name := call.Args.Get("name")
	p, next, err := d.readPreset(name)
	if err != nil {
		return control.Result{}, err
	}
	undo, note := func() {}, ""
	if len(d.broadcasting()) == 0 && !next.SameProgramme(d.keeper.Running()) {
		undo, note = d.holdBack(next, "preset "+name+" was chosen")
	}
	changed, err := d.changeConfig(ctx, call.Caller.Name, "", change{
		next: func(old *config.Config) (*config.Config, error) { return programmed(old, p) },
		why:  "preset " + name,
	})
	if err != nil {
		if !changed {
			undo()
		}
		return control.Result{}, presetRefused(name, err)
	}
	if err := d.presets.SetApplied(name); err != nil {
		note += fmt.Sprintf("; that it is this one will not be known after a restart: %v", err)
	}
	d.tellPresets()
	text := "preset " + name + " is applied"
	if !changed {
		text += ": the box does that already"
	} else if len(d.broadcasting()) == 0 {
		text += ", the box is off the air"
	}
	return control.Result{Text: text + note}, nil
}

// askReplace asks before a preset of the box's own is lost.
func (d *box) askReplace(name string) string {
	if p, err := d.presets.Read(name); p.File == "" || p.Makers || err != nil && p.Err == nil {
		return ""
	}
	return fmt.Sprintf("There is a preset %s already. Replace it?", name)
}

func (d *box) savePreset(_ context.Context, call control.Call) (control.Result, error) {
	name, note := call.Args.Get("name"), call.Args.Get("note")
	if old, err := d.presets.Read(name); err == nil && note == "" && !old.Makers {
		note = old.Note
	}
	cfg := d.keeper.Running()
	doc := preset.Noted(cfg.Conceal(note), config.Marshal(cfg.Programme()))
	if err := d.presets.Save(name, doc); err != nil {
		return control.Result{}, presetRefused(name, badName(name, err))
	}
	err := d.presets.SetApplied(name)
	d.tellPresets()
	return control.Result{Text: "preset " + name + " is kept"}, err
}

// badName makes a wrong name a wrong argument.
func badName(name string, err error) error {
	if wrong := preset.CheckName(name); wrong != nil {
		return control.Errorf(control.Usage, "%v", wrong)
	}
	return err
}

func (d *box) askRemove(a control.Args) string {
	if p, _ := d.presets.Read(a.Get("name")); p.File == "" || p.Makers {
		return "" // there is nothing to lose
	}
	return fmt.Sprintf("Preset %s is lost, with the stream keys in it. Remove it?", a.Get("name"))
}

func (d *box) removePreset(_ context.Context, call control.Call) (control.Result, error) {
	name := call.Args.Get("name")
	if err := d.presets.Remove(name); err != nil {
		return control.Result{}, presetRefused(name, badName(name, err))
	}
	d.tellPresets()
	return control.Result{Text: "preset " + name + " is removed"}, nil
}

// importedName is the name under which a file is to be kept.
func importedName(a control.Args) string {
	if name := a.Get("name"); name != "" {
		return name
	}
	return presetName(a.Get("file"))
}

func (d *box) importPreset(_ context.Context, call control.Call) (control.Result, error) {
	name := importedName(call.Args)
	if err := preset.CheckName(name); err != nil {
		return control.Result{}, control.Errorf(control.Usage, "%v; say which name it shall have", err)
	}
	file, err := d.presetFile(call.Args.Get("file"))
	if err != nil {
		return control.Result{}, err
	}
	p, err := preset.ReadFile(file)
	if err != nil {
		return control.Result{}, control.Errorf(control.Usage, "%v", err)
	}
	if _, err := programmed(d.keeper.Running(), p); err != nil {
		return control.Result{}, presetRefused(name, err)
	}
	if err := d.presets.Save(name, p.Doc); err != nil {
		return control.Result{}, presetRefused(name, err)
	}
	d.tellPresets()
	return control.Result{Text: "preset " + name + " is kept: apply it to use it"}, nil
}

func (d *box) exportPreset(_ context.Context, call control.Call) (control.Result, error) {
	if !call.Args.On("secrets") {
		return d.showPreset(context.Background(), call)
	}
	name := call.Args.Get("name")
	p, _, err := d.readPreset(name)
	if err != nil {
		return control.Result{}, err
	}
	f, err := d.export("preset-"+name, preset.Extension, func(w io.Writer) error {
		_, err := w.Write(p.Doc)
		return err
	})
	if err != nil {
		return control.Result{}, err
	}
	return control.Result{Text: "exported to " + f.Path, Data: exported{file: f}}, nil
}
