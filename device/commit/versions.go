package commit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/encoderbox/encoderbox/device/config"
)

// Disk is what a Keeper needs of a file system.
type Disk interface {
	config.Disk
	// List are the names in a folder, in any order; none where there is no folder.
	List(dir string) ([]string, error)
	// MakeFolder makes a folder that its owner alone can read, if it is not there.
	MakeFolder(dir string) error
}

// OS is the machine's own file system.
type OS struct{ config.OS }

var _ Disk = OS{}

// List implements Disk.
func (OS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// MakeFolder implements Disk.
func (OS) MakeFolder(dir string) error { return os.MkdirAll(dir, 0o700) }

// KeptVersions are how many versions are kept before the present one.
const KeptVersions = 10

// FactoryVersion is the name of the version that a box comes with.
const FactoryVersion = "factory"

// Version is a configuration that was saved.
type Version struct {
	N       int       `json:"n"`    // for rollback: 0 is startup, 1 the one before
	Time    time.Time `json:"time"` // by the box's clock then
	By      string    `json:"by"`
	Comment string    `json:"comment"` // one line
}

// Versions are those that were kept, the newest first, and a line for each that is
// damaged and left out.
func (k *Keeper) Versions() (all []Version, damaged []string, err error) {
	entries, damaged, err := k.versions.list()
	all = []Version{}
	for i, e := range entries {
		e.N = i
		all = append(all, e.Version)
	}
	return all, damaged, err
}

// version reads one that was kept, or the factory's.
func (k *Keeper) version(which string) (*config.Config, error) {
	doc := []byte(k.o.Factory)
	if which != FactoryVersion {
		entries, _, err := k.versions.list()
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(which)
		if err != nil || n < 0 || n >= len(entries) {
			return nil, fmt.Errorf("config: version %.20q: %w: expected %s", which, ErrNoVersion, expectedVersions(len(entries)))
		}
		doc = entries[n].doc
	}
	cfg, err := config.Parse("version "+which, doc, k.o.Rules)
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

// Forget removes all versions but startup, the file beside it that holds the one
// before, and the last one that has passed its trial: for a box that goes to other people.
func (k *Keeper) Forget() error {
	k.changing.Lock()
	defer k.changing.Unlock()
	if err := errors.Join(k.forgetPrevious(), k.versions.forget(), k.trial.forget(), k.sweep()); err != nil {
		return fmt.Errorf("config: forget versions: %w", err)
	}
	k.keepFile(&Done{}, "unknown", "where the box starts from")
	return nil
}

// ForgetFolder removes what Keepers have kept in a folder of state.
func ForgetFolder(disk Disk, folder string) error {
	is := func() (string, error) { return folder, nil }
	v, t := &versions{disk: disk, folder: is}, &trial{disk: disk, folder: is}
	if err := errors.Join(v.forget(), t.forget()); err != nil {
		return fmt.Errorf("config: forget versions: %w", err)
	}
	return nil
}

// forgetPrevious removes the version before, which is beside what the file's name stands for.
func (k *Keeper) forgetPrevious() error {
	file, err := k.o.Disk.Resolve(k.o.File)
	if err != nil {
		return err
	}
	err = k.o.Disk.Remove(file + config.PreviousSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, k.o.Disk.SyncFolder(filepath.Dir(file)))
}

func expectedVersions(n int) string {
	switch n {
	case 0, 1:
		return FactoryVersion + "; none before the present one was kept yet"
	case 2:
		return "1 or " + FactoryVersion
	}
	return fmt.Sprintf("1 to %d or %s", n-1, FactoryVersion)
}

// versions is the folder of them: a file each, numbered as they came, since a box may
// have no clock. They hold secrets.
type versions struct {
	disk   Disk
	folder func() (string, error) // nil: none are kept
	count  atomic.Int32           // how many were listed last

	mu     sync.Mutex // guards the fields below
	dir    string     // folder's answer
	newest []byte     // what was kept last; nil: not known
}

// entry is a file of the folder.
type entry struct {
	Version
	doc []byte
}

// Whoever reads such a file by hand can use it as a configuration: what is known of it
// stands in comments.
const (
	headLine    = "# encoderbox configuration, kept by encoderd"
	timeLine    = "# time: "
	byLine      = "# by: "
	commentLine = "# comment: "
	sumLine     = "# sha256: " // of the lines above and the document
)

var entryName = regexp.MustCompile(`^[0-9]{6,18}\.toml$`)

// path is the folder, "" where none are kept. It stays the one that it was at first: a
// change of the configuration must not hide the versions that it can be undone with.
func (v *versions) path() (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.folder == nil || v.dir != "" {
		return v.dir, nil
	}
	dir, err := v.folder()
	if err != nil {
		return "", fmt.Errorf("config: versions: %w", err)
	}
	v.dir = filepath.Join(dir, "versions")
	return v.dir, nil
}

// list are the entries, the newest first.
func (v *versions) list() (all []entry, damaged []string, err error) {
	dir, err := v.path()
	if dir == "" || err != nil {
		return nil, nil, err
	}
	names, err := v.names(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Backward(names) {
		text, err := v.disk.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // too old meanwhile
		}
		e, ok := readEntry(text)
		if err != nil || !ok {
			damaged = append(damaged, filepath.Join(dir, name)+" is damaged and left out")
			continue
		}
		all = append(all, e)
	}
	v.count.Store(int32(len(all)))
	return all, damaged, nil
}

// names are the files of versions, the oldest first.
func (v *versions) names(dir string) ([]string, error) {
	names, err := v.disk.List(dir)
	if err != nil {
		return nil, fmt.Errorf("config: versions: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !entryName.MatchString(name) })
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return names, nil
}

func number(name string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimSuffix(name, ".toml"), 10, 64) // the name's pattern fits
	return n
}

// keep writes a version, unless the newest is the same, and removes those that are too
// old.
func (v *versions) keep(doc []byte, by, comment string) error {
	dir, err := v.path()
	if dir == "" || err != nil || v.isNewest(doc) {
		return err
	}
	entries, _, err := v.list()
	if err != nil {
		return err
	}
	if len(entries) > 0 && bytes.Equal(entries[0].doc, doc) {
		v.setNewest(doc)
		return nil
	}
	if err := v.disk.MakeFolder(dir); err != nil {
		return fmt.Errorf("config: versions: %w", err)
	}
	names, err := v.names(dir)
	if err != nil {
		return err
	}
	next := uint64(1)
	if len(names) == 0 {
		err = v.disk.SyncFolder(filepath.Dir(dir)) // the folder may be new
	} else {
		next = number(names[len(names)-1]) + 1 // also behind a damaged one
	}
	if err != nil {
		return fmt.Errorf("config: versions: %w", err)
	}
	text := writeEntry(entry{Version: Version{Time: time.Now(), By: by, Comment: comment}, doc: doc})
	if err := config.WriteFile(v.disk, filepath.Join(dir, fmt.Sprintf("%06d.toml", next)), text); err != nil {
		return err
	}
	v.setNewest(doc)
	v.count.Store(int32(min(len(entries), KeptVersions) + 1))
	return v.prune(dir)
}

func (v *versions) isNewest(doc []byte) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.newest != nil && bytes.Equal(v.newest, doc)
}

func (v *versions) setNewest(doc []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.newest = doc
}

// forget removes all versions.
func (v *versions) forget() error {
	dir, err := v.path()
	if dir == "" || err != nil {
		return err
	}
	v.setNewest(nil)
	names, err := v.disk.List(dir)
	for _, name := range names {
		if gone := v.disk.Remove(filepath.Join(dir, name)); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	if err == nil && len(names) > 0 {
		err = v.disk.SyncFolder(dir)
	}
	v.count.Store(0)
	return err
}

// prune removes the versions that are too old, and what a power cut left half written.
func (v *versions) prune(dir string) error {
	all, err := v.disk.List(dir)
	if err != nil {
		return fmt.Errorf("config: versions: %w", err)
	}
	var old []string
	for _, name := range all {
		if strings.HasPrefix(name, ".") {
			old = append(old, name)
		}
	}
	names, err := v.names(dir)
	if err != nil {
		return err
	}
	if n := len(names) - KeptVersions - 1; n > 0 {
		old = append(old, names[:n]...)
	}
	for _, name := range old {
		if err := v.disk.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("config: versions: %w", err)
		}
	}
	return nil
}

func writeEntry(e entry) []byte {
	head := headLine + "\n" + timeLine + e.Time.UTC().Format(time.RFC3339) + "\n" +
		byLine + oneLine(e.By) + "\n" + commentLine + oneLine(e.Comment) + "\n"
	return []byte(head + sumLine + sum(head, e.doc) + "\n" + string(e.doc))
}

func sum(head string, doc []byte) string {
	h := sha256.Sum256(append([]byte(head), doc...))
	return hex.EncodeToString(h[:])
}

// readEntry reads a version; false where it is damaged.
func readEntry(text []byte) (e entry, ok bool) {
	lines := strings.SplitAfterN(string(text), "\n", 6)
	if len(lines) != 6 || lines[0] != headLine+"\n" {
		return e, false
	}
	fields := make([]string, 4)
	for i, prefix := range []string{timeLine, byLine, commentLine, sumLine} {
		if fields[i], ok = strings.CutPrefix(strings.TrimSuffix(lines[i+1], "\n"), prefix); !ok {
			return e, false
		}
	}
	e.doc = []byte(lines[5])
	at, err := time.Parse(time.RFC3339, fields[0])
	if err != nil || fields[3] != sum(strings.Join(lines[:4], ""), e.doc) {
		return e, false
	}
	e.Time, e.By, e.Comment = at, fields[1], fields[2]
	return e, true
}

// oneLine makes a text short and whole.
func oneLine(text string) string {
	const most = 200
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strings.TrimSpace(text)
}
