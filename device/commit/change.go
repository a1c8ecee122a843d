package commit

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/encoderbox/encoderbox/device/config"
)

// Done is what a change came to.
type Done struct {
	Paths []string `json:"paths"` // what was changed; none: it was so already
	// Notes are what went less well, a line each: comments of the file that could not
	// be kept, a version that could not.
	Notes []string `json:"notes,omitempty"`
}

// Change is one that a program makes of the running configuration as it is now.
type Change struct {
	By string // who wants it
	// Version, if it is not "", has to be the one of Now.
	Version string
	// Next makes the next configuration, valid by Options.Rules, and leaves the running
	// one as it is. It is called with other changes waiting.
	Next func(running *config.Config) (*config.Config, error)
	// Doc is Next as a document, which becomes the file, whatever that holds; nil: the
	// file is kept but for what has changed.
	Doc []byte

	Why  string // begins the comment of the version that is kept: "rollback 2"; may be ""
	mine bool   // a candidate has it, and gets it back when it is undone
}

// Change commits a change. Its error is Next's where that is at fault, an ErrStale or an
// ErrPending.
func (k *Keeper) Change(ctx context.Context, c Change) (Done, error) {
	s, done, err := k.save(c)
	if err != nil || len(done.Paths) == 0 {
		return done, err
	}
	k.tell(c.By, "changed", done)
	err = k.apply(ctx, s.old, s.next)
	return k.applied(ctx, done, err, func() (bool, error) { return k.undo(ctx, s, c.By) })
}

// Patch commits a JSON merge patch (RFC 7386), as config.MergePatch has it, of a version
// of the running configuration, "" for any. Its error is a config.Errors where the patch
// is at fault.
func (k *Keeper) Patch(ctx context.Context, by, version string, patch []byte) (Done, error) {
	return k.Change(ctx, Change{By: by, Version: version, Next: func(running *config.Config) (*config.Config, error) {
		return config.MergePatch(running, patch, k.o.Rules)
	}})
}

// Assigned is a Change's Next: it sets paths to values, as config.Draft.Assign does.
func (k *Keeper) Assigned(values map[string]string) func(*config.Config) (*config.Config, error) {
	return func(running *config.Config) (*config.Config, error) {
		d := config.NewDraft(running)
		if err := d.Assign(values); err != nil {
			return nil, err
		}
		return d.Config(k.o.Rules)
	}
}

// saved is a change that has been saved.
type saved struct {
	old, next *config.Config
	doc       []byte // of the file before
}

// save is all of a Change but Apply. On an error nothing has changed.
func (k *Keeper) save(c Change) (s saved, done Done, err error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	s, done, err = k.prepare(c)
	if err != nil || len(done.Paths) == 0 && c.Doc == nil {
		return s, done, err
	}
	k.keepFile(&done, "unknown", "found in the file")
	if s.doc, err = k.o.Disk.ReadFile(k.o.File); err != nil && c.Doc == nil {
		return s, Done{}, fmt.Errorf("config: save: %w", err)
	}
	if err := k.store(s.next, c.Doc, &done); err != nil {
		return s, Done{}, err
	}
	k.take(s.next)
	k.keepFile(&done, c.By, comment(c.Why, done.Paths))
	return s, done, nil
}

// prepare makes the next configuration, with changing held.
func (k *Keeper) prepare(c Change) (s saved, done Done, err error) {
	if p := k.waiting(); p != nil {
		return s, done, p.refusal()
	}
	now, version := k.Now()
	if err := isNow(c.Version, version); err != nil {
		return s, done, err
	}
	s.old = now
	if s.next, err = c.Next(now); err != nil {
		return s, done, err
	}
	done.Paths = config.ChangedPaths(s.old, s.next)
	return s, done, nil
}

// isNow refuses a version, "" for any, that is not the one of now.
func isNow(version, now string) error {
	if version != "" && version != now {
		return fmt.Errorf("config: %w: version %.40q, it is %s now; read it again", ErrStale, version, now)
	}
	return nil
}

// store makes a configuration startup, with changing held; doc is its document, nil for
// the file's own with what has changed.
func (k *Keeper) store(next *config.Config, doc []byte, done *Done) error {
	before, err := k.o.Disk.ReadFile(k.o.File)
	if err != nil && doc == nil {
		return fmt.Errorf("config: save: %w", err)
	}
	kept := true
	if doc != nil {
		err = config.SaveOn(k.o.Disk, k.o.File, doc)
	} else {
		kept, err = config.StoreOn(k.o.Disk, k.o.File, k.Startup(), next)
	}
	if err != nil {
		// It may have been written, if not for good: what is refused must not be found there.
		if now, again := k.o.Disk.ReadFile(k.o.File); again == nil && before != nil && !bytes.Equal(now, before) {
			err = errors.Join(err, config.SaveOn(k.o.Disk, k.o.File, before))
		}
		return err
	}
	if !kept {
		done.Notes = append(done.Notes, "the comments of the configuration file could not be kept; they are in "+k.o.File+config.PreviousSuffix)
	}
	k.setStartup(next)
	return nil
}

// applied undoes what could not be applied. Where only nobody waits any more for the
// end of it, there is nothing to undo.
func (k *Keeper) applied(ctx context.Context, done Done, err error, undo func() (bool, error)) (Done, error) {
	if err == nil || ctx.Err() != nil {
		return done, err
	}
	undone, again := undo()
	switch {
	case again != nil:
		return Done{}, fmt.Errorf("config: apply: %w; going back failed too: %w", err, again)
	case !undone:
		return done, fmt.Errorf("config: apply: %w; it stands, since somebody else changed the configuration after it", err)
	}
	return Done{}, fmt.Errorf("config: apply: %w; the configuration before runs again", err)
}

// undo brings back the file and the running configuration before a change, unless
// there has been another one. Where the file cannot be, the error says so.
func (k *Keeper) undo(ctx context.Context, s saved, by string) (undone bool, err error) {
	undone, err = k.unsave(s, by)
	if !undone {
		return false, err
	}
	if err == nil {
		k.tell(by, "undone, since it could not be applied: the change", Done{Paths: config.ChangedPaths(s.old, s.next)})
	}
	return true, errors.Join(err, k.applyAgain(ctx, s.next, s.old))
}

func (k *Keeper) unsave(s saved, by string) (undone bool, err error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	if k.Running() != s.next || k.Startup() != s.next {
		return false, nil
	}
	k.take(s.old)
	if s.doc == nil { // there was no file
		s.doc = config.Marshal(s.old)
	}
	err = config.SaveOn(k.o.Disk, k.o.File, s.doc)
	// It may be written, if not for good.
	if now, again := k.o.Disk.ReadFile(k.o.File); err == nil || again == nil && bytes.Equal(now, s.doc) {
		k.setStartup(s.old)
	}
	if err != nil {
		return true, err
	}
	k.keepFile(&Done{}, by, "undone: it could not be applied")
	return true, nil
}
