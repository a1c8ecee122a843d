package commit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
)

// Session is the candidate of one person. It begins as the running configuration, and
// follows that as long as nobody changes the same settings. It is safe for concurrent
// use.
type Session struct {
	k  *Keeper
	mu sync.Mutex // orders what is done with the candidate, commits included; guards the fields below

	draft *config.Draft // nil: nothing is changed
	why   string        // "rollback 2": where the candidate came from
	tried *pending      // what was committed to be confirmed, as long as that may be undone
}

// NewSession begins a candidate.
func (k *Keeper) NewSession() *Session { return &Session{k: k} }

// Set sets a path of the candidate, as config.Draft does.
func (s *Session) Set(path, value string) error {
	return s.edit(func(d *config.Draft) error { return d.Set(path, value) })
}

// Delete takes away what is written down at a path of the candidate.
func (s *Session) Delete(path string) error {
	return s.edit(func(d *config.Draft) error { return d.Delete(path) })
}

// edit changes the candidate, or leaves it as it was and returns why.
func (s *Session) edit(change func(*config.Draft) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recall()
	d := s.draft
	if d == nil {
		d = config.NewDraft(s.k.Running())
	}
	if err := change(d); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	s.draft = d
	s.follow()
	return nil
}

// recall brings back what was committed to be confirmed and was undone, for its author to
// mend, with what he changed since.
func (s *Session) recall() {
	p := s.tried
	if p == nil || p.outcome.Load() == waits {
		return
	}
	s.tried = nil
	if p.outcome.Load() != undoes {
		return
	}
	wanted := p.new
	if s.draft != nil {
		wanted = s.draft.Loose()
	}
	s.draft, s.why = config.NewDraft(p.old), p.why
	s.draft.Replace(wanted)
}

// follow takes over what others committed meanwhile, and returns what clashes with it.
func (s *Session) follow() (clashes []string) {
	if s.draft == nil || s.draft.Base() == s.k.Running() {
		return nil
	}
	return s.draft.Rebase(s.k.Running())
}

// loose is the candidate as far as it goes.
func (s *Session) loose() *config.Config {
	if s.draft == nil {
		return s.k.Running()
	}
	return s.draft.Loose()
}

// Shown is a part of the candidate, its secrets concealed.
type Shown struct {
	Set  []string `json:"set"` // a line each, as it is typed: set streams.main.video.gop 1s
	TOML string   `json:"toml"`
}

// Show is what is written down at and below a path of the candidate, "" for all; for a
// value that is not, what holds.
func (s *Session) Show(path string) (Shown, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recall()
	s.follow()
	c := s.loose()
	settings, err := c.Settings(path)
	if err != nil {
		return Shown{}, fmt.Errorf("config: show: %w", err)
	}
	shown := Shown{Set: make([]string, len(settings))}
	for i, x := range settings {
		shown.Set[i] = "set " + x.Path
		if !x.Table {
			shown.Set[i] += " " + quoted(x.Value)
		}
	}
	if shown.TOML, err = c.TOML(path); err != nil {
		return Shown{}, fmt.Errorf("config: show: %w", err)
	}
	return shown, nil
}

// quoted is a value as one word of a line.
func quoted(value string) string {
	if strings.ContainsFunc(value, unicode.IsControl) {
		return strconv.Quote(value)
	}
	return control.Quote(value)
}

// Diff are the lines by which the candidate differs from the running configuration,
// secrets concealed: "- path = old", "+ path = new". Where somebody else changed the
// same settings, a line that begins with "!" says so, and the others tell what the
// candidate changed of the configuration that it began with.
func (s *Session) Diff() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recall()
	lines := []string{}
	if s.draft == nil {
		return lines
	}
	if clashes := s.follow(); len(clashes) > 0 {
		lines = append(lines, "! "+ErrChanged.Error()+": "+few(clashes))
	}
	for _, c := range config.Changes(s.draft.Base(), s.draft.Loose()) {
		lines = append(lines, c.Lines()...)
	}
	return lines
}

// Validate says what is wrong with the candidate: a config.Errors, or an ErrChanged.
func (s *Session) Validate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recall()
	_, err := s.next(s.k.Running())
	return err
}

// next is the candidate as the configuration after running.
func (s *Session) next(running *config.Config) (*config.Config, error) {
	if s.draft == nil {
		return running, nil
	}
	if s.draft.Base() != running {
		if clashes := s.draft.Rebase(running); len(clashes) > 0 {
			return nil, fmt.Errorf("config: commit: %w: %s; discard the candidate and make the change again", ErrChanged, few(clashes))
		}
	}
	return s.draft.Config(s.k.o.Rules)
}

// Complete says how a path may go on, as config.Config.Complete does, with the names
// that the candidate has; behind a whole path of a value and a space, the values.
func (s *Session) Complete(typed string) []config.Completion {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recall()
	c := s.loose()
	path, value, ok := strings.Cut(typed, " ")
	if !ok {
		return c.Complete(path)
	}
	var all []config.Completion
	for _, v := range c.Values(path) {
		if strings.HasPrefix(v.Text, value) {
			all = append(all, v)
		}
	}
	return all
}

// Changed says that the candidate is not the running configuration.
func (s *Session) Changed() bool { return len(s.Diff()) > 0 }

// Discard makes the candidate the running configuration.
func (s *Session) Discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
}

func (s *Session) forget() { s.draft, s.why, s.tried = nil, "", nil }

// Load makes the candidate a version that was kept: "1" is the one before startup, "0"
// startup itself, "factory" the factory's.
func (s *Session) Load(version string) error {
	c, err := s.k.version(version)
	if err != nil {
		return err
	}
	s.replace(c, "rollback "+version)
	return nil
}

// LoadFile makes the candidate a file's configuration, whole. A file that is not valid
// changes nothing. If version is not "", it has to be the one of Keeper.Now. Secrets that
// are masked stay what they are.
func (s *Session) LoadFile(file, version string) error {
	return s.load(version, "load "+file, func(running *config.Config) (*config.Config, error) {
		return loadFile(running, file, s.k.o.Rules)
	})
}

// LoadDocument is LoadFile of a document that has no file.
func (s *Session) LoadDocument(doc, version string) error {
	return s.load(version, "load", func(running *config.Config) (*config.Config, error) {
		return config.Import(running, "", []byte(doc), s.k.o.Rules)
	})
}

func (s *Session) load(version, why string, read func(running *config.Config) (*config.Config, error)) error {
	running, now := s.k.Now()
	if err := isNow(version, now); err != nil {
		return err
	}
	c, err := read(running)
	if err != nil {
		return err
	}
	s.replaceIn(running, c, why)
	return nil
}

func (s *Session) replace(c *config.Config, why string) { s.replaceIn(s.k.Running(), c, why) }

// replaceIn makes the candidate a configuration in the place of base.
func (s *Session) replaceIn(base, c *config.Config, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draft, s.why, s.tried = config.NewDraft(base), why, nil
	s.draft.Replace(c)
}

// Commit saves the candidate and has it run. by is who does, for others to read. On an
// error nothing has changed, the candidate neither, but for a ctx that ended too early:
// the error then says that the change is saved.
func (s *Session) Commit(ctx context.Context, by string) (Done, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recall()
	return s.committed(s.k.Change(ctx, Change{By: by, Next: s.next, Why: s.why}))
}

// CommitConfirmed has the candidate run, and undoes it after within unless it is
// confirmed: 0 is DefaultWindow. It is not saved before. Once it is undone, it is the
// candidate again.
func (s *Session) CommitConfirmed(ctx context.Context, by string, within time.Duration) (Done, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recall()
	p, done, err := s.k.try(ctx, Change{By: by, Next: s.next, Why: s.why, mine: true}, within)
	if done, err = s.committed(done, err); s.draft == nil {
		s.tried = p
	}
	return done, err
}

// committed ends the candidate that was committed.
func (s *Session) committed(done Done, err error) (Done, error) {
	if err == nil || len(done.Paths) > 0 {
		s.forget()
	}
	return done, err
}

// How long, and how many, candidates are kept of those who come without a connection.
const (
	idleTime    = time.Hour
	maxSessions = 64
)

// visit is a candidate that is kept.
type visit struct {
	session *Session
	last    time.Time
}

// Session is the candidate of somebody, kept from one call to the next, until nobody
// asked for it for an hour; beyond 64, the one longest idle goes.
func (k *Keeper) Session(of string) *Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	oldest := ""
	for name, v := range k.sessions {
		switch {
		case now.Sub(v.last) > idleTime:
			delete(k.sessions, name)
		case name != of && (oldest == "" || v.last.Before(k.sessions[oldest].last)):
			oldest = name
		}
	}
	v := k.sessions[of]
	if v == nil {
		if len(k.sessions) >= maxSessions {
			delete(k.sessions, oldest)
		}
		v = &visit{session: k.NewSession()}
		k.sessions[of] = v
	}
	v.last = now
	return v.session
}
