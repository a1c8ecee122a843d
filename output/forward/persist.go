package forward

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// How often a cursor may be written: flash wears out by writing. A change
// between being current and being behind is written soon, so that what a
// reboot finds is right about that; otherwise an old cursor costs no more than
// a few questions to the origin, whether it has a file already.
const (
	persistCurrent = time.Minute
	persistBehind  = 10 * time.Second
	persistChange  = time.Second
)

// keeper persists a cursor in a file. It is used from one goroutine at a time.
type keeper struct {
	path    string // empty: nothing is persisted
	written []byte
	current bool
	at      time.Time
	failing bool
}

// newKeeper keeps the cursor of a destination in a folder.
func newKeeper(dir, name string) *keeper {
	if dir == "" {
		return &keeper{}
	}
	return &keeper{path: filepath.Join(dir, fileName(name)+".cursor")}
}

// fileName is name where that is a plain file name, something unique otherwise.
func fileName(name string) string {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return "x" + hex.EncodeToString([]byte(name))
		}
	}
	if name == "" || name[0] == 'x' {
		return "x" + hex.EncodeToString([]byte(name))
	}
	return name
}

// load reads the cursor; nil without an error when there is none.
func (k *keeper) load() (*cursor, error) {
	if k.path == "" {
		return nil, nil
	}
	f, err := os.Open(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("forward: read cursor: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCursor+1))
	if err != nil {
		return nil, fmt.Errorf("forward: read cursor %s: %w", k.path, err)
	}
	c, err := unmarshalCursor(b)
	if err != nil {
		return nil, fmt.Errorf("forward: cursor %s: %w", k.path, err)
	}
	k.written, k.current = b, c.current
	return c, nil
}

// due says whether a cursor has to be written by now.
func (k *keeper) due(c *cursor, now time.Time) bool {
	if k.path == "" {
		return false
	}
	age := now.Sub(k.at)
	switch {
	case k.at.IsZero() || c.current != k.current:
		return age >= persistChange
	case c.current:
		return age >= persistCurrent
	}
	return age >= persistBehind
}

// store writes a marshalled cursor: all of it, or the one before stays.
func (k *keeper) store(b []byte, current bool, now time.Time) error {
	if k.path == "" || bytes.Equal(b, k.written) {
		k.current = current
		return nil
	}
	k.at = now // a disk that fails is not asked more often
	if err := writeAtomic(k.path, b); err != nil {
		return fmt.Errorf("forward: write cursor: %w", err)
	}
	k.written, k.current = b, current
	return nil
}

func writeAtomic(path string, b []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".tmp"))
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
