package programme

import (
	"fmt"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/status"
)

// An input that comes and goes, on a loose cable, would fill events and log. So
// many changes of its signal are told at once, and as many again after that many
// times changesEvery; those between are counted, and told in one line each
// changesEvery. Conditions and status show each change at once, whatever is told.
const (
	changesAtOnce = 4
	changesEvery  = 15 * time.Minute
)

// changes limits what is told of a signal. The zero value is ready.
type changes struct {
	mu      sync.Mutex // guards the fields below
	last    string     // message of the last change; the same again is none
	paid    time.Time  // until when what was told is paid for, each changesEvery
	untold  int        // changes since the last that was told
	since   time.Time  // of the first of them
	pending line       // of the last of them
}

// line is what is told of a signal.
type line struct {
	severity status.Severity
	message  string
	signal   capture.LiveStatus
	changes  int // that the line stands for
}

// add takes a change of the signal, and says whether and what to tell of it now.
func (c *changes) add(l line, now time.Time) (line, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.message == c.last {
		return line{}, false
	}
	c.last = l.message
	if c.untold++; c.untold == 1 {
		c.since = now
	}
	c.pending = l
	return c.tell(now)
}

// due says whether and what to tell now of changes that were not told.
func (c *changes) due(now time.Time) (line, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tell(now)
}

// rest is what there is to tell at the end.
func (c *changes) rest(now time.Time) (line, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paid = time.Time{}
	return c.tell(now)
}

func (c *changes) tell(now time.Time) (line, bool) {
	const credit = (changesAtOnce - 1) * changesEvery
	if c.untold == 0 || now.Before(c.paid.Add(-credit)) {
		return line{}, false
	}
	if c.paid.Before(now) {
		c.paid = now
	}
	c.paid = c.paid.Add(changesEvery)
	l := c.pending
	l.changes = c.untold
	if l.changes > 1 {
		l.message += fmt.Sprintf("; it changed %d times in %v", l.changes, now.Sub(c.since).Round(time.Second))
		if l.severity == status.Info { // what comes and goes is not well
			l.severity = status.Warning
		}
	}
	if now.Before(c.paid.Add(-credit)) {
		l.message += fmt.Sprintf("; further changes are counted, and told after %v", c.paid.Add(-credit).Sub(now).Round(time.Second))
	}
	c.untold = 0
	return l, true
}

// tellChange writes a line to events and log.
func (p *Programme) tellChange(l line, is bool) {
	if !is {
		return
	}
	s := l.signal
	p.log.Info("input signal", "signal", s.Signal.String(), "detail", s.Detail, "device", s.Device, "changes", l.changes)
	p.report.Event(l.severity, "input", l.message)
}
