package commit

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/encoderbox/encoderbox/device/config"
)

// crashDisk is a file system in memory whose power is cut at a step. Each operation
// that changes something is a step, as are the two halves of a write.
type crashDisk struct {
	mu    sync.Mutex // guards the fields below
	files map[string]*memFile
	names map[string]*memFile // what is on the disk for good: names as of the last SyncFolder
	left  int                 // steps until the power is cut; below 0: never
	off   bool
	made  int
	fail  error // of every SyncFolder, while it is not nil
}

type memFile struct {
	disk         *crashDisk
	name         string
	data, synced []byte
}

func newDisk(files map[string]string) *crashDisk {
	d := &crashDisk{files: map[string]*memFile{}, left: -1}
	for name, text := range files {
		d.files[name] = &memFile{disk: d, name: name, data: []byte(text), synced: []byte(text)}
	}
	d.names = maps.Clone(d.files)
	return d
}

// step is one that the power may be cut at; the lock is held.
func (d *crashDisk) step(op, name string) error {
	if d.left == 0 {
		d.off = true
	}
	d.left--
	if d.off {
		return &fs.PathError{Op: op, Path: name, Err: fmt.Errorf("the power is off")}
	}
	return nil
}

// after is the disk when the power is back. What was not synced is lost, except the
// names that went to the disk by themselves, when lucky.
func (d *crashDisk) after(lucky bool) *crashDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := d.names
	if lucky {
		names = d.files
	}
	files := map[string]string{}
	for name, f := range names {
		files[name] = string(f.synced)
	}
	return newDisk(files)
}

func (d *crashDisk) Resolve(name string) (string, error) { return name, nil }
func (d *crashDisk) KeepOwner(string, string)            {}
func (d *crashDisk) MakeFolder(string) error             { return nil }

func (d *crashDisk) ReadFile(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	if f == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return append([]byte{}, f.data...), nil
}

func (d *crashDisk) List(dir string) (names []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.files {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	return names, nil
}

func (d *crashDisk) CreateTemp(dir, pattern string) (config.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made++
	name := filepath.Join(dir, strings.Replace(pattern, "*", fmt.Sprint(d.made), 1))
	if err := d.step("create", name); err != nil {
		return nil, err
	}
	f := &memFile{disk: d, name: name}
	d.files[name] = f
	return f, nil
}

func (d *crashDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("rename", from); err != nil {
		return err
	}
	if d.files[from] == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	d.files[to] = d.files[from]
	delete(d.files, from)
	return nil
}

func (d *crashDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("remove", name); err != nil {
		return err
	}
	delete(d.files, name)
	return nil
}

func (d *crashDisk) SyncFolder(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("sync", dir); err != nil {
		return err
	}
	if d.fail != nil {
		return d.fail
	}
	maps.DeleteFunc(d.names, func(name string, _ *memFile) bool { return filepath.Dir(name) == dir })
	for name, f := range d.files {
		if filepath.Dir(name) == dir {
			d.names[name] = f
		}
	}
	return nil
}

func (f *memFile) Name() string { return f.name }
func (f *memFile) Close() error { return nil }

func (f *memFile) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	for _, half := range [][]byte{b[:len(b)/2], b[len(b)/2:]} {
		if err := f.disk.step("write", f.name); err != nil {
			return 0, err
		}
		f.data = append(f.data, half...)
	}
	return len(b), nil
}

func (f *memFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step("sync", f.name); err != nil {
		return err
	}
	f.synced = append([]byte{}, f.data...)
	return nil
}

var _ Disk = (*crashDisk)(nil)

const (
	startupFile = "/box/encoderd.toml"
	startupDoc  = `# The box in hall 2.
[streams.main]
video.bitrate = "3M" # the line has 5

[streams.main.destinations.youtube]
url = "rtmp://a.example/live2/geheim-geheim"
`
)

// stand is a Keeper of startupDoc.
func stand(t *testing.T, d *crashDisk, apply func(*config.Config) error) *Keeper {
	t.Helper()
	doc, err := d.ReadFile(startupFile)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse(startupFile, doc, config.Rules{})
	if err != nil {
		t.Fatalf("the box does not come up: %v\n%s", err, doc)
	}
	return New(cfg, options(d, apply))
}

func newStand(t *testing.T) (*Keeper, *crashDisk) {
	t.Helper()
	d := newDisk(map[string]string{startupFile: startupDoc})
	return stand(t, d, nil), d
}

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
