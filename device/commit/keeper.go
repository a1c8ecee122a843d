// Package commit changes the box's configuration as network gear does. Three of them
// are different things: running, which the box follows; startup, the file that it comes
// up with; and candidates, which people make in Sessions. A commit has a candidate run
// and saves it; a confirmed commit has it run, and saves it only once somebody who can
// still reach the box says so, or else the box goes back to startup by itself.
package commit

import (
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
	// Folder is where versions are kept, in a folder of it; nil: none are. It is asked
	// until it answers, once.
	Folder func() (string, error)
	// Factory is the document of the factory's configuration; "" is one stream with
	// everything at its default.
	Factory string
	// Apply makes what runs follow Running and returns when it does. It is called after
	// Running has changed from old to next, by several goroutines at once where changes
	// overtake each other, and returns soon after ctx ends. An error with ctx alive has the
	// change undone.
	Apply func(ctx context.Context, old, next *config.Config) error
	// Saved is told each configuration that has become startup, and must not block; nil:
	// nobody is.
	Saved func(startup *config.Config)
	// Recovered is what Recover did at this start.
	Recovered *Recovery
	Report    Reporter // nil: nobody
	Log       *slog.Logger
	Disk      Disk   // nil: the machine's
	Root      string // in place of "/" where removable media are looked for
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
	trial    *trial
	wake     chan struct{} // holds a token when Run has to look

	changing sync.Mutex // orders the changes of running and startup; held while files are written, never while Apply runs

	mu       sync.Mutex // guards the fields below; under changing where both are held
	startup  *config.Config
	pending  *pending
	lagging  *lag
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
	if o.Saved == nil {
		o.Saved = func(*config.Config) {}
	}
	if o.Factory == "" {
		o.Factory = "[streams.main]\n"
	}
	k := &Keeper{
		o: o, versions: &versions{disk: o.Disk, folder: o.Folder}, trial: &trial{disk: o.Disk, folder: o.Folder},
		wake: make(chan struct{}, 1), startup: running, sessions: map[string]*visit{}, run: rand.Text()[:8],
	}
	k.take(running)
	return k
}

// current is the running configuration. It is immutable.
type current struct {
	config *config.Config
	n      uint64          // how many the daemon has had
	paths  func() []string // for completion at each key
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
	next := &current{config: c, n: 1, paths: sync.OnceValue(c.Paths)}
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

// setStartup makes a configuration startup, whose file has been written.
func (k *Keeper) setStartup(c *config.Config) {
	k.mu.Lock()
	k.startup = c
	k.mu.Unlock()
	k.o.Saved(c)
	doc, err := k.o.Disk.ReadFile(k.o.File)
	if err == nil {
		err = k.trial.begin(doc, note{})
	}
	if err != nil {
		k.o.Log.Warn("the configuration is not on trial: a start with it cannot go back", "err", err)
	}
	k.o.Report.Clear(ConditionRolledBack)
	k.look()
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
	k.setStartup(cfg)
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
