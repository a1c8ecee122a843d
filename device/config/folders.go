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
		return makeFolder("live window", c.Path(c.Storage.Live), liveAdvice)
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
		if dir, err := makeFolder("live window", dir, liveAdvice); err == nil {
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
	return makeFolder("live window", own, liveAdvice)
}

// StatePath is the folder of what survives a reboot: the configured one, or the
// first that the daemon may use: $STATE_DIRECTORY (systemd's), /var/lib/encoderbox,
// $XDG_STATE_HOME/encoderbox, .local/state/encoderbox in the user's home. It is made
// when it is not there.
func (c *Config) StatePath() (string, error) {
	if c.Storage.State != "" {
		return makeFolder("state", c.Path(c.Storage.State), stateAdvice)
	}
	return statePath(os.Getenv, "/var/lib/encoderbox")
}

func statePath(getenv func(string) string, system string) (string, error) {
	var candidates []string
	if dir, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); dir != "" {
		candidates = append(candidates, dir)
	}
	candidates = append(candidates, system)
	if dir := getenv("XDG_STATE_HOME"); dir != "" {
		candidates = append(candidates, filepath.Join(dir, "encoderbox"))
	}
	if dir := getenv("HOME"); dir != "" {
		candidates = append(candidates, filepath.Join(dir, ".local/state/encoderbox"))
	}
	var err error
	for _, dir := range candidates {
		var made string
		if made, err = makeFolder("state", dir, stateAdvice); err == nil {
			return made, nil
		}
	}
	return "", err
}

const (
	liveAdvice  = "set storage.live to a folder that the daemon may write to"
	stateAdvice = "set storage.state to a folder that the daemon may write to"
)

// makeFolder makes the folder and tries to write into it.
func makeFolder(what, dir, advice string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("%s: make folder: %w; %s", what, err, advice)
	}
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return "", fmt.Errorf("%s: write to folder: %w; %s", what, err, advice)
	}
	_ = probe.Close() // nothing was written
	if err := os.Remove(probe.Name()); err != nil {
		return "", fmt.Errorf("%s: write to folder: %w; %s", what, err, advice)
	}
	return dir, nil
}

// ControlSocket is where the daemon takes commands from programs on the box: in
// $RUNTIME_DIRECTORY (systemd's), else in the folder of the live window.
func (c *Config) ControlSocket() (string, error) {
	const name = "control.sock"
	if dir, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":"); dir != "" {
		if dir, err := makeFolder("control socket", dir, liveAdvice); err == nil {
			return filepath.Join(dir, name), nil
		}
	}
	dir, err := c.LivePath()
	return filepath.Join(dir, name), err
}

// ControlSockets are where a program on the box looks for the socket of a daemon
// whose configuration it does not know, the likeliest first.
func ControlSockets(getenv func(string) string, uid int) (all []string) {
	dirs := []string{"/run/encoderbox"}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		dirs = append(dirs, filepath.Join(dir, "encoderbox"))
	}
	for _, dir := range append(dirs, filepath.Join(os.TempDir(), fmt.Sprintf("encoderbox-%d", uid))) {
		all = append(all, filepath.Join(dir, "control.sock"))
	}
	return all
}
