package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
)

// system is the operating system, as far as commands reach into it.
type system struct {
	// run runs a program and returns what it says. Its error names the program, and
	// has what that wrote on standard error.
	run func(ctx context.Context, name string, args ...string) (string, error)
	// factory is the file of the factory's configuration. Where there is none it is
	// factoryDefault.
	factory string
	// presets is the folder of those that the box's maker ships.
	presets string
	// root is in place of "/" where removable media are looked for.
	root string
	// zones is the folder of time zones.
	zones string
}

func newSystem() system {
	return system{
		run: runProgram, factory: "/usr/share/encoderbox/factory.toml", presets: "/usr/share/encoderbox/presets",
		root: "/", zones: "/usr/share/zoneinfo",
	}
}

// Bounds of a program that is run.
const (
	programTime  = 20 * time.Second
	maxSaid      = 8 << 20 // bytes; the rest is dropped
	maxComplaint = 400     // bytes of standard error in an error
)

func runProgram(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	out, complaint := clipped{left: maxSaid}, clipped{left: maxComplaint}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(cmd.Environ(), "LC_ALL=C", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
	cmd.Stdout, cmd.Stderr = &out, &complaint
	cmd.WaitDelay = time.Second // who inherited its output does not hold us up
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", control.Errorf(control.Conflict, "this box has no %s, which does that: it takes systemd", name)
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s %s: given up after %v: %w", name, strings.Join(args, " "), programTime, context.Cause(ctx))
	case err != nil:
		said := strings.Join(strings.Fields(complaint.String()), " ")
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, plain(said))
	}
	return out.String(), nil
}

// clipped keeps the first bytes that are written to it.
type clipped struct {
	bytes.Buffer
	left int
}

// Write implements io.Writer.
func (c *clipped) Write(p []byte) (int, error) {
	kept := p[:min(len(p), c.left)]
	c.left -= len(kept)
	c.Buffer.Write(kept)
	return len(p), nil
}
