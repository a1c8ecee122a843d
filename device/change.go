package device

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/encoderbox/encoderbox/device/commit"
	"github.com/encoderbox/encoderbox/device/config"
)

// keeperOf keeps the configuration that the box starts with.
func (d *box) keeperOf(cfg *config.Config) *commit.Keeper {
	factory := factoryDefault
	if doc, err := os.ReadFile(d.system.factory); err == nil {
		factory = string(doc)
	}
	return commit.New(cfg, commit.Options{
		File: d.opts.ConfigFile, Rules: rules(), Factory: factory, Recovered: d.opts.recovered,
		Folder: func() (string, error) { return d.keeper.Running().StatePath() },
		Apply: func(ctx context.Context, old, next *config.Config) error {
			defer d.tellPresets()
			return d.follow(ctx, old, next)
		},
		Report: d.store, Log: d.log,
		Saved: func(startup *config.Config) { d.network.Saved(startup.Network) },
	})
}

// follow returns when what runs follows the configuration, except for a change of the
// listener, on which the answer travels: that is applied after the answer.
func (d *box) follow(ctx context.Context, old, next *config.Config) error {
	done := make(chan error, 1)
	select {
	case d.applies <- done: // also when the client has gone: what is saved has to run
	default: // as many requests as fit wait already, and the first of them applies this change too
		select {
		case d.applies <- done:
		case <-ctx.Done():
			return notApplied(ctx)
		}
	}
	if next.HTTP != old.HTTP {
		return nil
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return notApplied(ctx)
	}
}

func notApplied(ctx context.Context) error {
	return fmt.Errorf("changed, but not applied yet: %w", context.Cause(ctx))
}

// ConfigJSON implements api.Configurer.
func (d *box) ConfigJSON() (doc []byte, version string, err error) {
	cfg, version := d.keeper.Now()
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
	why string // begins the comment of the version
}

func merged(patch []byte) change {
	return change{next: func(old *config.Config) (*config.Config, error) {
		return config.MergePatch(old, patch, rules())
	}}
}

// changeConfig commits a change. by is who wants it. If version is not "", it has to be
// the one that holds. The error is a config.Errors where next is at fault, or a
// control.Error; what it does not say to be saved has changed nothing.
func (d *box) changeConfig(ctx context.Context, by, version string, c change) (changed bool, err error) {
	done, err := d.keeper.Change(ctx, commit.Change{By: by, Version: version, Next: c.next, Doc: c.doc, Why: c.why})
	var invalid config.Errors
	if !errors.As(err, &invalid) {
		err = commit.Refusal(err)
	}
	return len(done.Paths) > 0, err
}
