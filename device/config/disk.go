package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Disk is what saving needs of a file system. Only what was synced is sure to survive
// a power cut: a file's content by File.Sync, its name by SyncFolder.
type Disk interface {
	// Resolve is the file that a name stands for, which need not exist: behind links.
	Resolve(name string) (string, error)
	ReadFile(name string) ([]byte, error)
	// CreateTemp makes a file that its owner alone can read, named as os.CreateTemp does.
	CreateTemp(dir, pattern string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	SyncFolder(dir string) error
	// KeepOwner gives a file the owner of another, where the daemon may.
	KeepOwner(from, to string)
}

// File is one that is being written.
type File interface {
	io.WriteCloser
	Name() string
	Sync() error
}

// OS is the machine's own file system.
type OS struct{}

var _ Disk = OS{}

// Resolve implements Disk.
func (OS) Resolve(name string) (string, error) {
	target, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		return danglingTarget(name), nil
	}
	return target, err
}

// ReadFile implements Disk.
func (OS) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

// CreateTemp implements Disk.
func (OS) CreateTemp(dir, pattern string) (File, error) { return os.CreateTemp(dir, pattern) }

// Rename implements Disk.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements Disk.
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncFolder implements Disk.
func (OS) SyncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// KeepOwner implements Disk: saved by root, a file stays readable for the user whose
// file it was.
func (OS) KeepOwner(from, to string) {
	info, err := os.Stat(from)
	if err != nil {
		return
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && (int(s.Uid) != os.Geteuid() || int(s.Gid) != os.Getegid()) {
		_ = os.Chown(to, int(s.Uid), int(s.Gid)) // without the right to, it is the daemon's own
	}
}

// danglingTarget is where a file is to be made: behind a link to nothing, too.
func danglingTarget(file string) string {
	link, err := os.Readlink(file)
	switch {
	case err != nil:
		return file
	case filepath.IsAbs(link):
		return link
	}
	return filepath.Join(filepath.Dir(file), link)
}
