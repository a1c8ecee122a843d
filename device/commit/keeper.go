// Package commit changes the box's configuration as network gear does. Three of them
// are different things: running, which the box follows; startup, the file that it comes
// up with; and candidates, which people make in Sessions. A commit has a candidate run
// and saves it; a confirmed commit has it run, and saves it only once somebody who can
// still reach the box says so, or else the box goes back to startup by itself.
package commit

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
)

// The errors that callers tell apart; each comes with the paths and the way out.
var (
	ErrChanged    = errors.New("somebody else changed the same settings meanwhile")
	ErrStale      = errors.New("the configuration has changed since it was read")
	ErrPending    = errors.New("a change waits for its confirmation")
	ErrNotPending = errors.New("no change waits for confirmation")
	ErrNoVersion  = errors.New("there is no such version")
)

// Options are what a Keeper works with.
type Options struct {
	File  string       // startup
	Rules config.Rules // what a configuration must obey
	// Folder is where versions are kept; nil: none are.
	Folder func() (string, error)
	// Factory is the document of the factory's configuration; "" is one stream with
	// everything at its default.
	Factory string
	// Apply makes what runs follow Running and returns when it does. It is called after
	// Running has changed from old to next, by several goroutines at once where changes
	// overtake each other. An error with ctx alive has the change undone.
	Apply  func(ctx context.Context, old, next *config.Config) error
	Report Reporter // nil: nobody
	Log    *slog.Logger
	Disk   Disk   // nil: the machine's
	Root   string // in place of "/" where removable media are looked for
}

// Reporter is told what people should know. A status.Store is one.
type Reporter interface {
	Raise(c status.Condition)
	Clear(code string)
	Log(e status.Event)
}

// Keeper owns running and startup, the versions before, the change that waits for its
// confirmation, and the candidates of those who come without a connection of their own.
// It is safe for concurrent use.
type Keeper struct {
	o        Options
	run      string // names this run of the daemon in versions
	running  atomic.Pointer[current]
	versions *versions
	wake     chan struct{} // pending is another one

	changing sync.Mutex // orders the changes of running and startup; held while files are written, never while Apply runs

	mu       sync.Mutex // guards the fields below; under changing where both are held
	startup  *config.Config
	pending  *pending
	watched  bool // Run runs
	sessions map[string]*visit
}

// New keeps a configuration that was loaded from o.File. It touches no file.
func New(running *config.Config, o Options) *Keeper {
	if o.Disk == nil {
		o.Disk = OS{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Report == nil {
		o.Report = nobody{}
	}
	if o.Factory == "" {
		o.Factory = "[streams.main]\n"
	}
	k := &Keeper{
		o: o, versions: &versions{disk: o.Disk, folder: o.Folder},
		wake: make(chan struct{}, 1), startup: running, sessions: map[string]*visit{}, run: rand.Text()[:8],
	}
	k.take(running)
	return k
}

// current is the running configuration. It is immutable.
type current struct {
	config *config.Config
	n      uint64 // how many the daemon has had
}

// Running is the configuration that the box follows. It is immutable.
func (k *Keeper) Running() *config.Config { return k.running.Load().config }

// Now is the running configuration with a name that no other had or gets, also after a
// restart, and that tells nothing of what is in it.
func (k *Keeper) Now() (c *config.Config, version string) {
	now := k.running.Load()
	return now.config, fmt.Sprintf("%s-%d", k.run, now.n)
}

// take makes a configuration running, with changing held.
func (k *Keeper) take(c *config.Config) {
	next := &current{config: c, n: 1}
	if now := k.running.Load(); now != nil {
		next.n = now.n + 1
	}
	k.running.Store(next)
}

// Startup is the configuration that the box comes up with. It is immutable.
func (k *Keeper) Startup() *config.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.startup
}

// Status is how running and startup stand to each other.
type Status struct {
	Pending *Pending `json:"pending"` // null: running is saved
}

// Pending is a change that runs and is not saved.
type Pending struct {
	By       string    `json:"by"`
	Since    time.Time `json:"since"`
	Deadline time.Time `json:"deadline"` // when it is undone
	Left     int       `json:"left_seconds"`
	Paths    []string  `json:"paths"` // what is changed
}

// Status is how it stands now.
func (k *Keeper) Status() Status {
	p := k.waiting()
	if p == nil {
		return Status{}
	}
	shown := p.Pending
	shown.Left = secondsLeft(p)
	return Status{Pending: &shown}
}

// Done is what a change came to.
type Done struct {
	Paths []string `json:"paths"` // what was changed; none: it was so already
	// Notes are what went less well, a line each: comments of the file that could not
	// be kept, a version that could not.
	Notes []string `json:"notes,omitempty"`
}

// maker makes the next configuration of the running one.
type maker func(running *config.Config) (*config.Config, error)

// commit saves a change and has it run.
func (k *Keeper) commit(ctx context.Context, by, why string, next maker) (Done, error) {
	c, done, err := k.save(by, why, next)
	if err != nil || len(done.Paths) == 0 {
		return done, err
	}
	k.tell(by, "changed", done)
	err = k.apply(ctx, c.old, c.next)
	return k.applied(ctx, done, err, func() error { return k.undo(ctx, c, by) })
}

// saved is a change that has been saved.
type saved struct {
	old, next *config.Config
	doc       []byte // of the file before
}

// save is all of a commit but Apply. On an error nothing has changed.
func (k *Keeper) save(by, why string, next maker) (saved, Done, error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	c, done, err := k.prepare(next)
	if err != nil || len(done.Paths) == 0 {
		return c, done, err
	}
	k.keepFile(&done, "unknown", "found in the file")
	if c.doc, err = k.o.Disk.ReadFile(k.o.File); err != nil {
		return c, Done{}, fmt.Errorf("config: save: %w", err)
	}
	if err := k.store(c.next, &done); err != nil {
		return c, Done{}, err
	}
	k.take(c.next)
	k.keepFile(&done, by, comment(why, done.Paths))
	return c, done, nil
}

// prepare makes the next configuration, with changing held.
func (k *Keeper) prepare(next maker) (c saved, done Done, err error) {
	if p := k.waiting(); p != nil {
		return c, done, p.refusal()
	}
	c.old = k.Running()
	if c.next, err = next(c.old); err != nil {
		return c, done, err
	}
	done.Paths = config.ChangedPaths(c.old, c.next)
	return c, done, nil
}

// store makes a configuration startup, with changing held.
func (k *Keeper) store(next *config.Config, done *Done) error {
	before, err := k.o.Disk.ReadFile(k.o.File)
	if err != nil {
		return fmt.Errorf("config: save: %w", err)
	}
	kept, err := config.StoreOn(k.o.Disk, k.o.File, k.Startup(), next)
	if err != nil {
		// It may have been written, if not for good: what is refused must not be found there.
		if now, again := k.o.Disk.ReadFile(k.o.File); again == nil && !bytes.Equal(now, before) {
			err = errors.Join(err, config.SaveOn(k.o.Disk, k.o.File, before))
		}
		return err
	}
	if !kept {
		done.Notes = append(done.Notes, "the comments of the configuration file could not be kept; they are in "+k.o.File+config.PreviousSuffix)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.startup = next
	return nil
}

func (k *Keeper) apply(ctx context.Context, old, next *config.Config) error {
	if k.o.Apply == nil {
		return nil
	}
	return k.o.Apply(ctx, old, next)
}

// applied undoes what could not be applied. Where only nobody waits any more for the
// end of it, there is nothing to undo.
func (k *Keeper) applied(ctx context.Context, done Done, err error, undo func() error) (Done, error) {
	if err == nil || ctx.Err() != nil {
		return done, err
	}
	if again := undo(); again != nil {
		return Done{}, fmt.Errorf("config: apply: %w; going back failed too: %w", err, again)
	}
	return Done{}, fmt.Errorf("config: apply: %w; the configuration before runs again", err)
}

// undo brings back the file and the running configuration before a change, unless
// there has been another one.
func (k *Keeper) undo(ctx context.Context, c saved, by string) error {
	back, err := k.unsave(c, by)
	if err != nil || !back {
		return err
	}
	return k.apply(ctx, c.next, c.old)
}

func (k *Keeper) unsave(c saved, by string) (back bool, err error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	if k.Running() != c.next || k.Startup() != c.next {
		return false, nil
	}
	k.take(c.old)
	if err := config.SaveOn(k.o.Disk, k.o.File, c.doc); err != nil {
		return true, err
	}
	k.mu.Lock()
	k.startup = c.old
	k.mu.Unlock()
	k.keepFile(&Done{}, by, "undone: it could not be applied")
	return true, nil
}

// Change is one that a program makes of the running configuration as it is now.
type Change struct {
	By string // who wants it
	// Version, if it is not "", has to be the one of Now.
	Version string
	// Next makes the next configuration, valid by Options.Rules, and leaves the running
	// one as it is. It is called with other changes waiting.
	Next func(running *config.Config) (*config.Config, error)
}

// Change commits a change. Its error is Next's where that is at fault, or an ErrStale.
func (k *Keeper) Change(ctx context.Context, c Change) (Done, error) {
	return k.commit(ctx, c.By, "", func(running *config.Config) (*config.Config, error) {
		if _, now := k.Now(); c.Version != "" && c.Version != now {
			return nil, fmt.Errorf("config: %w: version %.40q, it is %s now; read it again", ErrStale, c.Version, now)
		}
		return c.Next(running)
	})
}

// Patch commits a JSON merge patch (RFC 7386), as config.MergePatch has it, of a version
// of the running configuration, "" for any. Its error is a config.Errors where the patch
// is at fault.
func (k *Keeper) Patch(ctx context.Context, by, version string, patch []byte) (Done, error) {
	return k.Change(ctx, Change{By: by, Version: version, Next: func(running *config.Config) (*config.Config, error) {
		return config.MergePatch(running, patch, k.o.Rules)
	}})
}

// Reload makes the file, which somebody may have edited, running and startup. The
// caller has it applied. On an error nothing has changed.
func (k *Keeper) Reload() error {
	k.changing.Lock()
	defer k.changing.Unlock()
	if p := k.waiting(); p != nil {
		return p.refusal()
	}
	doc, err := k.o.Disk.ReadFile(k.o.File)
	if err != nil {
		return fmt.Errorf("config: reload: %w", err)
	}
	cfg, err := config.Parse(k.o.File, doc, k.o.Rules)
	if err != nil {
		return err
	}
	k.take(cfg)
	k.mu.Lock()
	k.startup = cfg
	k.mu.Unlock()
	k.keepFile(&Done{}, "unknown", "edited in the file")
	return nil
}

// keepFile keeps the file as it is as a version, unless the newest is the same.
func (k *Keeper) keepFile(done *Done, by, comment string) {
	doc, err := k.o.Disk.ReadFile(k.o.File)
	if err == nil {
		err = k.versions.keep(doc, by, comment)
	}
	if err != nil {
		done.Notes = append(done.Notes, "no version was kept to roll back to: "+err.Error())
		k.o.Log.Warn("no version of the configuration was kept", "err", err)
	}
}

// tell has everybody know of a change.
func (k *Keeper) tell(by, what string, done Done) {
	text := what + " by " + by
	if len(done.Paths) > 0 {
		text += ": " + few(done.Paths)
	}
	k.o.Report.Log(status.Event{Severity: status.Info, Subject: "configuration", Message: text})
	k.o.Log.Info("configuration", "what", what, "by", by, "paths", few(done.Paths), "notes", done.Notes)
}

// few are some of many paths, for one line.
func few(paths []string) string {
	const most = 6
	if n := len(paths) - most; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], ", "), n)
	}
	return strings.Join(paths, ", ")
}

func comment(why string, paths []string) string {
	if why == "" {
		return few(paths)
	}
	return why + ": " + few(paths)
}

// nobody is a Reporter.
type nobody struct{}

func (nobody) Raise(status.Condition) {}
func (nobody) Clear(string)           {}
func (nobody) Log(status.Event)       {}
