package preset

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"

	"github.com/encoderbox/encoderbox/device/config"
)

// crashDisk is a file system in memory whose power is cut at a step: each operation that
// changes something is one, as are the two halves of a write. It is for one goroutine.
type crashDisk struct {
	files map[string]*memFile
	names map[string]*memFile // what is on the disk for good: names as of the last SyncFolder
	left  int                 // steps until the power is cut; below 0: never
	off   bool
	made  int
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

// after is the disk when the power is back: what was not synced is lost, but for names
// that went to the disk by themselves, when lucky.
func (d *crashDisk) after(lucky bool) *crashDisk {
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
	f := d.files[name]
	if f == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return append([]byte{}, f.data...), nil
}

func (d *crashDisk) List(dir string) (names []string, err error) {
	for name := range d.files {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	return names, nil
}

func (d *crashDisk) CreateTemp(dir, pattern string) (config.File, error) {
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
	if err := d.step("rename", from); err != nil {
		return err
	}
	d.files[to] = d.files[from]
	delete(d.files, from)
	return nil
}

func (d *crashDisk) Remove(name string) error {
	if err := d.step("remove", name); err != nil {
		return err
	}
	delete(d.files, name)
	return nil
}

func (d *crashDisk) SyncFolder(dir string) error {
	if err := d.step("sync", dir); err != nil {
		return err
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
	for _, half := range [][]byte{b[:len(b)/2], b[len(b)/2:]} {
		if err := f.disk.step("write", f.name); err != nil {
			return 0, err
		}
		f.data = append(f.data, half...)
	}
	return len(b), nil
}

func (f *memFile) Sync() error {
	if err := f.disk.step("sync", f.name); err != nil {
		return err
	}
	f.synced = append([]byte{}, f.data...)
	return nil
}

var _ Disk = (*crashDisk)(nil)
