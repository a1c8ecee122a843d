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
// sake: a full file system, or a process killed at any moment, is made there,
// not waited for.
type storage interface {
	create(name string) (file, error)
	remove(name string) error
	// list has the sizes of the files a segmenter made, unfinished ones included.
	list() (map[string]int64, error)
	// salvage completes a file that was left unfinished: its first size bytes
	// appear under its name. A finished file is cut to them.
	salvage(name string, size int64) (Content, error)
	// readIndex is nil if there is none.
	readIndex() ([]byte, error)
	appendIndex([]byte) error
	// replaceIndex leaves the old one or the new one, whatever happens.
	replaceIndex([]byte) error
	// clear removes every file a segmenter made and the folder if that leaves it empty.
	clear() error
}

// file is one being written. Exactly one of commit and abort ends it.
type file interface {
	// write appends the buffers in order, without copying them.
	write(bufs [][]byte) error
	// content is the first n bytes written, readable at once.
	content(n int64) Content
	// commit makes the file appear under its name.
	commit() (Content, error)
	abort()
}

// temporary marks a file that is not complete.
const temporary = ".tmp"

// indexName is the file that says what the others are.
const indexName = "segments.index"

// ours are the names a segmenter gives to segments.
var ours = regexp.MustCompile(`^(video|audio)_[0-9a-f]+_([0-9]+)\.m4s(\.tmp)?$`)

// folder is storage in a directory, made when it is needed.
type folder string

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

func (d folder) create(name string) (file, error) {
	f, err := d.open(name+temporary, os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	return &diskFile{f: f, path: d.path(name)}, nil
}

// open makes the folder if it is not there.
func (d folder) open(name string, flags int) (*os.File, error) {
	flags |= os.O_WRONLY | os.O_CREATE
	f, err := os.OpenFile(d.path(name), flags, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(string(d), 0o755); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(d.path(name), flags, 0o644)
	}
	return f, err
}

func (d folder) remove(name string) error { return os.Remove(d.path(name)) }

func (d folder) list() (map[string]int64, error) {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	files := map[string]int64{}
	for _, e := range entries {
		if !ours.MatchString(e.Name()) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files[e.Name()] = info.Size()
		}
	}
	return files, err
}

func (d folder) salvage(name string, size int64) (Content, error) {
	at := d.path(name)
	info, err := os.Stat(at)
	switch {
	case err == nil && info.Size() > size:
		err = os.Truncate(at, size)
	case errors.Is(err, fs.ErrNotExist):
		if err = os.Truncate(at+temporary, size); err == nil {
			err = os.Rename(at+temporary, at)
		}
	}
	return path(at), err
}

func (d folder) readIndex() ([]byte, error) {
	b, err := os.ReadFile(d.path(indexName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (d folder) appendIndex(b []byte) error {
	f, err := d.open(indexName, os.O_APPEND)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

func (d folder) replaceIndex(b []byte) error {
	f, err := d.open(indexName+temporary, os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), d.path(indexName))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func (d folder) clear() error {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if n := e.Name(); ours.MatchString(n) || n == indexName || n == indexName+temporary {
			errs = append(errs, d.remove(n))
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

func (d *diskFile) content(n int64) Content { return part{d.path, n} }

func (d *diskFile) commit() (Content, error) {
	if err := d.f.Close(); err != nil {
		_ = os.Remove(d.path + temporary)
		return nil, err
	}
	if err := os.Rename(d.path+temporary, d.path); err != nil {
		_ = os.Remove(d.path + temporary)
		return nil, err
	}
	return path(d.path), nil
}

func (d *diskFile) abort() {
	_ = d.f.Close()
	_ = os.Remove(d.path + temporary)
}
