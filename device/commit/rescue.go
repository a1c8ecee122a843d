package commit

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/encoderbox/encoderbox/device/config"
)

// Rescue is for the start of a box that nobody could reach otherwise: it replaces a file
// that is no valid configuration, for cause, by the last that has passed its trial, else
// the version before, else factory. nil says that there was no file, and nothing but
// factory: a box's first start. folder is the Keeper's. Recover is to follow. The error is
// cause where nothing can take the file's place, with why.
func Rescue(disk Disk, file, folder string, factory []byte, rules config.Rules, cause error) (*Recovery, error) {
	bad, err := disk.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, cause
	}
	next, err := lastGood(disk, file, folder, bad, rules)
	if err != nil {
		return nil, errors.Join(cause, err)
	}
	from, first := "an earlier configuration", false
	if next == nil {
		next, from, first = factory, "the factory's configuration", len(bad) == 0
		if _, err := config.Parse(from, factory, rules); err != nil {
			return nil, errors.Join(cause, err)
		}
	}
	if err := config.SaveOn(disk, file, next); err != nil {
		return nil, errors.Join(cause, err)
	}
	if first {
		return nil, nil
	}
	return &Recovery{bad: bad, why: fmt.Sprintf("went back to %s: the file was no valid one: %s", from, firstLine(cause))}, nil
}

// firstLine is the first line of an error that has one for each thing that is wrong.
func firstLine(err error) string {
	first, rest, more := strings.Cut(err.Error(), "\n")
	if more {
		first += fmt.Sprintf(" (and %d more)", 1+strings.Count(rest, "\n"))
	}
	return first
}
