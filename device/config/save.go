package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
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
	return StoreOn(OS{}, file, old, next)
}

// StoreOn is Store on another disk.
func StoreOn(disk Disk, file string, old, next *Config) (kept bool, err error) {
	doc, err := disk.ReadFile(file)
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
	return kept, SaveOn(disk, file, out)
}

// Save writes a configuration file so that at every moment, also after a power
// cut, the whole old or the whole new version stands under its name, and keeps
// the version before as FILE.previous. A symbolic link stays one: what it
// points to is written. The same content again writes nothing.
func Save(file string, doc []byte) error { return SaveOn(OS{}, file, doc) }

// SaveOn is Save on another disk.
func SaveOn(disk Disk, file string, doc []byte) error {
	target, err := disk.Resolve(file)
	if err != nil {
		return saveError(file, err)
	}
	old, err := disk.ReadFile(target)
	switch {
	case err == nil && bytes.Equal(old, doc):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return saveError(file, err)
	}
	existed := err == nil
	temp, err := writeTemp(disk, target, doc)
	if err != nil {
		return saveError(file, err)
	}
	if existed {
		disk.KeepOwner(target, temp)
		if err := keepPrevious(disk, target, old); err != nil {
			return saveError(file, errors.Join(err, disk.Remove(temp)))
		}
	}
	if err := disk.Rename(temp, target); err != nil {
		return saveError(file, errors.Join(err, disk.Remove(temp)))
	}
	return syncFolder(disk, file, target)
}

// WriteFile writes a file that its owner alone can read, as safely as Save does, but
// keeps no version before it.
func WriteFile(disk Disk, file string, doc []byte) error {
	temp, err := writeTemp(disk, file, doc)
	if err != nil {
		return saveError(file, err)
	}
	if err := disk.Rename(temp, file); err != nil {
		return saveError(file, errors.Join(err, disk.Remove(temp)))
	}
	return syncFolder(disk, file, file)
}

func syncFolder(disk Disk, file, target string) error {
	if err := disk.SyncFolder(filepath.Dir(target)); err != nil {
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

// writeTemp writes a file beside target down to the disk; the caller renames it.
func writeTemp(disk Disk, target string, doc []byte) (string, error) {
	f, err := disk.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(doc)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, disk.Remove(f.Name()))
	}
	return f.Name(), nil
}

// HalfWritten says whether name, in a file's folder, is what a power cut left of writing
// that file.
func HalfWritten(name, file string) bool {
	random, ok := strings.CutPrefix(name, "."+filepath.Base(file)+".")
	return ok && random != "" && strings.Trim(random, "0123456789") == ""
}

// keepPrevious writes the old version beside target, as safely as the new one.
func keepPrevious(disk Disk, target string, old []byte) error {
	temp, err := writeTemp(disk, target, old)
	if err != nil {
		return fmt.Errorf("keep the previous version: %w", err)
	}
	disk.KeepOwner(target, temp)
	if err := disk.Rename(temp, target+PreviousSuffix); err != nil {
		return errors.Join(fmt.Errorf("keep the previous version: %w", err), disk.Remove(temp))
	}
	return nil
}
