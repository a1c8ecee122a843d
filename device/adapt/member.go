package adapt

import (
	"log/slog"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/output"
)

// The states of a path.
const (
	stateFollowing = "following"
	stateShed      = "shed"
	statePaused    = "paused"
	stateOutage    = "outage"
	stateIdle      = "idle"
)

// member is a destination that runs. All but its first two fields are the run's.
type member struct {
	name string
	path Path

	broken      bool // it panicked, and is not asked again
	connection  uint64
	connected   bool          // it was, once
	seen        time.Duration // when it was connected last, on the loop's clock
	sample      rate.Sample
	sent, acked meter
	decision    rate.PathDecision
	state       string

	advised output.PathAdvice
	flush   rising

	outage time.Duration // when the one began that goes on; 0: none does
}

// look reads the path.
func (m *member) look(now time.Duration, log *slog.Logger) {
	p, connection, ok := m.ask(log)
	if !ok {
		connection = 0
	}
	if connection != m.connection {
		m.sent.reset()
		m.acked.reset()
		m.connection = connection
	}
	if connection == 0 {
		m.sample = rate.Sample{}
		return
	}
	m.connected, m.seen = true, now
	m.sample = rate.Sample(p)
	m.sent.segment, m.acked.segment = p.Segment, p.Segment
	m.sent.add(p.At, p.Written)
	if gone := p.Outstanding + p.Dropped; gone <= p.Written {
		m.acked.add(p.At, p.Written-gone)
	}
}

// counts says that the path has a say: it is connected, or was a moment ago. Others
// must not keep the bit rate down for those who watch beside them.
func (m *member) counts(now time.Duration) bool {
	return m.connection != 0 || m.connected && now < m.seen+remembered
}

// ask calls the path. What panics there is left alone from then on.
func (m *member) ask(log *slog.Logger) (p output.Path, connection uint64, ok bool) {
	if m.broken {
		return p, 0, false
	}
	defer func() {
		if r := recover(); r != nil {
			m.broken, ok = true, false
			log.Error("a destination's link cannot be followed any more", "destination", m.name, "panic", r)
		}
	}()
	return m.path.Path()
}

// advise tells the destination what changed.
func (m *member) advise(a output.PathAdvice, log *slog.Logger) {
	if m.broken || a == m.advised {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			m.broken = true
			log.Error("a destination cannot be advised any more", "destination", m.name, "panic", r)
		}
	}()
	m.path.Advise(a)
	m.advised = a
}

// follow takes what was decided.
func (m *member) follow(d rate.PathDecision, log *slog.Logger) {
	m.decision = d
	switch {
	case m.connection == 0:
		m.state = stateIdle
	case d.Pause:
		m.state = statePaused
	case d.Shed:
		m.state = stateShed
	case d.Advice.Reason == rate.Outage:
		m.state = stateOutage
	default:
		m.state = stateFollowing
	}
	m.advise(output.PathAdvice{Pace: d.Advice.Pace, Shed: d.Shed, Pause: d.Pause, Flush: m.flush.add(d.Advice.Flush)}, log)
}

// release lifts what was advised.
func (m *member) release(log *slog.Logger) {
	m.decision, m.state, m.outage = rate.PathDecision{}, stateIdle, 0
	m.advise(output.PathAdvice{Flush: m.advised.Flush}, log)
}

// point is the path at this moment.
func (m *member) point() status.RatePathPoint {
	p := status.RatePathPoint{State: m.state}
	if m.connection == 0 {
		return p
	}
	a := m.decision.Advice
	p.Target, p.Estimate = a.Target, a.Estimate
	p.Sent, p.Acked = rates(&m.sent, &m.acked)
	p.Queue, p.RTT = milliseconds(a.Queue), milliseconds(m.sample.RTT)
	return p
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}

// rising makes of counters that begin anew one that does not. The first value is
// where the count begins.
type rising struct {
	total, last uint64
	known       bool
}

func (r *rising) add(n uint64) uint64 {
	if r.known && n > r.last {
		r.total += n - r.last
	}
	r.last, r.known = n, true
	return r.total
}
