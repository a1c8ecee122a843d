package push

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
)

// rest is a life without work: disabled, paused or held.
func (d *Destination) rest(ctx context.Context, reason string) {
	d.move(move{state: Disabled, reason: reason})
	<-ctx.Done()
}

// work pushes as one spec says, until ctx ends.
func (d *Destination) work(ctx context.Context, spec Spec) {
	if err := spec.check(); err != nil {
		d.move(move{state: Failed, err: output.WithCause(output.CauseLocal, err)})
		<-ctx.Done()
		return
	}
	d.forgetRetry()
	d.move(move{state: Starting})
	var watching sync.WaitGroup
	watching.Go(func() { d.watchBitrate(ctx) })
	defer func() {
		watching.Wait()
		d.alarm("")
	}()
	l := life{d: d, retry: backoff{draw: d.draw}}
	for ctx.Err() == nil {
		if !l.attempt(ctx) {
			<-ctx.Done()
		}
	}
}

// life is the attempts of a destination from when it is taken into work until it
// is stopped, paused, held, or given another spec.
type life struct {
	d     *Destination
	tried bool
	retry backoff
	churn int // quick track changes in a row
	sent  redirects
	next  *url.URL // where the receiver has sent the next connection; nil for the target's URL
	why   string   // the next attempt is made, where that is no failure
}

// attempt makes one connection and works until it breaks, and waits for the next.
// It returns false when there will be none.
func (l *life) attempt(ctx context.Context) (more bool) {
	d, spec := l.d, l.d.current()
	tracks, err := d.tracks(ctx, spec)
	if err != nil {
		// The hub has closed: nothing will come, but only ctx ends a Run.
		return false
	}
	if len(tracks) == 0 {
		return l.failed(ctx, output.WithCause(output.CauseLocal,
			fmt.Errorf("the stream has nothing that %s takes: %s", spec.Kind.Name, codecList(spec.codecs()))))
	}
	spec = d.current()
	active, err := d.connect(ctx, spec, l.move(spec), l.next, tracks)
	l.tried, l.next, l.why = true, nil, ""
	if active >= stableAfter {
		l.retry.reset()
	}
	return l.after(ctx, spec, active, err)
}

// move is the state that the next attempt begins with.
func (l *life) move(spec Spec) move {
	m := move{state: Reconnecting, reason: l.why}
	if !l.tried {
		m.state = Connecting
	}
	if l.retry.open(spec) {
		m.breaker = BreakerHalfOpen
		m.reason = fmt.Sprintf("after %s in a row this attempt decides", attempts(l.retry.failures))
	}
	return m
}

// after decides how to go on after an attempt, or the connection that it made, has
// ended with err.
func (l *life) after(ctx context.Context, spec Spec, active time.Duration, err error) (more bool) {
	d := l.d
	var (
		vain *waitError
		wish *output.ReconnectError
	)
	switch {
	case ctx.Err() != nil:
		return false
	case errors.Is(err, errProgrammeEnd), errors.Is(err, hub.ErrNothing):
		d.move(move{state: Starting})
		return true
	case errors.Is(err, errQuiet):
		l.tried = false
		return l.awaitPacket(ctx, spec)
	case errors.As(err, &vain):
		// It has taken its time: neither a failure nor one of many wishes in a row.
		l.retry.reset()
		l.sent.reset()
		l.tried = false
		return l.again(Connecting, vain.Error())
	case errors.As(err, &wish):
		if l.next, err = l.sent.follow(spec, wish); err == nil {
			return l.again(Reconnecting, wish.Error())
		}
	case errors.Is(err, output.ErrTrackChanged):
		if l.churn++; active >= time.Second {
			l.churn = 0
		}
		if l.churn < 3 {
			return l.again(Reconnecting, ReasonNewTrack)
		}
		err = fmt.Errorf("the programme's tracks change faster than a connection can be made: %w", err)
	}
	l.sent.reset()
	return l.failed(ctx, err)
}

// ReasonNewTrack is Status.Reason while a connection is made anew for a track that
// the one before could not carry.
const ReasonNewTrack = "the stream has a new track"

// again has the next attempt made at once, for a reason that is no failure.
func (l *life) again(state State, why string) bool {
	l.why = why
	l.d.move(move{state: state, reason: why})
	return true
}

// tracks waits for the programme's tracks; the state is Starting meanwhile.
func (d *Destination) tracks(ctx context.Context, spec Spec) ([]*media.Track, error) {
	r := d.hub.Subscribe(hub.Options{Join: hub.JoinCached, Codecs: spec.codecs(), MaxPackets: 1, MaxBytes: 1})
	defer r.Close()
	over, cancel := context.WithCancel(ctx)
	cancel()
	if tracks, err := r.Tracks(over); err == nil {
		return tracks, nil // known already
	}
	d.move(move{state: Starting})
	return r.Tracks(ctx)
}

// awaitPacket waits, after a connection was ended because there was nothing to
// write, until there is something again.
func (l *life) awaitPacket(ctx context.Context, spec Spec) bool {
	d := l.d
	since := d.hub.Clock().Now()
	r := d.hub.Subscribe(hub.Options{
		Join: hub.JoinCached, Codecs: spec.codecs(), MaxPackets: spec.QueuePackets, MaxBytes: spec.QueueBytes,
	})
	defer r.Close()
	d.move(move{state: Starting, reason: fmt.Sprintf("the stream has sent nothing for %v", spec.Timeout)})
	for {
		p, err := r.Read(ctx)
		if errors.Is(err, hub.ErrNothing) {
			return true // another programme: the next attempt says what is wrong with it
		}
		if err != nil {
			return false // the hub has closed, or ctx has ended
		}
		if p.At >= since {
			return true
		}
	}
}

// failed records a failure and waits for the next attempt. It returns false when
// there will be none: ctx has ended, or RetryLimit is reached.
func (l *life) failed(ctx context.Context, err error) bool {
	d, spec := l.d, l.d.current()
	wait := l.retry.next(spec, errors.Is(err, output.ErrRejected))
	if answer := (*output.AnswerError)(nil); errors.As(err, &answer) {
		wait = max(wait, answer.RetryAfter)
	}
	if l.retry.exhausted(spec) {
		d.move(move{state: Failed, err: fmt.Errorf("gave up after %s: %w", attempts(l.retry.failures), err)})
		// What came before the state was Failed has left it to us.
		return !d.current().sameRetry(spec) || l.askedToRetry()
	}
	m := move{state: Reconnecting, err: err, next: time.Now().Add(wait)}
	if l.retry.open(spec) {
		m.breaker = BreakerOpen
		m.reason = fmt.Sprintf("%s in a row failed: the receiver is left alone until %s, then one attempt decides",
			attempts(l.retry.failures), clockTime(m.next))
	}
	d.move(m)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.retry:
		l.retry.reset()
		return true
	case <-ctx.Done():
		return false
	}
}

// askedToRetry says that a person wants to go on, and forgets the failures if so.
func (l *life) askedToRetry() bool {
	select {
	case <-l.d.retry:
		l.retry.reset()
		return true
	default:
		return false
	}
}

// forgetRetry drops a wish that has come true.
func (d *Destination) forgetRetry() {
	select {
	case <-d.retry:
	default:
	}
}

// codecList is codecs for people.
func codecList(codecs []media.Codec) string {
	names := make([]string, len(codecs))
	for i, c := range codecs {
		names[i] = c.String()
	}
	return strings.Join(names, ", ")
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// clockTime is a time of the next day or so for people, by the box's clock.
func clockTime(t time.Time) string {
	if t.YearDay() != time.Now().YearDay() {
		return t.Format("Mon 15:04:05")
	}
	return t.Format("15:04:05")
}
