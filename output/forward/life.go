package forward

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/forward/store"
	"github.com/encoderbox/encoderbox/output/push"
	"github.com/encoderbox/encoderbox/output/segment"
)

// life is a destination while one spec holds: a goroutine for live, one for the
// backlog and what has time, and one that watches.
type life struct {
	d     *Destination
	spec  Spec
	set   store.Settings
	src   Source
	files output.Files
	gov   *governor
	keep  *keeper
	// patience is how long segments may be unreadable before they count as lost:
	// a disk may come back.
	patience time.Duration
	wake     chan struct{} // of the backlog
	stale    atomic.Bool   // live is to leave out what is old

	mu      sync.Mutex // guards the fields below
	cur     *cursor
	offer   offer
	loaded  uint64    // cur.next when it was loaded
	doubt   [2]uint64 // what the process before may have sent that the cursor does not know: see doubtful
	ledger  ledger
	books   map[string]*book // by file name
	forgot  bool             // some were forgotten
	live    listing
	dvr     archive
	leaving []string // files that playlists on the origin may still name, to be deleted after that, oldest first
	trash   []string // files to delete, oldest first
	noTrash bool     // the server does not let us
	counts  counts
	liveErr error // of the attempt before; nil when it succeeded
	backErr error
	next    time.Time // of the next attempt of live
	since   time.Time // of ConnectedAt
	owed    bool      // the process before left something waiting
	unread  unreadable
	// waitsSince is when the oldest that waits was; zero while it is not known.
	waitsSince time.Time
	// unreadable counts attempts in a row that failed for a file of this box.
	unreadable int
	incidents  []output.Incident // to be told without the lock
	unrendered string            // why playlists could not be made, as told; "" when all could
}

// unreadable is the oldest number that should be there and is not.
type unreadable struct {
	first uint64
	since time.Time
}

// trickle is how long an upload of the backlog falls silent for live at most:
// servers end requests that do for a minute.
const trickle = 20 * time.Second

// maxTrash bounds the files that wait to be deleted.
const maxTrash = 4096

func newLife(d *Destination, spec Spec) (*life, error) {
	set, err := store.Read(spec.Target.Options)
	if err != nil {
		return nil, err
	}
	files, err := spec.Kind.Files(spec.Target)
	if err != nil {
		return nil, err
	}
	l := &life{
		d: d, spec: spec, set: set, src: d.src, files: files,
		gov:      newGovernor(set.Share, trickle),
		doubt:    [2]uint64{math.MaxUint64, math.MaxUint64},
		keep:     newKeeper(spec.StateDir, spec.Target.Name),
		patience: 30 * spec.RetryDelay,
		wake:     make(chan struct{}, 1),
		books:    map[string]*book{},
		dvr:      archive{held: map[uint64]*segment.Segment{}},
	}
	if !l.stores() || set.Mode == Off {
		l.patience = 0 // nothing can come back
	}
	return l, nil
}

// stores says whether there is storage that keeps what waits.
func (l *life) stores() bool {
	_, none := l.src.(windowOnly)
	return !none
}

// run works until ctx ends. What it starts has ended when it returns.
func (l *life) run(ctx context.Context) {
	l.load()
	l.mu.Lock()
	l.reconnected()
	l.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { l.lane(ctx, &lane{name: "live", step: l.liveStep}) })
	wg.Go(func() { l.lane(ctx, &lane{name: "backlog", step: l.backlogStep, backlog: true}) })
	l.watch(ctx)
	wg.Wait()
	_ = l.files.Close()
	l.persist(true)
}

// load takes up the cursor of a run before.
func (l *life) load() {
	l.cur = &cursor{}
	c, err := l.keep.load()
	id := identity(l.spec.Target)
	switch {
	case err != nil:
		err = fmt.Errorf("what was delivered before is not known, going on with live: %w", err)
		l.d.failed(err, func(*Status) {})
		l.d.tell(output.Incident{Kind: output.Restart, Symptom: output.SymptomStorage, Blame: output.BlameDisk, Err: err})
	case c != nil && c.target == id:
		l.cur, l.owed = c, !c.current
	}
	l.cur.target, l.loaded = id, l.cur.next
	if l.set.Mode == InOrder && l.cur.started && l.cur.next > l.cur.begin {
		if hole, ok := l.cur.pending(l.cur.next - 1); ok {
			l.cur.next = hole.first // the mode was another one
		}
	}
	l.ledger.seen, l.dvr.next, l.ledger.run = l.cur.next, l.cur.next, l.cur.run
	if hole, ok := l.cur.pending(l.cur.next); ok {
		l.ledger.seen, l.dvr.next = hole.first, hole.first
	}
	l.relist()
}

// relist takes up the live playlist where it was left, if its segments are
// still known; and what else lies on the origin is to be deleted.
func (l *life) relist() {
	if l.cur.listing {
		for n := l.cur.listed; n < l.cur.next; n++ {
			s, ok := l.src.Segment(n)
			if !ok || !l.cur.done.contains(n) {
				l.live.segments = nil
				break
			}
			l.live.segments = append(l.live.segments, s)
		}
		l.live.dirty = len(l.live.segments) > 0 // its last upload may have failed
	}
	if !l.set.Delete {
		l.cur.names = nil
		return
	}
	listed := map[string]bool{}
	for _, s := range l.live.segments {
		for _, m := range medias(s) {
			listed[m.Name] = true
		}
	}
	for _, name := range l.cur.names {
		if !listed[name] {
			l.leaving = append(l.leaving, name)
		}
	}
}

// lane is one of the two ways to the origin.
type lane struct {
	name    string
	backlog bool
	retry   push.Backoff
	step    func(context.Context, *lane) (wait <-chan struct{}, err error)
}

// lane works off one of the ways until ctx ends.
func (l *life) lane(ctx context.Context, ln *lane) {
	ln.retry = push.Backoff{Delay: l.spec.RetryDelay, Jitter: l.d.jitter}
	for ctx.Err() == nil {
		wait, err := l.safely(ctx, ln)
		l.tell()
		if ctx.Err() != nil {
			return
		}
		delay := l.d.poll
		switch {
		case err != nil:
			wait = nil
			delay = l.failed(ln, err)
		case wait == nil:
			l.succeeded(ln)
			continue
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
		case <-wait:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// safely makes a panic a failure of this step, no more.
func (l *life) safely(ctx context.Context, ln *lane) (wait <-chan struct{}, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.d.log.Error("destination panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	return ln.step(ctx, ln)
}

// failed puts a failure down and says how long to wait.
func (l *life) failed(ln *lane, err error) time.Duration {
	cause, blame := diagnose(err)
	first := ln.retry.Failures() == 0
	ln.retry.Max = min(l.spec.RetryMax, max(RetryLink, l.spec.RetryDelay))
	var no *output.AnswerError
	if errors.As(err, &no) {
		ln.retry.Max = l.spec.RetryMax
	}
	wait := ln.retry.Next(errors.Is(err, output.ErrRejected))
	if no != nil {
		wait = max(wait, no.RetryAfter)
	}
	l.mu.Lock()
	if ln.backlog {
		l.backErr = err
	} else {
		l.liveErr, l.next, l.since = err, time.Now().Add(wait), time.Time{}
	}
	l.mu.Unlock()
	l.d.failed(err, l.fillStatus)
	if first {
		symptom := output.SymptomConnection
		if no != nil {
			symptom = output.SymptomRefused
		}
		l.d.tell(output.Incident{Kind: output.Late, Symptom: symptom, Blame: blame, Err: err, Detail: cause + ": " + push.Describe(l.spec.Target, err)})
	}
	return wait
}

func (l *life) succeeded(ln *lane) {
	ln.retry.Reset()
	l.mu.Lock()
	var changed bool
	if ln.backlog {
		changed, l.backErr = l.backErr != nil, nil
	} else {
		changed = l.liveErr != nil || l.since.IsZero()
		if l.liveErr != nil {
			l.reconnected()
		}
		l.liveErr, l.next = nil, time.Time{}
		if l.since.IsZero() {
			l.since = time.Now()
		}
	}
	l.mu.Unlock()
	if changed {
		l.nudge()
		l.d.change(l.fillStatus)
	}
}

// nudge tells the backlog that there may be work.
func (l *life) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// note keeps an incident until nobody holds the lock. l.mu is held.
func (l *life) note(i output.Incident) {
	if len(l.incidents) < maxNoted {
		l.incidents = append(l.incidents, i)
	}
}

const maxNoted = 64

// tell passes on what was noted.
func (l *life) tell() {
	l.mu.Lock()
	all := l.incidents
	l.incidents = nil
	l.mu.Unlock()
	for _, i := range all {
		l.d.tell(i)
	}
}
