package law

import (
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
)

// OBS's figures.
const (
	obsPackets = 5
	obsSpan    = 200 * time.Millisecond
	obsUp      = 4 * time.Second
	obsWindow  = 1500 * time.Millisecond // "the last 1–2 s"
)

// obs acts when at least 5 packets and 200 ms wait in its own queue: down to the rate
// at which it lately gave to the socket. Up by a tenth of the original bit rate each
// 4 s.
type obs struct {
	limits   rate.Limits
	target   int
	queue    OwnQueue
	sent     []sentAt
	acted    time.Duration
	hasActed bool
}

type sentAt struct {
	at    time.Duration
	bytes uint64
}

// OBS is the law of OBS's dynamic bit rate, of RTMP. It starts at the maximum, as its
// original bit rate is what it was set to.
func OBS(l rate.Limits) rate.Law { return &obs{limits: l, target: l.Max} }

// Watch implements QueueWatcher.
func (o *obs) Watch(q OwnQueue) { o.queue = q }

// Step implements rate.Law.
func (o *obs) Step(s rate.Sample) rate.Advice {
	o.sent = append(o.sent, sentAt{s.At, o.queue.Sent})
	for len(o.sent) > 2 && s.At-o.sent[1].at >= obsWindow {
		o.sent = o.sent[1:]
	}
	reason := rate.Steady
	congested := o.queue.Packets >= obsPackets && o.queue.Span >= obsSpan
	switch {
	case congested && (!o.hasActed || s.At-o.acted >= obsWindow):
		first := o.sent[0]
		if d := s.At - first.at; d > 0 {
			o.target = min(o.target, int(float64(o.queue.Sent-first.bytes)*8/d.Seconds()))
		}
		o.acted, o.hasActed, reason = s.At, true, rate.Queueing
	case !congested && o.hasActed && o.target < o.limits.Max && s.At-o.acted >= obsUp:
		o.target += o.limits.Max / 10
		o.acted, reason = s.At, rate.Probing
	}
	o.target = min(max(o.target, o.limits.Min), o.limits.Max)
	return rate.Advice{Target: o.target, Reason: reason}
}

// RootEncoder's figures.
const (
	rootEvery = 5 * time.Second
	rootFull  = 0.2
	rootQueue = 160 // pictures: about 400 packets with those of sound
)

// rootEncoder decides each 5 s: 0.8 of the rate that was measured when its queue is a
// fifth full, else 1.2 of it.
type rootEncoder struct {
	limits  rate.Limits
	target  int
	queue   OwnQueue
	from    sentAt
	started bool
}

// RootEncoder is the RootEncoder-style law, of RTMP. It starts at the maximum.
func RootEncoder(l rate.Limits) rate.Law { return &rootEncoder{limits: l, target: l.Max} }

// Watch implements QueueWatcher.
func (r *rootEncoder) Watch(q OwnQueue) { r.queue = q }

// Step implements rate.Law.
func (r *rootEncoder) Step(s rate.Sample) rate.Advice {
	if !r.started {
		r.started, r.from = true, sentAt{s.At, r.queue.Sent}
	}
	reason := rate.Steady
	if d := s.At - r.from.at; d >= rootEvery {
		measured := float64(r.queue.Sent-r.from.bytes) * 8 / d.Seconds()
		r.from = sentAt{s.At, r.queue.Sent}
		if r.queue.Fill >= rootFull {
			r.target, reason = int(0.8*measured), rate.Queueing
		} else {
			r.target, reason = int(1.2*measured), rate.Probing
		}
		r.target = min(max(r.target, r.limits.Min), r.limits.Max)
	}
	return rate.Advice{Target: r.target, Reason: reason}
}
