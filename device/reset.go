package device

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/encoderbox/encoderbox/device/commit"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/preset"
	"github.com/encoderbox/encoderbox/device/status"
)

// resetSuffix names the file beside the configuration that says that a factory reset is
// under way. It is written before anything is changed, and removed behind all else: a
// start that finds it ends the reset, since a box that goes to other people must not
// keep a stream key because somebody pulled the plug.
const resetSuffix = ".reset"

// conditionReset is that something of the old settings is left after a factory reset.
const conditionReset = "system.reset"

// reset is a factory reset under way, with where the old configuration had its secrets.
type reset struct {
	Exports string `json:"exports,omitempty"`
	State   string `json:"state,omitempty"`
}

// factoryDocument is the configuration that a box comes with.
func factoryDocument(file string) ([]byte, error) {
	doc, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return []byte(factoryDefault), nil
	}
	return doc, err
}

// resetOf is the reset of what runs.
func (d *box) resetOf() (r reset) {
	// Where there is no such folder, nothing is in it.
	r.Exports, _ = d.exportsFolder()
	r.State, _ = d.keeper.Running().StatePath()
	return r
}

// resetFile is the file of a reset of a configuration.
func resetFile(configFile string) (string, error) {
	target, err := config.OS{}.Resolve(configFile)
	return target + resetSuffix, err
}

// intend writes down that the reset begins.
func (r reset) intend(configFile string) error {
	file, err := resetFile(configFile)
	if err != nil {
		return err
	}
	doc, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return config.WriteFile(config.OS{}, file, append(doc, '\n'))
}

// endReset says that the reset is over.
func endReset(configFile string) error {
	file, err := resetFile(configFile)
	if err != nil {
		return err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("end the reset: %w", err)
	}
	return config.OS{}.SyncFolder(filepath.Dir(file))
}

// forget removes what the old configuration had elsewhere.
func (r reset) forget() (err error) {
	if r.Exports != "" {
		err = os.RemoveAll(r.Exports)
	}
	if r.State != "" {
		kept := preset.NewStore(nil, func() (string, error) { return r.State, nil }, "")
		err = errors.Join(err, commit.ForgetFolder(commit.OS{}, r.State), kept.Forget())
	}
	return err
}

// resumeReset puts the factory's configuration in place where a reset did not come to
// its end; nil: there was none. finishReset is to follow.
func resumeReset(configFile, factory string) (*reset, error) {
	file, err := resetFile(configFile)
	if err != nil {
		return nil, fmt.Errorf("factory reset: %w", err)
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	r := &reset{}
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	var doc []byte
	if err == nil {
		doc, err = factoryDocument(factory)
	}
	if err == nil { // with one that is none the box would not come up again
		_, err = config.Parse(factory, doc, rules())
	}
	if err == nil {
		err = config.Save(configFile, doc)
	}
	if err != nil {
		return nil, fmt.Errorf("factory reset: resume: %w", err)
	}
	return r, nil
}

// endInterruptedReset finishes the reset that load has resumed.
func (d *box) endInterruptedReset() {
	err := d.opts.unreset
	if r := d.opts.resetting; r != nil {
		err = d.finishReset(*r)
	} else if err == nil {
		return
	}
	e := status.Event{Severity: status.Warning, Subject: "configuration", Message: "a factory reset that was interrupted is done"}
	if err != nil {
		e.Severity, e.Message = status.Error, fmt.Sprintf("a factory reset was interrupted, and something of the old settings is left: %v; the next start tries again", err)
		d.store.Raise(status.Condition{Code: conditionReset, Severity: e.Severity, Message: e.Message})
	}
	d.store.Log(e)
	d.log.Warn("factory reset", "result", e.Message)
}
