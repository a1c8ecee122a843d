package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// LivePath is the folder of the live window: the configured one, or the first
// that the daemon may use: $RUNTIME_DIRECTORY (systemd's), /run/encoderbox,
// $XDG_RUNTIME_DIR/encoderbox, a folder of the user's own among the temporary
// files. It is made when it is not there.
func (c *Config) LivePath() (string, error) {
	if c.Storage.Live != "" {
		return makeFolder(c.Path(c.Storage.Live))
	}
	return livePath(os.Getenv, "/run/encoderbox", os.TempDir(), os.Getuid())
}

func livePath(getenv func(string) string, system, temp string, uid int) (string, error) {
	var candidates []string
	// systemd lists several folders with colons; the first is the main one.
	if dir, _, _ := strings.Cut(getenv("RUNTIME_DIRECTORY"), ":"); dir != "" {
		candidates = append(candidates, dir)
	}
	candidates = append(candidates, system)
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		candidates = append(candidates, filepath.Join(dir, "encoderbox"))
	}
	for _, dir := range candidates {
		if dir, err := makeFolder(dir); err == nil {
			return dir, nil
		}
	}
	// Anyone may write among the temporary files: a folder there that another
	// user laid out is not used.
	own := filepath.Join(temp, fmt.Sprintf("encoderbox-%d", uid))
	if info, err := os.Lstat(own); err == nil {
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !info.IsDir() || !ok || int(stat.Uid) != uid {
			return "", fmt.Errorf("live window: %s is not a folder of this user; %s", own, liveAdvice)
		}
	}
	return makeFolder(own)
}

const liveAdvice = "set storage.live to a folder that the daemon may write to"

// makeFolder makes the folder and tries to write into it.
func makeFolder(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("live window: make folder: %w; %s", err, liveAdvice)
	}
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return "", fmt.Errorf("live window: write to folder: %w; %s", err, liveAdvice)
	}
	_ = probe.Close() // nothing was written
	if err := os.Remove(probe.Name()); err != nil {
		return "", fmt.Errorf("live window: write to folder: %w; %s", err, liveAdvice)
	}
	return dir, nil
}
