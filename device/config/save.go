package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrChanged says that the file on disk is not the configuration that runs:
// someone edited it, and saving would undo that.
var ErrChanged = errors.New("the file was edited since it was loaded: load it (SIGHUP) or undo the edit first")

// PreviousSuffix names the version before, beside the file.
const PreviousSuffix = ".previous"

// Store writes next into the configuration file that old was loaded from,
// keeping what it can of the file's text. kept is false where the comments
// could not be kept. On an error the file is as it was.
func Store(file string, old, next *Config) (kept bool, err error) {
	doc, err := os.ReadFile(file)
	if err != nil {
		return false, fmt.Errorf("config: save: %w", err)
	}
	onDisk, err := Parse(file, doc, Rules{})
	if err != nil || !onDisk.Equal(old) {
		return false, fmt.Errorf("config: save %s: %w", file, ErrChanged)
	}
	out, kept, err := Patch(doc, next)
	if err != nil {
		return false, err
	}
	return kept, Save(file, out)
}

// Save writes a configuration file so that at every moment, also after a power
// cut, the whole old or the whole new version stands under its name, and keeps
// the version before as FILE.previous. A symbolic link stays one: what it
// points to is written. The same content again writes nothing.
func Save(file string, doc []byte) error {
	return saveWith(file, doc, createTemp)
}

// tempFile is what saving needs of a file.
type tempFile interface {
	io.WriteCloser
	Name() string
	Sync() error
}

func createTemp(dir, pattern string) (tempFile, error) {
	return os.CreateTemp(dir, pattern) // mode 0600
}

func saveWith(file string, doc []byte, create func(dir, pattern string) (tempFile, error)) error {
	target, err := filepath.EvalSymlinks(file)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = danglingTarget(file), nil
	}
	if err != nil {
		return saveError(file, err)
	}
	old, err := os.ReadFile(target)
	switch {
	case err == nil && bytes.Equal(old, doc):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return saveError(file, err)
	}
	existed := err == nil
	temp, err := writeTemp(target, doc, create)
	if err != nil {
		return saveError(file, err)
	}
	if existed {
		keepOwner(target, temp)
		if err := keepPrevious(target, old, create); err != nil {
			return saveError(file, errors.Join(err, os.Remove(temp)))
		}
	}
	if err := os.Rename(temp, target); err != nil {
		return saveError(file, errors.Join(err, os.Remove(temp)))
	}
	if err := syncFolder(filepath.Dir(target)); err != nil {
		return fmt.Errorf("config: save %s: it was written, but may not survive a power cut: %w", file, err)
	}
	return nil
}

func saveError(file string, err error) error {
	advice := ""
	switch {
	case errors.Is(err, syscall.ENOSPC):
		advice = "; free some space"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		advice = "; the daemon must be able to write to the file's folder"
	}
	return fmt.Errorf("config: save %s: %w; the file is unchanged%s", file, err, advice)
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

// writeTemp writes a file beside target down to the disk; the caller renames it.
func writeTemp(target string, doc []byte, create func(dir, pattern string) (tempFile, error)) (string, error) {
	f, err := create(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(doc)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// keepPrevious writes the old version beside target, as safely as the new one.
func keepPrevious(target string, old []byte, create func(dir, pattern string) (tempFile, error)) error {
	temp, err := writeTemp(target, old, create)
	if err != nil {
		return fmt.Errorf("keep the previous version: %w", err)
	}
	keepOwner(target, temp)
	if err := os.Rename(temp, target+PreviousSuffix); err != nil {
		return errors.Join(fmt.Errorf("keep the previous version: %w", err), os.Remove(temp))
	}
	return nil
}

// keepOwner gives a file the owner of another, where the daemon may: saved by
// root, it stays readable for the user whose file it was.
func keepOwner(from, to string) {
	info, err := os.Stat(from)
	if err != nil {
		return
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && (int(s.Uid) != os.Geteuid() || int(s.Gid) != os.Getegid()) {
		_ = os.Chown(to, int(s.Uid), int(s.Gid)) // without the right to, it is the daemon's own
	}
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
