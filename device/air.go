package device

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
)

// air is which streams a person has taken off the air, and who. It survives a
// restart: who has stopped a stream does not want it back after a power cut, and
// what was on the air comes back by itself. The LAN is served and recordings go on
// all the same.
type air struct {
	file string // "" where nothing survives

	saving sync.Mutex // orders sets and what is saved: it is held while the file is written

	mu  sync.Mutex        // guards the field below; under saving where both are held
	off map[string]string // by whom, by stream
}

// airFile is what is saved.
type airFile struct {
	Off map[string]string `json:"off_air"`
}

// openAir reads what was saved. A file that is not whole is as none: the streams are
// on the air, and the error says so.
func openAir(cfg *config.Config) (*air, error) {
	a := &air{off: map[string]string{}}
	dir, err := cfg.StatePath()
	if err != nil {
		return a, err
	}
	a.file = filepath.Join(dir, "air.json")
	doc, err := os.ReadFile(a.file)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	var saved airFile
	if err == nil {
		err = json.Unmarshal(doc, &saved)
	}
	if err != nil {
		return a, fmt.Errorf("which streams were off the air is not known: read %s: %w", a.file, err)
	}
	for name, by := range saved.Off {
		a.off[name] = by
	}
	return a, nil
}

// by is who took a stream off the air, "" where it is on.
func (a *air) by(stream string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.off[stream]
}

// stopped are the streams that are off the air.
func (a *air) stopped() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.off))
}

// set takes a stream off the air, or puts it on where by is "". Names that keep does
// not know are forgotten. follow is called before the next set, where that changes
// something: also when the error says that it will not survive a restart.
func (a *air) set(stream, by string, keep func(string) bool, follow func()) (changed bool, err error) {
	a.saving.Lock()
	defer a.saving.Unlock()
	saved, changed := a.note(stream, by, keep)
	if !changed {
		return false, nil
	}
	follow()
	return true, a.save(saved)
}

// note is set but for what follows from it. It returns what is to be saved.
func (a *air) note(stream, by string, keep func(string) bool) (all map[string]string, changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if was := a.off[stream]; (was == "") == (by == "") {
		return nil, false
	}
	maps.DeleteFunc(a.off, func(name, _ string) bool { return !keep(name) })
	if by == "" {
		delete(a.off, stream)
	} else {
		a.off[stream] = by
	}
	return maps.Clone(a.off), true
}

// save is called with a.saving held: what is on storage is the newest.
func (a *air) save(off map[string]string) error {
	if a.file == "" {
		return errors.New("there is no folder for state: set storage.state to one that the daemon may write to")
	}
	doc, err := json.MarshalIndent(airFile{off}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", a.file, err)
	}
	return config.Save(a.file, append(doc, '\n'))
}

// conditionAir is that the memory of stopped streams could not be read.
const conditionAir = "air.state"

// recallAir takes off the air what was when the daemon ended.
func (d *box) recallAir(cfg *config.Config) {
	a, err := openAir(cfg)
	if err != nil && a.file != "" { // that there is no folder, the flight recorder has told
		d.store.Raise(status.Condition{
			Code: conditionAir, Severity: status.Warning,
			Message: err.Error() + "; streams that were stopped are on the air: stop them again",
		})
	}
	d.air = a
	for name, by := range a.off {
		d.destinations.air(name, offReason(by))
	}
}
