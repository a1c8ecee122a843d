package footage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// recipe says how the files of a clip are made. Its hash names the folder that
// they are kept in: a changed recipe makes a new one.
type recipe struct {
	name   string
	inputs []string   // files it is made from; their size and time are in the hash
	steps  [][]string // commands, run in the clip's new folder, in order
	after  func(dir string) error
	afterV string // changes when after does
}

// make returns the folder with the recipe's files, made when it is not there.
func (r recipe) make(ctx context.Context) (string, error) {
	root, err := cacheRoot()
	if err != nil {
		return "", err
	}
	key, err := r.key()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, r.name+"-"+key)
	if exists(dir) {
		return dir, nil
	}
	// Test packages run side by side: the first makes it, the others wait.
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(dir) {
		return dir, nil
	}
	if err := r.build(ctx, root, dir); err != nil {
		return "", fmt.Errorf("footage: make %s: %w", r.name, err)
	}
	return dir, nil
}

// build makes the files in a folder beside and renames it, so that dir is
// either absent or whole.
func (r recipe) build(ctx context.Context, root, dir string) error {
	tmp, err := os.MkdirTemp(root, "."+r.name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	for _, args := range r.steps {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = tmp
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
		}
	}
	if r.after != nil {
		if err := r.after(tmp); err != nil {
			return err
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

func (r recipe) key() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q", r.name, r.steps, r.afterV)
	for _, in := range r.inputs {
		fi, err := os.Stat(in)
		if err != nil {
			return "", fmt.Errorf("footage: %w", err)
		}
		fmt.Fprintf(h, " %q %d %d", in, fi.Size(), fi.ModTime().UnixNano())
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), nil
}

func cacheRoot() (string, error) {
	base, err := os.UserCacheDir() // $XDG_CACHE_HOME, or ~/.cache
	if err != nil {
		return "", fmt.Errorf("footage: find the cache folder: %w (set XDG_CACHE_HOME)", err)
	}
	root := filepath.Join(base, "encoderbox", "footage")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("footage: make the cache folder: %w", err)
	}
	return root, nil
}

// lock holds a lock among processes, which the kernel lets go of should this
// one die.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("footage: lock %s: %w", file, err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("footage: lock %s: %w", file, err)
	}
	return func() { f.Close() }, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
