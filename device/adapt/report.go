package adapt

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/output"
)

// Of changes, what counts: a cut of a percent at once, else a twentieth, or another
// reason, at the pace of points, and growth for one reason once a second.
const (
	cutCounts    = 100 // a hundredth
	changeCounts = 20
	growthEvery  = time.Second
)

// changes finds those of the target that count. The zero value is ready.
type changes struct {
	known    bool
	last     change        // that counted
	decision rate.Decision // with it
}

// add takes a decision that comes to a target. slow says that this is a moment for what
// is not urgent.
func (c *changes) add(now time.Duration, d rate.Decision, to int, slow bool) (change, bool) {
	if !c.known {
		c.known = true
		c.last = change{at: now, to: to, code: string(d.Reason)}
		c.decision = d
		return change{}, false
	}
	delta := to - c.last.to
	stepped := stepOf(d.Setting) != stepOf(c.decision.Setting)
	other := d.Reason != c.decision.Reason || d.Decider != c.decision.Decider
	switch {
	case stepped, -delta > c.last.to/cutCounts:
	case !slow || delta == 0 && !other:
		return change{}, false
	case other && abs(delta) > c.last.to/cutCounts:
	case abs(delta) >= max(1, c.last.to/changeCounts) && now >= c.last.at+growthEvery:
	default:
		return change{}, false
	}
	code, text := string(d.Reason), d.Reason.Words()
	if stepped {
		code, text = codeStep, stepWords(c.decision.Setting, d)
	}
	c.last = change{at: now, from: c.last.to, to: to, destination: d.Decider, code: code, text: text}
	c.decision = d
	return c.last, true
}

// codeStep is the code of a change that is a step below the least bit rate, or back: the
// reason of the target at that moment does not explain it.
const codeStep = "step"

// stepWords say what a step from before comes to, and why it is taken.
func stepWords(before rate.Setting, d rate.Decision) string {
	up := heightOf(d.Setting) > heightOf(before)
	switch stepOf(d.Setting) {
	case stepAudioOnly:
		return "sound alone: the link does not carry pictures"
	case stepHalfSize:
		if up {
			return "pictures again, half as many and smaller: the link is tried"
		}
		return "smaller pictures: the link carries less than half as many need"
	case stepHalfRate:
		if up {
			return "pictures at full size again, half as many: the link carries them"
		}
		return "half as many pictures: the link carries less than the lowest bit rate"
	}
	if d.Decider == "" {
		return "all pictures again"
	}
	return "all pictures again: the link carries them"
}

// heightOf orders the steps.
func heightOf(s rate.Setting) int {
	return slices.Index([]string{stepAudioOnly, stepHalfSize, stepHalfRate, stepFull}, stepOf(s))
}

// target is the bit rate within the bounds that are set: below the least one, the step
// says what is done.
func (r *run) target(d rate.Decision) int {
	return max(r.config.Min, min(d.Setting.Bitrate, r.config.Max))
}

func abs(n int) int { return max(n, -n) }

// logEvery spaces the lines in the log: what happens between two is counted.
const logEvery = 10 * time.Second

// logLimit writes the changes to the log, not all of them. The zero value is ready.
type logLimit struct {
	due        time.Duration // before it nothing is written
	count      int           // changes since the last line
	first, end change
	low, high  int
}

// note takes a change. Growth alone is no news.
func (l *logLimit) note(c change) {
	notable := c.to < c.from-c.from/10 || l.count > 0
	if !notable {
		return
	}
	if l.count == 0 {
		l.first, l.low, l.high = c, c.from, c.from
	}
	l.count++
	l.end, l.low, l.high = c, min(l.low, c.to), max(l.high, c.to)
}

func (l *logLimit) write(now time.Duration, log *slog.Logger) {
	if l.count == 0 || now < l.due {
		return
	}
	args := []any{"from", l.first.from, "to", l.end.to, "destination", l.end.destination, "why", l.first.text}
	if l.count > 1 {
		args = append(args, "changes", l.count, "lowest", l.low, "highest", l.high)
	}
	log.Info("bit rate", args...)
	l.count, l.due = 0, now+logEvery
}

// shortestOutage is what is told to the flight recorder.
const shortestOutage = time.Second

// outages tells the flight recorder of the end of each outage that the connection
// survived: of one that broke, the destination tells itself.
func (r *run) outages(now time.Duration, m *member) {
	switch {
	case m.connection == 0:
		m.outage = 0
	case m.decision.Advice.Reason == rate.Outage:
		if m.outage == 0 {
			m.outage = now
		}
	case m.outage != 0:
		lasted := now - m.outage
		m.outage = 0
		if lasted < shortestOutage {
			return
		}
		r.loop.opts.Incidents.Report(output.Incident{
			Time: time.Now().Add(-lasted), Subject: "destination " + m.name, Kind: output.Late, Symptom: output.SymptomLate,
			Detail: fmt.Sprintf("the receiver acknowledged nothing for %.1f s", lasted.Seconds()), Duration: lasted,
		})
	}
}

// show reports the status, where it changed.
func (r *run) show(now time.Duration, d rate.Decision, s summary, following bool) {
	c := r.config
	next := &status.Rate{
		Mode: "adaptive", Policy: string(c.Policy), Min: c.Min, Max: c.Max,
		Target: r.target(d), Video: r.video.rate(), Step: s.step,
		Decider: s.decider, Code: s.code, Reason: s.reason,
		Since: r.since(now), Paths: make([]status.RatePath, 0, len(r.members)),
	}
	if c.Fixed {
		next.Mode = "fixed"
	}
	for _, m := range r.members {
		p := status.RatePath{Destination: m.name, RatePathPoint: m.point(), Shares: append([]string{}, m.decision.Shares...)}
		if m.connection != 0 {
			reason := m.decision.Advice.Reason
			p.Code, p.Reason = string(reason), reason.Words()
		}
		slices.Sort(p.Shares)
		next.Paths = append(next.Paths, p)
	}
	if old := r.reported; old != nil && !following {
		same := *next
		same.Video = old.Video // measured anew each time: no news while nothing follows it
		if reflect.DeepEqual(&same, old) {
			return
		}
	}
	r.report(next)
}

// since is when the target last changed. What is not new keeps its time, also when
// the clock is set.
func (r *run) since(now time.Duration) time.Time {
	if r.reported != nil && r.sinceAt == r.changes.last.at {
		return r.reported.Since
	}
	r.sinceAt = r.changes.last.at
	return time.Now().Add(r.sinceAt - now)
}

func (r *run) report(next *status.Rate) {
	if next == nil && r.reported == nil {
		return
	}
	r.reported = next
	r.loop.opts.Report(next)
}
