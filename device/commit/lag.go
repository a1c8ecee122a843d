package commit

import (
	"context"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
)

// ConditionNotApplied is raised while the box does not do what the running configuration
// says: what it began with, or went back to, could not be applied.
const ConditionNotApplied = "config.not_applied"

// How long after a failure it is tried again to apply what runs.
const (
	firstRetry   = time.Second
	longestRetry = 30 * time.Second
)

// lag is that the box does not follow the running configuration. It is immutable.
type lag struct {
	err   error
	from  *config.Config // what was to be left
	pause time.Duration
	at    time.Time // of the next try
}

// Behind says that the running configuration could not be applied, and that there is
// none before to go back to. It is tried again until it can be, or another one runs.
func (k *Keeper) Behind(err error) { k.behind(err, k.Running(), firstRetry) }

func (k *Keeper) behind(err error, from *config.Config, pause time.Duration) {
	k.mu.Lock()
	k.lagging = &lag{err: err, from: from, pause: pause, at: time.Now().Add(pause)}
	k.mu.Unlock()
	k.o.Log.Error("the configuration does not run", "err", err, "again", pause)
	k.look()
}

// lags is the lag there is, nil for none.
func (k *Keeper) lags() *lag {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lagging
}

// apply has the box follow next.
func (k *Keeper) apply(ctx context.Context, old, next *config.Config) error {
	var err error
	if k.o.Apply != nil {
		err = k.o.Apply(ctx, old, next)
	}
	if err == nil {
		k.mu.Lock()
		k.lagging = nil
		k.mu.Unlock()
		k.look()
	}
	return err
}

// applyAgain has the box go back to a configuration, and does not give that up.
func (k *Keeper) applyAgain(ctx context.Context, from, back *config.Config) error {
	err := k.apply(ctx, from, back)
	if err != nil && ctx.Err() == nil {
		k.behind(err, from, firstRetry)
	}
	return err
}

// catchUp tries to end a lag.
func (k *Keeper) catchUp(ctx context.Context, l *lag) {
	err := k.apply(ctx, l.from, k.Running())
	if err != nil && ctx.Err() == nil && k.lags() == l {
		k.behind(err, l.from, min(2*l.pause, longestRetry))
	}
	if err == nil {
		k.o.Report.Log(status.Event{Severity: status.Info, Subject: "configuration", Message: "applied: the box follows its configuration again"})
	}
}

func (l *lag) condition() status.Condition {
	return status.Condition{
		Code: ConditionNotApplied, Severity: status.Error,
		Message: fmt.Sprintf("the box does not follow its configuration: %v; it is tried again every %s at most; mend what it says, or commit another configuration", l.err, config.Duration(longestRetry)),
	}
}
