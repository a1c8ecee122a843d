package push

import (
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
)

// counters of the running connection, added to the totals when it ends.
type counters struct {
	bytes   uint64
	dropped uint64
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
	s.Errors = slices.Clone(s.Errors)
	s.LatencyP99 = d.delays.p99(time.Now())
	return s
}

// describe sets what the spec says of the status. d.mu is held, or d not yet
// shared.
func (d *Destination) describe() {
	d.status.Name = d.spec.Target.Name
	d.status.Kind = d.spec.Kind.Name
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

// enter changes the state. err, if any, is kept among the last errors.
func (d *Destination) enter(state State, err error) {
	d.transition(state, err, time.Time{})
}

// waiting is Reconnecting with the time of the next attempt.
func (d *Destination) waiting(err error, wait time.Duration) {
	d.transition(Reconnecting, err, time.Now().Add(wait))
}

func (d *Destination) transition(state State, err error, next time.Time) {
	target := d.current().Target
	var message string
	if err != nil {
		message = describe(target, err)
	}
	var changed bool
	d.change(func(s *Status) {
		changed = s.State != state
		s.State, s.NextAttempt = state, next
		if state != Active {
			s.ConnectedAt = time.Time{}
		}
		if err != nil {
			s.addError(message)
		}
	})
	switch {
	case state == Failed:
		d.log.Error("destination failed", "error", message)
	case err != nil:
		d.log.Warn("destination reconnecting", "error", message, "next", time.Until(next).Round(time.Millisecond))
	case changed:
		d.log.Info("destination changed state", "state", state, "url", output.Redacted(target.URL))
	}
}

func (s *Status) addError(message string) {
	s.Errors = slices.Insert(s.Errors, 0, TimedError{time.Now(), message})
	s.Errors = s.Errors[:min(len(s.Errors), keptErrors)]
}

// attempt begins a connection attempt.
func (d *Destination) attempt(state State) {
	var changed bool
	d.change(func(s *Status) {
		changed = s.State != state
		s.Attempts++
		s.State, s.NextAttempt = state, time.Time{}
	})
	if changed {
		d.log.Info("destination changed state", "state", state, "url", output.Redacted(d.current().Target.URL))
	}
}

func (d *Destination) connected() {
	d.change(func(s *Status) {
		s.State, s.ConnectedAt = Active, time.Now()
		d.live.samples = append(d.live.samples[:0], sample{time.Now(), 0})
	})
	d.log.Info("destination changed state", "state", Active, "url", output.Redacted(d.current().Target.URL))
}

// measured takes in the running connection's counters and reports.
func (d *Destination) measured(c output.ConnStats, r hub.ReaderStats) {
	d.change(func(s *Status) {
		d.live.bytes, d.live.dropped = c.BytesSent, r.Dropped
		s.Bitrate = d.live.rate(time.Now())
		s.QueuePackets, s.QueueBytes = r.Packets, r.Bytes
		s.RTT, s.Retransmitted, s.Lost, s.Outstanding = c.RTT, c.Retransmitted, c.Lost, c.Outstanding
	})
}

// disconnected adds an ended connection to the totals. The next transition
// reports it.
func (d *Destination) disconnected(c output.ConnStats, r hub.ReaderStats) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status.Bytes += max(c.BytesSent, d.live.bytes)
	d.status.Dropped += r.Dropped
	d.live = counters{samples: d.live.samples[:0]}
	s := &d.status
	s.Bitrate, s.QueuePackets, s.QueueBytes, s.RTT, s.Outstanding = 0, 0, 0, 0, 0
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
