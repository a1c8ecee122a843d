// Package journal keeps a stream on storage (an SD card, a USB stick, eMMC): a
// folder of reels. A reel is one fragmented MP4 with both tracks: a header,
// then the CMAF chunks of the stream byte for byte as they were cut, and before
// each of them a small box with the chunk's record. It plays as it is, at any
// moment, and a segment's file is read back from it bit for bit.
//
// A recording is reels that are kept, time shift is reels read back,
// store-and-forward is reels not sent yet: every byte is written once, and only
// while somebody wants it.
//
// Decisions a reader of the package should know:
//   - One write and one fdatasync make the chunks of both tracks durable that
//     are due together. What is written is never written again. A cut at any
//     moment costs the chunks of the last write; the checksum in each record
//     finds where what is good ends, also where a file system left garbage.
//   - A reel appears under its name with its first chunk in it. Its checksum is
//     durable before its footer, so a reel with a footer has one.
//   - Blocks are not allocated ahead: it saves no write, since the length of the
//     file is journalled anyway, and a cut would leave the rest allocated.
//   - Storage is touched by one goroutine, and by those who read or delete.
//     Storage that hangs therefore hangs nothing else: readers get an error after
//     some seconds, and what the live window lets go of meanwhile is lost, counted
//     and a Gap.
//   - Indexes of closed reels stay on storage; a few are cached.
package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// Defaults of Config.
const (
	DefaultReelLength = 10 * time.Minute
	// DefaultReserve is what stays free on storage.
	DefaultReserve = 64 << 20
)

// NoHold is the number from which on nobody can want to hold segments: who
// wants from there on wants all that is new stored, and nothing held back from
// deletion.
const NoHold = math.MaxUint64

// Config of a Journal. Zero fields take the defaults.
type Config struct {
	// Dir is the folder of the stream's reels. It may hold other files.
	Dir string
	// MaxBytes bounds the reels, kept ones included; zero: by Reserve alone.
	MaxBytes int64
	// MaxAge bounds reels that are not kept; zero: none. Nothing is deleted for
	// its age that somebody wants.
	MaxAge time.Duration
	// Reserve is what stays free on the file system; negative: nothing.
	Reserve int64
	// ReelLength is the length of reels that are not kept.
	ReelLength time.Duration
	// Loop lets the oldest kept reels be deleted for new ones.
	Loop bool
	// RequireMount refuses a Dir on the root file system: what is to be mounted
	// there is absent.
	RequireMount bool
}

func (c Config) withDefaults() Config {
	if c.ReelLength == 0 {
		c.ReelLength = DefaultReelLength
	}
	if c.Reserve == 0 {
		c.Reserve = DefaultReserve
	}
	return c
}

func (c Config) check() error {
	switch {
	case c.Dir == "":
		return errors.New("journal: no folder given")
	case c.MaxBytes < 0 || c.MaxAge < 0:
		return errors.New("journal: a bound is negative")
	case c.ReelLength < 10*time.Second || c.ReelLength > 24*time.Hour:
		return fmt.Errorf("journal: reel length %v is not between 10 s and 24 h", c.ReelLength)
	}
	return nil
}

// Source has the live window.
type Source interface{ Window() *segment.Window }

// Keep says what files a recording is.
type Keep struct {
	// Name is a file's name without extension; begin is zero while wall-clock
	// time is not known, parts count from 0. What file systems do not take is
	// replaced, and "-2" makes it unique.
	Name func(begin time.Time, part int) string
	// Length begins a new file at a segment's end; zero: none.
	Length time.Duration
}

// keeper is a Keep that runs.
type keeper struct {
	Keep
	after uint64 // the newest segment that is not part of it
	part  int
}

// What Mark and Delete refuse.
var (
	ErrNotWriting = errors.New("journal: nothing is being written")
	ErrWriting    = errors.New("journal: it is being written")
)

// Journal keeps one stream. It is run once.
type Journal struct {
	cfg      atomic.Pointer[Config]
	reporter Reporter
	fs       *timed
	given    atomic.Bool // Run has returned, and left storage that hangs to itself
	files    *files
	cursor   func(src Source, after uint64) cursor
	kicked   chan struct{} // capacity 1: wants have changed
	relief   relief        // the spill's alone

	mu         sync.Mutex // guards the fields below; never held while storage is asked
	src        Source
	wants      map[string]*want
	keeps      []*keeper       // the newest names the reels
	reels      []*reel         // by First
	deleted    map[string]bool // while reels are being read
	device     uint64
	cache      indexCache
	marks      []Mark // for the reel being written
	gaps       []Gap  // for the next reel
	at         uint64 // segment being stored, or the last that was
	stats      Stats
	ready      chan struct{}
	isReady    bool
	interrupt  context.CancelFunc // ends the wait for the next chunk
	writing    *reel
	done       uint64              // the newest segment that the spill is done with
	awaited    map[uint64]bool     // complete and to be stored
	lost       map[uint64]bool     // counted
	err        error               // what failed last
	unrepaired map[string]*scanner // reels that could not be, by name
	fault      string              // condition raised, "" for none
	pressed    time.Time
}

// want is somebody's.
type want struct{ from uint64 }

// Open returns the journal of a folder. It does not touch storage, which may
// hang: Run does, and Ready tells when it has read what is there.
func Open(cfg Config, r Reporter) (*Journal, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return open(cfg, r, folder{cfg.Dir, cfg.RequireMount}), nil
}

func open(cfg Config, r Reporter, fsys filesystem) *Journal {
	t := &timed{filesystem: fsys}
	j := &Journal{
		reporter: r, fs: t, files: &files{fs: newPatient(fsys)},
		cursor: newCursor, kicked: make(chan struct{}, 1),
		wants: map[string]*want{}, awaited: map[uint64]bool{}, ready: make(chan struct{}),
	}
	cfg = cfg.withDefaults()
	j.cfg.Store(&cfg)
	return j
}

// ErrRestart says that a change needs a new Journal.
var ErrRestart = errors.New("journal: change needs a restart")

// Update changes the bounds; any other change returns ErrRestart and changes
// nothing.
func (j *Journal) Update(cfg Config) error {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return err
	}
	same := *j.cfg.Load()
	same.MaxBytes, same.MaxAge, same.Reserve, same.Loop, same.ReelLength = cfg.MaxBytes, cfg.MaxAge, cfg.Reserve, cfg.Loop, cfg.ReelLength
	if same != cfg {
		return ErrRestart
	}
	j.cfg.Store(&cfg)
	j.kick()
	return nil
}

// Ready is closed when storage has been read for the first time, or could not
// be: from then on Reels, After and Between know of it what there is to know.
func (j *Journal) Ready() <-chan struct{} { return j.ready }

// markReady needs mu.
func (j *Journal) markReady() {
	if !j.isReady {
		j.isReady = true
		close(j.ready)
	}
}

// Want keeps the spill going for a holder until release: from the oldest
// segment of that number or higher that the live window has. Reels from that
// number on are deleted last. A new Want of the same holder replaces the old.
func (j *Journal) Want(holder string, from uint64) (release func()) {
	w := &want{from}
	j.mu.Lock()
	j.wants[holder] = w
	j.mu.Unlock()
	j.kick()
	return func() {
		j.mu.Lock()
		mine := j.wants[holder] == w
		if mine {
			delete(j.wants, holder)
		}
		j.mu.Unlock()
		if mine {
			j.kick()
		}
	}
}

// Keep makes the reels from the next segment on files that stay until Delete,
// until release, which ends the file at the segment's end. Of several Keeps the
// newest names the files.
func (j *Journal) Keep(k Keep) (release func()) {
	j.mu.Lock()
	keep := &keeper{Keep: k, after: max(j.at, j.newest())}
	j.keeps = append(j.keeps, keep)
	j.mu.Unlock()
	j.kick()
	return func() {
		j.mu.Lock()
		j.keeps = slices.DeleteFunc(j.keeps, func(o *keeper) bool { return o == keep })
		j.mu.Unlock()
		j.kick()
	}
}

// newest is the last complete segment of the live window. It needs mu.
func (j *Journal) newest() (sequence uint64) {
	if j.src != nil {
		for s := range j.src.Window().All {
			sequence = s.Sequence
		}
	}
	return sequence
}

// Mark puts a mark into the reel being written.
func (j *Journal) Mark(text string) error {
	j.mu.Lock()
	r := j.writing
	if r == nil {
		j.mu.Unlock()
		return ErrNotWriting
	}
	if len(text) > maxMark || len(r.Marks)+len(j.marks) >= maxMarks {
		j.mu.Unlock()
		return fmt.Errorf("journal: a mark has at most %d bytes, and a reel at most %d marks", maxMark, maxMarks)
	}
	now := time.Now()
	m := Mark{Time: now.Round(0).UTC(), Text: text, At: r.Duration}
	if !r.Begin.IsZero() && now.After(r.Begin) {
		m.At = now.Sub(r.Begin)
	}
	j.marks = append(j.marks, m)
	j.mu.Unlock()
	j.kick()
	return nil
}

const (
	maxMark  = 1024
	maxMarks = 1000
	maxGaps  = 256
)

// Lost tells the journal of a gap in the stream and its cause, which goes into
// the next reel.
func (j *Journal) Lost(g Gap) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.gaps = append(j.gaps, g)
	j.gaps = j.gaps[max(0, len(j.gaps)-maxGaps):]
}

// Reels are all that can be read, oldest first. Kept ones are recordings.
func (j *Journal) Reels() []Reel {
	dir := j.cfg.Load().Dir
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]Reel, len(j.reels))
	for i, r := range j.reels {
		out[i] = r.public(dir)
	}
	return out
}

// Open opens a reel by its name; one being written as far as it is durable.
func (j *Journal) Open(name string) (io.ReadSeekCloser, Reel, error) {
	r, err := j.named(name)
	if err != nil {
		return nil, Reel{}, err
	}
	c := content{files: j.files, name: name, spans: []span{{0, r.Bytes}}}
	f, err := c.Open()
	return f, r, err
}

func (j *Journal) named(name string) (Reel, error) {
	for _, r := range j.Reels() {
		if r.Name == name {
			return r, nil
		}
	}
	return Reel{}, fmt.Errorf("journal: no reel %q: %w", name, fs.ErrNotExist)
}

// Delete deletes a reel and its checksum. ErrWriting refuses one that is being
// written; the error is fs.ErrNotExist where there is none of that name.
func (j *Journal) Delete(name string) error {
	r, err := j.named(name)
	if err != nil {
		return err
	}
	if r.Writing {
		return fmt.Errorf("%w: stop the recording of %s first", ErrWriting, name)
	}
	if err := j.remove(name); err != nil {
		return fmt.Errorf("journal: delete %s: %w", name, err)
	}
	j.kick() // there may be room again
	return nil
}

// remove deletes a closed reel. Its checksum goes last: what tells of a reel
// that is gone is removed with the next one of that name, a reel without its
// checksum would be a worse thing to find.
func (j *Journal) remove(name string) error {
	if err := j.fs.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	j.files.forget(name)
	j.mu.Lock()
	j.reels = slices.DeleteFunc(j.reels, func(r *reel) bool { return r.name == name })
	j.cache.drop(name)
	if j.deleted != nil {
		j.deleted[name] = true
	}
	j.mu.Unlock()
	if err := j.fs.remove(name + checksumExtension); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return j.fs.sync()
}

// Newest is the highest number that is on storage; false where nothing is.
// Numbers that a segmenter gives are to begin above it. It knows after Ready.
func (j *Journal) Newest() (sequence uint64, some bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.reels {
		sequence, some = max(sequence, r.Last), true
	}
	return sequence, some
}

// kick tells the spill that wants have changed.
func (j *Journal) kick() {
	select {
	case j.kicked <- struct{}{}:
	default:
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.interrupt != nil {
		j.interrupt()
	}
}

// Stats are the newest counters.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stats
}

func (j *Journal) note(change func(*Stats)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.stats)
}
