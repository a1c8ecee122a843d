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

// apply gives the box the name, or back the one that it had where name is empty. saved
// says that the configuration with it is saved: only then the name in /etc/hostname may
// be changed, which a reboot does not forget. waits says that the box gets the name once
// it is.
func (h *hostname) apply(ctx context.Context, name string, saved bool) (waits bool, err error) {
	h.recall()
	back := name == ""
	if back {
		if h.before == "" {
			return false, nil
		}
		name = h.before
	}
	now, err := h.get()
	if err != nil {
		return false, fmt.Errorf("network: read the hostname: %w", err)
	}
	if now != name {
		if h.before == "" {
			h.remember(now)
		}
		if waits, err := h.set(ctx, name, saved); waits || err != nil {
			return waits, err
		}
	}
	if back {
		h.remember("")
	}
	return false, nil
}

// set names the box. The transient name is gone with the next reboot, as a change that
// nobody confirmed has to be; but systemd-hostnamed goes by the one in /etc/hostname
// where there is one.
func (h *hostname) set(ctx context.Context, name string, saved bool) (waits bool, err error) {
	err = h.run(ctx, "hostnamectl", "--no-ask-password", "--transient", "set-hostname", name)
	if now, _ := h.get(); err == nil && now != name {
		if !saved {
			return true, nil
		}
		err = h.run(ctx, "hostnamectl", "--no-ask-password", "set-hostname", name)
	}
	if err != nil {
		return false, fmt.Errorf("network: name the box %q: %w; is systemd-hostnamed there, and may encoderd command it (docs/network.md)? Else remove network.hostname", name, err)
	}
	return false, nil
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
