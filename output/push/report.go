package push

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
)

// counters of the running connection, added to the totals when it ends.
type counters struct {
	bytes   uint64
	dropped uint64
	shed    uint64
	samples []sample // of the last seconds, oldest first
}

type sample struct {
	at    time.Time
	bytes uint64
}

// rateSamples at one a second: the bitrate is over the last 4 seconds.
const rateSamples = 5

// snapshot is called with d.mu held.
func (d *Destination) snapshot() Status {
	s := d.status
	s.Bytes += d.live.bytes
	s.Dropped += d.live.dropped
	s.Shed += d.live.shed
	if s.State == Active {
		s.Shedding = shedding(d.advice)
		if words := sheddingWords[s.Shedding]; words != "" {
			s.Reason = strings.TrimPrefix(s.Reason+"; "+words, "; ")
		}
	}
	s.Errors = slices.Clone(s.Errors)
	s.LatencyP99 = d.delays.p99(time.Now())
	return s
}

// describe sets what the spec says of the status. d.mu is held, or d not yet
// shared.
func (d *Destination) describe() {
	d.status.Name = d.spec.Target.Name
	d.status.Kind = d.spec.Kind.Name
	d.status.Enabled = d.spec.Enabled
	d.status.URL = output.Redacted(d.spec.Target.URL)
}

// change alters the status under the lock and reports the result.
func (d *Destination) change(f func(*Status)) {
	d.reporting.Lock()
	defer d.reporting.Unlock()
	d.mu.Lock()
	f(&d.status)
	s := d.snapshot()
	d.mu.Unlock()
	d.report(s)
}

// move is a change of state.
type move struct {
	state   State
	err     error     // the failure it follows; kept among the last errors
	reason  string    // in words, where it is no failure
	next    time.Time // of the attempt that Reconnecting waits for
	breaker string
}

// move changes the state.
func (d *Destination) move(m move) {
	d.mu.Lock()
	target, via := d.spec.Target, d.via
	d.mu.Unlock()
	var message string
	if m.err != nil {
		message = describe(target, m.err)
	}
	if there := target; via != nil {
		there.URL = via
		message = clean(there, message)
	}
	cause := output.CauseOf(m.err)
	var changed bool
	d.change(func(s *Status) {
		changed = s.State != m.state || m.state == Disabled && s.Reason != m.reason
		s.State, s.NextAttempt, s.Cause, s.Breaker = m.state, m.next, cause, m.breaker
		s.Reason = clean(target, m.reason)
		s.Paused, s.Held = m.state == Disabled && d.paused != "", m.state == Disabled && d.held != ""
		if m.state != Active {
			s.ConnectedAt = time.Time{}
		}
		if m.err != nil {
			s.addError(message, cause)
		}
	})
	switch {
	case m.state == Failed:
		d.log.Error("destination failed", "error", message, "cause", cause)
	case m.err != nil:
		d.log.Warn("destination reconnecting", "error", message, "cause", cause, "next", time.Until(m.next).Round(time.Millisecond))
	case changed:
		d.log.Info("destination changed state", "state", m.state, "reason", m.reason, "url", output.Redacted(target.URL))
	}
}

func (s *Status) addError(message string, cause output.Cause) {
	s.Errors = slices.Insert(s.Errors, 0, TimedError{Time: time.Now(), Message: message, Cause: cause})
	s.Errors = s.Errors[:min(len(s.Errors), keptErrors)]
}

// attempt begins a connection attempt: to via, or to the target's URL where that
// is nil. The cause of the failure before it stays.
func (d *Destination) attempt(m move, via *url.URL) {
	var changed bool
	d.change(func(s *Status) {
		d.via = via
		changed = s.State != m.state
		s.Attempts++
		s.State, s.NextAttempt = m.state, time.Time{}
		s.Reason, s.Breaker = m.reason, m.breaker
	})
	if changed {
		d.log.Info("destination changed state", "state", m.state, "url", output.Redacted(d.current().Target.URL))
	}
}

func (d *Destination) connected(conn output.Conn) {
	var reason string
	d.change(func(s *Status) {
		d.forgetRetry()
		d.conn = conn
		if d.via != nil {
			reason = "at " + output.Redacted(d.via) + ", where the receiver has sent us"
		}
		s.State, s.ConnectedAt, s.Cause, s.Reason, s.Breaker = Active, time.Now(), "", reason, ""
		d.live.samples = append(d.live.samples[:0], sample{time.Now(), 0})
	})
	d.log.Info("destination changed state", "state", Active, "reason", reason, "url", output.Redacted(d.current().Target.URL))
}

// measured takes in the running connection's counters and reports.
func (d *Destination) measured(c output.ConnStats, r hub.ReaderStats) {
	d.change(func(s *Status) {
		d.live.bytes, d.live.dropped, d.live.shed = c.BytesSent, r.Dropped, r.Shed
		s.Bitrate = d.live.rate(time.Now())
		s.QueuePackets, s.QueueBytes = r.Packets, r.Bytes
		s.RTT, s.Retransmitted, s.Lost, s.Outstanding = c.RTT, c.Retransmitted, c.Lost, c.Outstanding
		s.InFlight, s.Buffered, s.Bandwidth = c.InFlight, c.Buffered, c.Bandwidth
	})
}

// disconnected adds an ended connection to the totals. The next transition
// reports it.
func (d *Destination) disconnected(c output.ConnStats, r hub.ReaderStats) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status.Bytes += max(c.BytesSent, d.live.bytes)
	d.status.Dropped += r.Dropped
	d.status.Shed += r.Shed
	d.live, d.conn = counters{samples: d.live.samples[:0]}, nil
	s := &d.status
	s.Bitrate, s.QueuePackets, s.QueueBytes, s.RTT, s.Outstanding = 0, 0, 0, 0, 0
	s.InFlight, s.Buffered, s.Bandwidth = 0, 0, 0
}

// rate notes the bytes sent by now and returns the recent bits per second.
func (c *counters) rate(now time.Time) int {
	c.samples = append(c.samples, sample{now, c.bytes})
	if len(c.samples) > rateSamples {
		c.samples = slices.Delete(c.samples, 0, len(c.samples)-rateSamples)
	}
	first := c.samples[0]
	elapsed := now.Sub(first.at)
	if elapsed <= 0 || c.bytes < first.bytes {
		return 0
	}
	return int(float64(c.bytes-first.bytes) * 8 / elapsed.Seconds())
}
