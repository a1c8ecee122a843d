package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"
)

// storage keeps the files of one stream. It is an interface for the tests'
// sake: a full file system is made there, not waited for.
type storage interface {
	create(name string) (file, error)
	remove(name string) error
	// clear removes every file a segmenter made and the folder if that leaves it empty.
	clear() error
}

// file is one being written. Exactly one of commit and abort ends it.
type file interface {
	// write appends the buffers in order, without copying them.
	write(bufs [][]byte) error
	// commit makes the file appear under its name and returns where.
	commit() (path string, err error)
	abort()
}

// temporary marks a file that is not complete.
const temporary = ".tmp"

// ours are the names a segmenter gives.
var ours = regexp.MustCompile(`^(video|audio)_[0-9a-f]+_[0-9]+\.m4s(\.tmp)?$`)

// folder is storage in a directory, made when it is needed.
type folder string

func (d folder) create(name string) (file, error) {
	path := filepath.Join(string(d), name)
	f, err := openNew(path + temporary)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(string(d), 0o755); err != nil {
			return nil, err
		}
		f, err = openNew(path + temporary)
	}
	if err != nil {
		return nil, err
	}
	return &diskFile{f: f, path: path}, nil
}

func openNew(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
}

func (d folder) remove(name string) error {
	return os.Remove(filepath.Join(string(d), name))
}

func (d folder) clear() error {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if ours.MatchString(e.Name()) {
			errs = append(errs, d.remove(e.Name()))
		}
	}
	if err := os.Remove(string(d)); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EBUSY) {
		errs = append(errs, err) // EBUSY: a mount point, such as a tmpfs of its own
	}
	return errors.Join(errs...)
}

type diskFile struct {
	f    *os.File
	path string
}

// maxBuffers is the kernel's limit of buffers a writev (IOV_MAX).
const maxBuffers = 1024

func (d *diskFile) write(bufs [][]byte) error {
	fd := int(d.f.Fd())
	for len(bufs) > 0 {
		n, err := unix.Writev(fd, bufs[:min(len(bufs), maxBuffers)])
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("write %s: %w", d.path, err)
		}
		bufs = skip(bufs, n)
	}
	return nil
}

// skip drops the first n bytes of bufs. The slice may be changed by it.
func skip(bufs [][]byte, n int) [][]byte {
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	if n > 0 {
		bufs[0] = bufs[0][n:]
	}
	return bufs
}

func (d *diskFile) commit() (string, error) {
	if err := d.f.Close(); err != nil {
		_ = os.Remove(d.path + temporary)
		return "", err
	}
	if err := os.Rename(d.path+temporary, d.path); err != nil {
		_ = os.Remove(d.path + temporary)
		return "", err
	}
	return d.path, nil
}

func (d *diskFile) abort() {
	_ = d.f.Close()
	_ = os.Remove(d.path + temporary)
}
