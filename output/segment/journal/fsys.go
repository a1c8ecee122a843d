package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// filesystem is the folder of the reels. It is an interface for the tests'
// sake: faults and power cuts are made there, not waited for.
type filesystem interface {
	// device tells file systems apart; errMissing where the one asked for is not mounted.
	device() (uint64, error)
	// prepare makes the folder.
	prepare() error
	list() ([]listed, error)
	size(name string) (int64, error)
	open(name string) (file, error)   // to read
	create(name string) (file, error) // new, to append; an old one of that name goes
	edit(name string) (file, error)   // to read, append and truncate
	read(name string, limit int64) ([]byte, error)
	rename(from, to string) error
	remove(name string) error
	sync() error           // makes what was created, renamed and removed durable
	free() (uint64, error) // bytes that can be written
}

type listed struct {
	name string
	size int64
}

// file is one open. Write appends.
type file interface {
	io.ReaderAt
	io.Writer
	Close() error
	Truncate(size int64) error
	// datasync makes what was written durable.
	datasync() error
	// forget drops what memory has of the file, so that reads show the medium.
	forget()
}

// errMissing says that the file system asked for is not there.
var errMissing = errors.New("no storage is mounted there")

// folder is the real one.
type folder struct {
	dir          string
	requireMount bool
}

func (d folder) path(name string) string { return filepath.Join(d.dir, name) }

func (d folder) device() (uint64, error) {
	at := filepath.Clean(d.dir)
	for {
		var st unix.Stat_t
		err := unix.Stat(at, &st)
		switch {
		case err == nil && d.requireMount:
			var root unix.Stat_t
			if err := unix.Stat("/", &root); err != nil {
				return 0, fmt.Errorf("stat /: %w", err)
			}
			if root.Dev == st.Dev {
				return 0, errMissing
			}
			return uint64(st.Dev), nil //nolint:unconvert // not 64 bit everywhere
		case err == nil:
			return uint64(st.Dev), nil //nolint:unconvert // not 64 bit everywhere
		case !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at):
			return 0, fmt.Errorf("stat %s: %w", at, err)
		}
		at = filepath.Dir(at)
	}
}

func (d folder) prepare() error {
	if _, err := os.Stat(d.dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(d.dir))
}

func (d folder) list() (out []listed, err error) {
	entries, err := os.ReadDir(d.dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			out = append(out, listed{e.Name(), info.Size()})
		}
	}
	return out, err
}

func (d folder) size(name string) (int64, error) {
	info, err := os.Stat(d.path(name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (d folder) open(name string) (file, error) { return opened(os.Open(d.path(name))) }

func (d folder) create(name string) (file, error) {
	return opened(os.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o644))
}

func (d folder) edit(name string) (file, error) {
	return opened(os.OpenFile(d.path(name), os.O_RDWR|os.O_APPEND, 0))
}

func (d folder) read(name string, limit int64) ([]byte, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

func (d folder) rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }
func (d folder) remove(name string) error     { return os.Remove(d.path(name)) }
func (d folder) sync() error                  { return syncFolder(d.dir) }

func (d folder) free() (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", d.dir, err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// syncFolder makes the names in a folder durable. Some file systems cannot;
// theirs are durable, or not, by themselves.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

type diskFile struct{ *os.File }

func opened(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (f diskFile) datasync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("fdatasync %s: %w", f.Name(), err)
		}
	}
}

func (f diskFile) forget() { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
