// Package configtest has a disk for tests of what must survive a power cut.
package configtest

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"sync"

	"github.com/encoderbox/encoderbox/device/config"
)

var _ config.Disk = (*Disk)(nil)

// Disk is a file system in memory whose power is cut at a step. Each operation that
// changes something is a step, as are the two halves of a write. It is safe for
// concurrent use; its fields are for while nothing uses it.
type Disk struct {
	mu    sync.Mutex // guards the fields below
	Files map[string]*File
	Left  int              // steps until the power is cut; below 0: never
	Off   bool             // it is cut
	Fail  error            // of every SyncFolder, while it is not nil
	Made  int              // files made by CreateTemp so far
	names map[string]*File // what is on the disk for good: names as of the last SyncFolder
}

// File is one of a Disk.
type File struct {
	Data []byte

	disk   *Disk
	name   string
	synced []byte
}

// NewDisk has files, all of them there for good.
func NewDisk(files map[string]string) *Disk {
	d := &Disk{Files: map[string]*File{}, Left: -1}
	for name, text := range files {
		d.Files[name] = &File{disk: d, name: name, Data: []byte(text), synced: []byte(text)}
	}
	d.names = maps.Clone(d.Files)
	return d
}

// Put writes a file that is not there for good, whatever the power does.
func (d *Disk) Put(name, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Files[name] = &File{disk: d, name: name, Data: []byte(text)}
}

// step is one that the power may be cut at; the lock is held.
func (d *Disk) step(op, name string) error {
	if d.Left == 0 {
		d.Off = true
	}
	d.Left--
	if d.Off {
		return &fs.PathError{Op: op, Path: name, Err: fmt.Errorf("the power is off")}
	}
	return nil
}

// After is the disk when the power is back. What was not synced is lost, except the
// names that went to the disk by themselves, when lucky.
func (d *Disk) After(lucky bool) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := d.names
	if lucky {
		names = d.Files
	}
	files := map[string]string{}
	for name, f := range names {
		files[name] = string(f.synced)
	}
	return NewDisk(files)
}

// Resolve implements config.Disk.
func (d *Disk) Resolve(name string) (string, error) { return name, nil }

// KeepOwner implements config.Disk.
func (d *Disk) KeepOwner(string, string) {}

// MakeFolder does nothing: every folder is there.
func (d *Disk) MakeFolder(string) error { return nil }

// ReadFile implements config.Disk.
func (d *Disk) ReadFile(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.Files[name]
	if f == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return append([]byte{}, f.Data...), nil
}

// List is the names in a folder.
func (d *Disk) List(dir string) (names []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.Files {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	return names, nil
}

// CreateTemp implements config.Disk.
func (d *Disk) CreateTemp(dir, pattern string) (config.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Made++
	name := filepath.Join(dir, strings.Replace(pattern, "*", fmt.Sprint(d.Made), 1))
	if err := d.step("create", name); err != nil {
		return nil, err
	}
	f := &File{disk: d, name: name}
	d.Files[name] = f
	return f, nil
}

// Rename implements config.Disk.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("rename", from); err != nil {
		return err
	}
	if d.Files[from] == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	d.Files[to] = d.Files[from]
	delete(d.Files, from)
	return nil
}

// Remove implements config.Disk.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("remove", name); err != nil {
		return err
	}
	delete(d.Files, name)
	return nil
}

// SyncFolder implements config.Disk.
func (d *Disk) SyncFolder(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("sync", dir); err != nil {
		return err
	}
	if d.Fail != nil {
		return d.Fail
	}
	maps.DeleteFunc(d.names, func(name string, _ *File) bool { return filepath.Dir(name) == dir })
	for name, f := range d.Files {
		if filepath.Dir(name) == dir {
			d.names[name] = f
		}
	}
	return nil
}

// Name implements config.File.
func (f *File) Name() string { return f.name }

// Close implements config.File.
func (f *File) Close() error { return nil }

// Write implements config.File.
func (f *File) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	for _, half := range [][]byte{b[:len(b)/2], b[len(b)/2:]} {
		if err := f.disk.step("write", f.name); err != nil {
			return 0, err
		}
		f.Data = append(f.Data, half...)
	}
	return len(b), nil
}

// Sync implements config.File.
func (f *File) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step("sync", f.name); err != nil {
		return err
	}
	f.synced = append([]byte{}, f.Data...)
	return nil
}
