package commit

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/encoderbox/encoderbox/device/config"
)

// sweep removes what power cuts left of writing files of a folder: it holds secrets.
func sweep(disk Disk, folder string, files ...string) error {
	names, err := disk.List(folder)
	if err != nil {
		return fmt.Errorf("config: tidy folder: %w", err)
	}
	for _, name := range names {
		for _, file := range files {
			if !config.HalfWritten(name, file) {
				continue
			}
			if gone := disk.Remove(filepath.Join(folder, name)); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
				err = errors.Join(err, fmt.Errorf("config: tidy folder: %w", gone))
			}
		}
	}
	return err
}

// sweep removes what power cuts left of saving. It is called with changing held.
func (k *Keeper) sweep() error {
	file, err := k.o.Disk.Resolve(k.o.File)
	if err != nil {
		return err
	}
	return errors.Join(sweep(k.o.Disk, filepath.Dir(file), filepath.Base(file)), k.trial.sweep())
}
