package network

import (
	"context"
	"fmt"
)

// hostname gives the box its name. It is not safe for concurrent use.
type hostname struct {
	run Runner
	get func() (string, error)

	before string // the name that the box had before it was changed here; "" while it was not
}

// apply gives the box the name, or back the one that it had where name is empty.
func (h *hostname) apply(ctx context.Context, name string) error {
	if name == "" {
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
		return nil
	}
	if h.before == "" {
		h.before = now
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
	return nil
}
