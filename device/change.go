package device

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// version names each configuration that a run of the daemon has had. It tells nothing
// of what is in it.
type version struct {
	run string
	n   uint64
}

func (v version) String() string { return fmt.Sprintf("%s-%d", v.run, v.n) }

// take makes a configuration the one that is to run. d.changing is held, or the box
// not yet shared.
func (d *box) take(cfg *config.Config) {
	if d.version.run == "" {
		d.version.run = rand.Text()[:8]
	}
	d.version.n++
	d.config.Store(cfg)
}

// configNow is the configuration with its version.
func (d *box) configNow() (*config.Config, string) {
	d.changing.Lock()
	defer d.changing.Unlock()
	return d.config.Load(), d.version.String()
}

// ConfigJSON implements api.Configurer.
func (d *box) ConfigJSON() (doc []byte, version string, err error) {
	cfg, version := d.configNow()
	doc, err = cfg.MarshalJSON()
	return doc, version, err
}

// PatchConfig implements api.Configurer.
func (d *box) PatchConfig(ctx context.Context, by, version string, patch []byte) error {
	_, err := d.changeConfig(ctx, by, version, merged(patch))
	return err
}

// change is a change of the configuration.
type change struct {
	// next makes another of the one that holds, which it leaves as it is.
	next func(old *config.Config) (*config.Config, error)
	// doc is written as it is, in place of what the file has; nil: the file is kept
	// but for what has changed.
	doc []byte
}

func merged(patch []byte) change {
	return change{next: func(old *config.Config) (*config.Config, error) {
		return config.MergePatch(old, patch, rules())
	}}
}

// changeConfig makes another configuration of the one that holds, saves it, and
// returns when what runs follows it, except for a change of the listener, on which
// the answer travels: that is applied after the answer. by is who wants it. If
// version is not "", it has to be the one that holds. An error before it is saved
// has changed nothing.
func (d *box) changeConfig(ctx context.Context, by, version string, c change) (changed bool, err error) {
	changed, moved, err := d.saveConfig(by, version, c)
	if err != nil || !changed {
		return changed, err
	}
	done := make(chan error, 1)
	select {
	case d.applies <- done: // also when the client has gone: what is saved has to run
	default: // as many requests as fit wait already, and the first of them applies this change too
		select {
		case d.applies <- done:
		case <-ctx.Done():
			return true, notApplied(ctx)
		}
	}
	if moved {
		return true, nil
	}
	select {
	case err := <-done:
		return true, err
	case <-ctx.Done():
		return true, notApplied(ctx)
	}
}

func notApplied(ctx context.Context) error {
	return fmt.Errorf("saved, but not applied yet: %w", context.Cause(ctx))
}

// saveConfig validates, saves and takes a change. moved says that the listener's
// address is part of it.
func (d *box) saveConfig(by, version string, c change) (changed, moved bool, err error) {
	d.changing.Lock()
	defer d.changing.Unlock()
	if now := d.version.String(); version != "" && version != now {
		return false, false, control.Errorf(control.Conflict,
			"the configuration has changed since version %q: it is %s now; read it again", version, now)
	}
	old := d.config.Load()
	next, err := c.next(old)
	if err != nil {
		return false, false, err
	}
	if next.Equal(old) && c.doc == nil {
		return false, false, nil
	}
	kept := true
	if c.doc != nil {
		err = config.Save(d.opts.ConfigFile, c.doc)
	} else {
		kept, err = config.Store(d.opts.ConfigFile, old, next)
	}
	if err != nil {
		return false, false, err
	}
	if !kept {
		d.log.Warn("the comments of the configuration file could not be kept", "previous", d.opts.ConfigFile+config.PreviousSuffix)
	}
	d.take(next)
	d.store.Log(status.Event{Severity: status.Info, Subject: "configuration", Message: "changed by " + by})
	d.log.Info("configuration changed", "by", by)
	return true, next.HTTP != old.HTTP, nil
}
