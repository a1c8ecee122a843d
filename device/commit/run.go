package commit

import (
	"context"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

// ConditionRolledBack is raised after a start that went back to another configuration
// (Recover, Rescue), until one is saved.
const ConditionRolledBack = "config.rolled_back"

// far is when nothing is due.
const far = 24 * time.Hour

// Run undoes changes that are not confirmed in time, tries again what could not be
// applied, ends trials, and keeps the conditions that tell of these. It returns when ctx
// ends, and leaves a change that waits as it is: after a restart the box comes up with
// startup, the configuration before.
func (k *Keeper) Run(ctx context.Context) {
	k.watch(true)
	defer k.watch(false)
	k.begin()
	tick := time.NewTimer(far)
	defer tick.Stop()
	for ctx.Err() == nil {
		tick.Reset(k.due(ctx))
		select {
		case <-ctx.Done():
		case <-k.wake:
		case <-tick.C:
		}
	}
	if err := k.trial.leave(); err != nil {
		k.o.Log.Warn("the trial of the configuration is not ended", "err", err)
	}
}

// look has Run look what is due.
func (k *Keeper) look() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// begin tells of the file that the box starts from, and keeps it.
func (k *Keeper) begin() {
	k.changing.Lock()
	defer k.changing.Unlock()
	if err := k.sweep(); err != nil {
		k.o.Log.Warn("what a power cut left half written stays", "err", err)
	}
	comment := "found in the file"
	if r := k.o.Recovered; r != nil {
		what := r.why
		if len(r.bad) > 0 {
			if err := k.versions.keep(r.bad, "unknown", comment); err != nil {
				k.o.Log.Warn("no version of the configuration was kept", "err", err)
			} else {
				what += "; that is version 1 now (config versions)"
			}
		}
		comment = "brought back at the start: what was there did not run"
		k.o.Log.Error("configuration", "what", what)
		k.o.Report.Log(status.Event{Severity: status.Error, Subject: "configuration", Message: what})
		k.o.Report.Raise(status.Condition{Code: ConditionRolledBack, Severity: status.Error, Message: "the box " + what})
	}
	k.keepFile(&Done{}, "unknown", comment)
	if doc, err := k.o.Disk.ReadFile(k.o.File); err == nil {
		k.trial.follow(doc)
	}
}

// due does what is due, and says after which time more may be.
func (k *Keeper) due(ctx context.Context) time.Duration {
	if p := k.waiting(); p != nil && p.left() <= 0 {
		k.expire(ctx, p)
	}
	if l := k.lags(); l != nil && time.Until(l.at) <= 0 {
		k.catchUp(ctx, l)
	}
	next := far
	p, l := k.waiting(), k.lags()
	if p != nil {
		k.o.Report.Raise(unconfirmed(p))
		next = min(next, untilTold(p.left()))
	} else {
		k.o.Report.Clear(ConditionUnconfirmed)
	}
	if l != nil {
		k.o.Report.Raise(l.condition())
		next = min(next, time.Until(l.at))
	} else {
		k.o.Report.Clear(ConditionNotApplied)
	}
	left, on := k.trial.left()
	switch {
	case !on || p != nil || l != nil: // it is not what runs, or it does not
	case left > 0:
		next = min(next, left)
	default:
		k.passed()
	}
	return max(0, next)
}

// passed ends the trial of startup.
func (k *Keeper) passed() {
	k.changing.Lock()
	defer k.changing.Unlock()
	doc, err := k.o.Disk.ReadFile(k.o.File)
	if err == nil {
		err = k.trial.pass(doc)
	}
	if err != nil {
		k.o.Log.Warn("the configuration is not kept as one that runs: a start cannot go back to it", "err", err)
	}
}

// watch notes whether Run runs.
func (k *Keeper) watch(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.watched = on
}
