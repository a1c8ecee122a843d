package commit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
)

// A configuration is on trial until the daemon has lived with it for TrialTime. One with
// which it ended TrialStarts times in a row before that, but for being told to end, is
// replaced at the next start by the last that has passed. Where the box itself ended, which
// a kernel does that a driver takes down, it takes TrialBoots times: much more often
// somebody who sets it up has pulled the plug, again and again.
const (
	TrialTime   = time.Minute
	TrialStarts = 3
	TrialBoots  = 6
)

// The files of a trial, in the folder of state. There is a note only while there is
// something to go back from, so that ordinary starts write nothing.
const (
	goodFile = "good.toml"  // the last configuration that has passed
	noteFile = "trial.json" // a note
)

// note is of a configuration on trial.
type note struct {
	Sum    string `json:"sha256"` // of the configuration's document
	Boot   string `json:"boot"`   // names the run of the box; "" where the kernel does not
	Starts int    `json:"starts"` // of the daemon with it in this run of the box, a commit included
	Boots  int    `json:"boots"`  // runs of the box with it
}

// bootFile is the kernel's name of this run of the box.
const bootFile = "/proc/sys/kernel/random/boot_id"

// another is the note of one more start with a configuration.
func (n note) another(sum, boot string) note {
	switch {
	case n.Sum != sum:
		return note{Sum: sum, Boot: boot, Starts: 1, Boots: 1}
	case n.Boot != boot:
		n.Boot, n.Starts, n.Boots = boot, 1, n.Boots+1
	default:
		n.Starts++
	}
	return n
}

// ends is how often too often it ended with a configuration before this start; 0: it did not.
func (n note) ends(sum, boot string) int {
	switch {
	case n.Sum != sum:
	case n.Boot == boot && n.Starts >= TrialStarts:
		return n.Starts
	case n.Boot != boot && n.Boots >= TrialBoots:
		return n.Boots
	}
	return 0
}

// Recovery is a configuration that was replaced at the start.
type Recovery struct {
	bad []byte // empty: there was none
	why string // as the end of "the box …"
}

// Recover is to be called at the start, before the configuration of file is followed. It
// counts the start, and replaces a configuration that has not passed its trial; nil says
// that it has not. folder is the Keeper's. Where it fails, the start goes on without.
func Recover(disk Disk, file, folder string, rules config.Rules) (*Recovery, error) {
	doc, err := disk.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("config: trial: %w", err)
	}
	t := &trial{disk: disk, folder: func() (string, error) { return folder, nil }}
	n := t.read(folder)
	ends := n.ends(sumOf(doc), t.boot())
	if ends == 0 {
		return nil, t.begin(doc, n)
	}
	good, err := lastGood(disk, file, folder, doc, rules)
	if good == nil || err != nil {
		return nil, err
	}
	if err := config.SaveOn(disk, file, good); err != nil {
		return nil, fmt.Errorf("config: go back to the last configuration that ran: %w", err)
	}
	why := fmt.Sprintf("went back to the last configuration that ran: with the newer one the box ended %d times in a row within %s of its start", ends, TrialTime)
	return &Recovery{bad: doc, why: why}, t.begin(good, note{})
}

// lastGood is the last document that has passed its trial, other than doc; nil: there is
// none. A configuration that names another folder of state finds none there: then it is
// the one before.
func lastGood(disk Disk, file, folder string, doc []byte, rules config.Rules) ([]byte, error) {
	target, err := disk.Resolve(file)
	if err != nil {
		return nil, fmt.Errorf("config: trial: %w", err)
	}
	for _, name := range []string{filepath.Join(folder, goodFile), target + config.PreviousSuffix} {
		good, err := disk.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("config: trial: %w", err)
		}
		if _, err := config.Parse(name, good, rules); err != nil {
			continue // of another firmware
		}
		if bytes.Equal(good, doc) {
			return nil, nil
		}
		return good, nil
	}
	return nil, nil
}

func sumOf(doc []byte) string {
	h := sha256.Sum256(doc)
	return hex.EncodeToString(h[:])
}

// trial keeps the files. It is safe for concurrent use.
type trial struct {
	disk   Disk
	folder func() (string, error) // nil: nothing is kept

	mu    sync.Mutex // guards the files, and the fields below
	since time.Time  // of the trial that goes on; zero: there is none
	sum   string     // of the document on trial
}

// path is the folder, "" where nothing is kept.
func (t *trial) path() (string, error) {
	if t.folder == nil {
		return "", nil
	}
	return t.folder()
}

// read is the note; one that is missing or damaged says nothing.
func (t *trial) read(folder string) (n note) {
	doc, err := t.disk.ReadFile(filepath.Join(folder, noteFile))
	if err != nil || json.Unmarshal(doc, &n) != nil {
		return note{}
	}
	return n
}

// boot names this run of the box.
func (t *trial) boot() string {
	id, err := t.disk.ReadFile(bootFile)
	if err != nil {
		return "" // as every run of the box then
	}
	return string(bytes.TrimSpace(id))
}

// begin puts a document on trial, unless it has passed. before is the note of the starts
// until now.
func (t *trial) begin(doc []byte, before note) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	folder, err := t.path()
	if folder == "" || err != nil {
		return err
	}
	if good, err := t.disk.ReadFile(filepath.Join(folder, goodFile)); err == nil && bytes.Equal(good, doc) {
		t.since = time.Time{}
		return t.remove(folder, noteFile)
	}
	t.since, t.sum = time.Now(), sumOf(doc)
	text, err := json.Marshal(before.another(t.sum, t.boot()))
	if err == nil {
		err = t.disk.MakeFolder(folder)
	}
	if err == nil {
		err = config.WriteFile(t.disk, filepath.Join(folder, noteFile), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("config: trial: %w", err)
	}
	return nil
}

// follow takes over the trial of a document that Recover has counted.
func (t *trial) follow(doc []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if folder, err := t.path(); err == nil && folder != "" && t.read(folder).Sum == sumOf(doc) {
		t.since, t.sum = time.Now(), sumOf(doc)
	}
}

// left is how long the trial goes on; false where there is none.
func (t *trial) left() (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, TrialTime-time.Since(t.since)), !t.since.IsZero()
}

// pass ends the trial, if its time is over. doc is what the file has: where that is what
// was on trial, it is the one to go back to from now on.
func (t *trial) pass(doc []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since.IsZero() || time.Since(t.since) < TrialTime {
		return nil // somebody committed at the last moment
	}
	t.since = time.Time{}
	if sumOf(doc) != t.sum {
		return errors.New("the file was edited since the box runs from it")
	}
	folder, err := t.path()
	if folder == "" || err != nil {
		return err
	}
	if err := config.WriteFile(t.disk, filepath.Join(folder, goodFile), doc); err != nil {
		return err
	}
	return t.remove(folder, noteFile)
}

// leave ends a trial at the end of the daemon that was asked for: it is no failure.
func (t *trial) leave() error { return t.drop(noteFile) }

// forget removes all that is known.
func (t *trial) forget() error { return errors.Join(t.drop(noteFile, goodFile), t.sweep()) }

// sweep removes what power cuts left half written.
func (t *trial) sweep() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	folder, err := t.path()
	if folder == "" || err != nil {
		return err
	}
	return sweep(t.disk, folder, goodFile, noteFile)
}

func (t *trial) drop(names ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since = time.Time{}
	folder, err := t.path()
	if folder == "" || err != nil {
		return err
	}
	for _, name := range names {
		err = errors.Join(err, t.remove(folder, name))
	}
	return err
}

// remove takes a file away for good, if it is there.
func (t *trial) remove(folder, name string) error {
	err := t.disk.Remove(filepath.Join(folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, t.disk.SyncFolder(folder))
}
