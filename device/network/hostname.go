package network

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// hostname gives the box its name. It is not safe for concurrent use.
type hostname struct {
	run Runner
	get func() (string, error)

	// memory is a file that is gone with the next reboot and holds before over a restart of
	// the daemon; "": nothing does.
	memory string
	before string // the name that the box had before it was changed here; "" while it was not
}

// apply gives the box the name, or back the one that it had where name is empty.
func (h *hostname) apply(ctx context.Context, name string) error {
	h.recall()
	back := name == ""
	if back {
		if h.before == "" {
			return nil
		}
		name = h.before
	}
	now, err := h.get()
	if err != nil {
		return fmt.Errorf("network: read the hostname: %w", err)
	}
	if now == name {
		if back {
			h.remember("")
		}
		return nil
	}
	if h.before == "" {
		h.remember(now)
	}
	// The transient name is gone with the next reboot, as a change that nobody confirmed
	// has to be. systemd-hostnamed prefers a name from /etc/hostname: then that is set.
	err = h.run(ctx, "hostnamectl", "--no-ask-password", "--transient", "set-hostname", name)
	if now, _ := h.get(); err == nil && now != name {
		err = h.run(ctx, "hostnamectl", "--no-ask-password", "set-hostname", name)
	}
	if err != nil {
		return fmt.Errorf("network: name the box %q: %w; is systemd-hostnamed there, and may encoderd command it (docs/network.md)? Else remove network.hostname", name, err)
	}
	if back {
		h.remember("")
	}
	return nil
}

// recall is what a daemon before this one remembered.
func (h *hostname) recall() {
	if h.before != "" || h.memory == "" {
		return
	}
	if doc, err := os.ReadFile(h.memory); err == nil && !strings.HasPrefix(string(doc), "-") {
		h.before = string(doc)
	}
}

// remember keeps the name before, "" for none. Where the folder is not the daemon's to
// write, as on a box whose network it does not manage, it keeps it for its own time.
func (h *hostname) remember(name string) {
	h.before = name
	switch {
	case h.memory == "":
	case name == "":
		_ = os.Remove(h.memory)
	case os.MkdirAll(filepath.Dir(h.memory), 0o755) == nil: //nolint:gosec // systemd-networkd reads it
		_ = write(h.memory, name)
	}
}
