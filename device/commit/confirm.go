package commit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
)

// How long a change may wait for its confirmation.
const (
	DefaultWindow = time.Minute
	MinWindow     = 10 * time.Second
	MaxWindow     = time.Hour
)

// ConditionUnconfirmed is raised while a change waits for its confirmation.
const ConditionUnconfirmed = "config.unconfirmed"

// pending is a change that runs and is not saved. It is immutable but for its outcome.
type pending struct {
	Pending
	mine     bool
	outcome  atomic.Int32
	why      string
	old, new *config.Config
	left     func() time.Duration // by the monotonic clock: wall clocks are set
}

// Outcomes of a change that waits.
const (
	waits = iota
	saves
	undoes
)

func secondsLeft(p *pending) int { return int(math.Ceil(max(0, p.left().Seconds()))) }

// refusal is the error of another change meanwhile.
func (p *pending) refusal() error {
	return fmt.Errorf("config: %w: %s changed %s, undone in %d s; confirm or revert that first", ErrPending, p.By, few(p.Paths), secondsLeft(p))
}

func (k *Keeper) waiting() *pending {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pending
}

func (k *Keeper) wait(p *pending) {
	k.mu.Lock()
	k.pending = p
	k.mu.Unlock()
	k.look()
}

// Try has a change run, and undoes it after within unless it is confirmed: 0
// is DefaultWindow. It is not saved before. Change.Doc is ignored.
func (k *Keeper) Try(ctx context.Context, c Change, within time.Duration) (Done, error) {
	_, done, err := k.try(ctx, c, within)
	return done, err
}

// try is Try. It returns what waits, or waited; nil where nothing changes.
func (k *Keeper) try(ctx context.Context, c Change, within time.Duration) (*pending, Done, error) {
	if within == 0 {
		within = DefaultWindow
	}
	if within < MinWindow || within > MaxWindow {
		return nil, Done{}, fmt.Errorf("config: commit confirmed within %s: expected %s to %s", within, config.Duration(MinWindow), config.Duration(MaxWindow))
	}
	p, done, err := k.start(c, within)
	if err != nil || p == nil {
		return nil, done, err
	}
	k.tell(c.By, fmt.Sprintf("changed for %s unless confirmed,", config.Duration(within)), done)
	err = k.apply(ctx, p.old, p.new)
	done, err = k.applied(ctx, done, err, func() (bool, error) { return k.goBack(ctx, p) })
	return p, done, err
}

// start is all of Try but Apply. It is nil where nothing changes.
func (k *Keeper) start(c Change, within time.Duration) (*pending, Done, error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	s, done, err := k.prepare(c)
	if err != nil || len(done.Paths) == 0 {
		return nil, done, err
	}
	k.mu.Lock()
	watched := k.watched
	k.mu.Unlock()
	if !watched {
		return nil, Done{}, errors.New("config: commit confirmed: the daemon is starting or stopping, and nobody would undo the change; commit it without confirmation")
	}
	if err := k.fileIsStartup(); err != nil {
		return nil, Done{}, err
	}
	start := time.Now()
	deadline := start.Add(within)
	p := &pending{
		mine:    c.mine,
		Pending: Pending{By: c.By, Since: start.Round(0), Deadline: deadline.Round(0), Paths: done.Paths},
		why:     c.Why, old: s.old, new: s.next,
		left: func() time.Duration { return time.Until(deadline) },
	}
	k.take(s.next)
	k.wait(p)
	return p, done, nil
}

// fileIsStartup refuses early what could not be confirmed later.
func (k *Keeper) fileIsStartup() error {
	doc, err := k.o.Disk.ReadFile(k.o.File)
	if err != nil {
		return fmt.Errorf("config: commit confirmed: %w", err)
	}
	cfg, err := config.Parse(k.o.File, doc, config.Rules{})
	if err != nil || !cfg.Equal(k.Startup()) {
		return fmt.Errorf("config: commit confirmed: %s: %w", k.o.File, config.ErrChanged)
	}
	return nil
}

// Confirm saves the change that waits for it. Where it cannot be saved, it goes on
// waiting.
func (k *Keeper) Confirm(by string) (Done, error) {
	done, err := k.confirm(by)
	if err == nil {
		k.tell(by, "confirmed", done)
	}
	return done, err
}

func (k *Keeper) confirm(by string) (Done, error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	p := k.waiting()
	if p == nil {
		return Done{}, fmt.Errorf("config: confirm: %w: there was none, it was undone already, or it is saved", ErrNotPending)
	}
	done := Done{Paths: p.Paths}
	k.keepFile(&done, "unknown", "found in the file")
	if err := k.store(p.new, nil, &done); err != nil {
		return Done{}, fmt.Errorf("config: confirm: %w; the change is undone in %d s unless a confirmation succeeds", err, secondsLeft(p))
	}
	p.outcome.Store(saves)
	k.wait(nil)
	who := p.By
	if by != p.By {
		who += ", confirmed by " + by
	}
	k.keepFile(&done, who, comment(p.why, p.Paths))
	return done, nil
}

// Revert undoes the change that waits for its confirmation, now.
func (k *Keeper) Revert(ctx context.Context, by string) error {
	return k.revert(ctx, by, k.waiting())
}

// revert is Revert of the change that waited, or of none.
func (k *Keeper) revert(ctx context.Context, by string, p *pending) error {
	if p == nil || !k.withdraw(p) {
		return fmt.Errorf("config: revert: %w: nothing to undo; config rollback 1 brings back the version before", ErrNotPending)
	}
	k.tell(by, "undone", Done{Paths: p.Paths})
	return k.applyAgain(ctx, p.new, p.old)
}

// withdraw makes startup the running configuration in place of a change, if that still
// waits.
func (k *Keeper) withdraw(p *pending) (done bool) {
	k.changing.Lock()
	defer k.changing.Unlock()
	if k.waiting() != p {
		return false
	}
	k.take(p.old)
	p.outcome.Store(undoes)
	k.wait(nil)
	return true
}

// goBack has startup run again in place of a change, if that still waits.
func (k *Keeper) goBack(ctx context.Context, p *pending) (undone bool, err error) {
	if !k.withdraw(p) {
		return false, nil
	}
	return true, k.applyAgain(ctx, p.new, p.old)
}

// expire undoes a change that nobody confirmed.
func (k *Keeper) expire(ctx context.Context, p *pending) {
	if !k.withdraw(p) {
		return // confirmed at the last moment, or undone by somebody
	}
	k.o.Log.Warn("a change of the configuration was not confirmed in time: undone", "by", p.By, "paths", few(p.Paths))
	k.o.Report.Log(status.Event{
		Severity: status.Warning, Subject: "configuration",
		Message: fmt.Sprintf("undone: the change by %s was not confirmed in time: %s%s", p.By, few(p.Paths), p.where()),
	})
	_ = k.applyAgain(ctx, p.new, p.old) // a condition tells of a failure
}

// where says where the edits are that were undone.
func (p *pending) where() string {
	if !p.mine {
		return ""
	}
	return "; it is the candidate again of who made it (config diff)"
}

func unconfirmed(p *pending) status.Condition {
	return status.Condition{
		Code: ConditionUnconfirmed, Severity: status.Warning,
		Message: fmt.Sprintf("undone in %d s unless confirmed: the change by %s of %s", secondsLeft(p), p.By, few(p.Paths)),
	}
}

// untilTold is when the seconds left are told again: each of the last two minutes', and
// every ten before, so that a long wait does not keep everybody busy.
func untilTold(left time.Duration) time.Duration {
	step := time.Second
	if left > 2*time.Minute {
		step = 10 * time.Second
	}
	if rest := left % step; rest > 0 {
		return rest
	}
	return step
}
