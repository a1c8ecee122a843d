package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/preset"
	"github.com/encoderbox/encoderbox/device/status"
)

// presets are those that the box keeps.
type presets struct {
	*preset.Store
	telling sync.Mutex // orders what the status is told
}

func (d *box) presetStore() *preset.Store {
	return preset.NewStore(nil, func() (string, error) { return d.keeper.Running().StatePath() }, d.system.presets)
}

// programmed is the configuration with a preset's streams in place of its own.
func programmed(cfg *config.Config, p preset.Preset) (*config.Config, error) {
	return config.ReplaceProgramme(cfg, p.Name+preset.Extension, p.Doc, rules())
}

// tellPresets has the status know the presets, and which of them the box follows. It
// reads their files, and so is not the loop's, but for a reload.
func (d *box) tellPresets() {
	d.presets.telling.Lock()
	defer d.presets.telling.Unlock()
	kept, err := d.presets.List()
	if err != nil {
		d.log.Warn("not all presets could be read", "err", err)
	}
	cfg, last := d.keeper.Running(), d.presets.Applied()
	all, following := make([]status.Preset, 0, len(kept)), -1
	for i, p := range kept {
		shown := status.Preset{Name: plain(p.Name), Makers: p.Makers}
		next, err := (*config.Config)(nil), p.Err
		if err == nil {
			next, err = programmed(cfg, p)
		}
		switch {
		case err != nil:
			shown.Error, _, _ = strings.Cut(err.Error(), "\n")
		case next.SameProgramme(cfg) && (following < 0 || p.Name == last):
			following = i
		}
		if err == nil {
			shown.Note = next.Conceal(p.Note) // people paste keys where names belong
		}
		if p.Name == last {
			shown.State = status.PresetChanged
		}
		all = append(all, shown)
	}
	if following >= 0 {
		for i := range all {
			all[i].State = ""
		}
		all[following].State = status.PresetApplied
	}
	d.store.SetPresets(all)
}

// mediaEvery is how often it is looked whether a medium was put in.
const mediaEvery = 2 * time.Second

// watchMedia has the status know the presets on removable media.
func (d *box) watchMedia(ctx context.Context) {
	tick := time.NewTicker(mediaEvery)
	defer tick.Stop()
	var last []byte
	for {
		mounts, err := os.ReadFile(filepath.Join("/", d.system.root, "proc/mounts"))
		if err == nil && !bytes.Equal(mounts, last) {
			last = mounts
			d.lookAtMedia()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lookAtMedia reads the folders of removable media, and returns the files there.
func (d *box) lookAtMedia() []string {
	files, err := preset.OnMedia(d.system.root)
	if err != nil {
		d.log.Warn("removable media are not looked at", "err", err)
	}
	names := []string{}
	for _, file := range files {
		if name := presetName(file); preset.CheckName(name) == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	d.store.SetMediaPresets(names)
	return files
}

// presetName is the name that a file's gives a preset.
func presetName(file string) string {
	return strings.TrimSuffix(filepath.Base(file), preset.Extension)
}

// presetFile is the file that is to be imported: a whole path, or the name of one on a
// removable medium.
func (d *box) presetFile(file string) (string, error) {
	if filepath.IsAbs(file) {
		return file, nil
	}
	if !strings.Contains(file, "/") {
		for _, found := range d.lookAtMedia() {
			if presetName(found) == presetName(file) {
				return found, nil
			}
		}
	}
	return "", control.Errorf(control.NotFound,
		"there is no preset %.60q on a USB stick: put %.60s%s into its folder %s, or give a file's whole path",
		file, presetName(file), preset.Extension, preset.MediaFolder)
}

// broadcasting are the streams that are on the air: what they send to is enabled, and
// nobody has stopped them.
func (d *box) broadcasting() (names []string) {
	for name := range d.keeper.Running().Streams {
		if d.air.by(name) == "" && sends(d.keeper.Running().Streams[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// sends says that a stream has a destination that is enabled.
func sends(sc config.Stream) bool {
	for _, dest := range sc.Destinations {
		if dest.Enabled {
			return true
		}
	}
	return false
}

// holdBack takes the streams of a configuration to come off the air that would send at
// once, so that nobody is on the air who did not say so. undo takes that back. note says
// what does not survive a restart.
func (d *box) holdBack(next *config.Config, why string) (undo func(), note string) {
	known := func(name string) bool {
		_, is := next.Streams[name]
		_, was := d.keeper.Running().Streams[name]
		return is || was
	}
	set := func(name, why string) {
		_, err := d.air.set(name, why, known, func() {
			d.destinations.air(name, offReason(why))
			if _, runs := d.keeper.Running().Streams[name]; runs { // else it comes to the status when it does
				d.store.Stream(name).SetOffAir(why)
			}
		})
		if err != nil && why != "" {
			d.log.Error("that a stream waits for its start does not survive a restart", "stream", name, "err", err)
			note = fmt.Sprintf("; that it is off the air will not survive a restart: %v", err)
		}
	}
	var held []string
	for _, name := range next.StreamNames() {
		if sends(next.Streams[name]) && d.air.by(name) == "" {
			held = append(held, name)
			set(name, why)
		}
	}
	return func() {
		for _, name := range held {
			set(name, "")
		}
	}, note
}

// presetRefused makes an error about a preset one of a command.
func presetRefused(name string, err error) error {
	var invalid config.Errors
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid):
		e := control.Errorf(control.Usage, "preset %s is not valid on this box; nothing was changed", name)
		for _, p := range invalid {
			e.Problems = append(e.Problems, p.Error())
		}
		return e
	case errors.Is(err, preset.ErrNotFound):
		return &control.Error{Code: control.NotFound, Message: err.Error(), Hint: "preset list"}
	case errors.Is(err, preset.ErrMakers), errors.Is(err, preset.ErrFull):
		return control.Errorf(control.Conflict, "%v", err)
	}
	return refused(err)
}
