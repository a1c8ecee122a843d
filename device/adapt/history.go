package adapt

import (
	"math"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

// What is kept.
const (
	historyTime = 10 * time.Minute
	pointsKept  = int(historyTime / pointInterval)
	changesKept = 500
)

// summary is why the target is what it is.
type summary struct{ decider, code, reason, step string }

// point and pathPoint are small: ten minutes of them are kept.
type point struct {
	seq           uint64
	at            time.Duration
	target, video int32
	paths         []pathPoint
}

type pathPoint struct {
	name, state                   string // shared with the member, and a constant
	target, estimate, sent, acked int32
	queue, rtt                    float32 // ms
}

// change is one of the target that counts.
type change struct {
	seq         uint64
	at          time.Duration
	from, to    int
	destination string
	code, text  string
}

// history is the last ten minutes. Times are the loop's: what they are for people is
// found when somebody asks, so that a clock that is set does not tear it apart.
type history struct {
	mu      sync.Mutex // guards the fields below
	seq     uint64
	config  Config
	summary summary
	points  ring[point]
	changes ring[change]
}

func (h *history) describe(c Config, s summary) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.config, h.summary = c, s
}

func (h *history) change(c change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	c.seq = h.seq
	h.changes.add(c, changesKept)
}

// point keeps a point of time. members are only read.
func (h *history) point(now time.Duration, target, video int, members []*member) {
	p := point{at: now, target: int32(target), video: int32(video), paths: make([]pathPoint, 0, len(members))}
	for _, m := range members {
		at := m.point()
		p.paths = append(p.paths, pathPoint{
			name: m.name, state: at.State,
			target: int32(clamp(float64(at.Target))), estimate: int32(clamp(float64(at.Estimate))),
			sent: int32(at.Sent), acked: int32(at.Acked),
			queue: float32(at.Queue), rtt: float32(at.RTT),
		})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	p.seq = h.seq
	h.points.add(p, pointsKept)
}

// after is what came after a number. One from the future is a reader's from before a
// restart, and means all.
func (h *history) after(since uint64, now time.Duration, wall time.Time) status.RateHistory {
	h.mu.Lock()
	defer h.mu.Unlock()
	if since > h.seq {
		since = 0
	}
	when := func(at time.Duration) int64 { return wall.Add(at - now).UnixMilli() }
	mode := "adaptive"
	if h.config.Fixed {
		mode = "fixed"
	}
	out := status.RateHistory{
		Mode: mode, Policy: string(h.config.Policy), Min: h.config.Min, Max: h.config.Max,
		Interval: int(pointInterval.Milliseconds()), Next: h.seq, Now: wall.UnixMilli(),
		Decider: h.summary.decider, Code: h.summary.code, Reason: h.summary.reason, Step: h.summary.step,
		Points: []status.RatePoint{}, Changes: []status.RateChange{},
	}
	h.points.each(func(p *point) {
		if p.seq > since && p.at >= now-historyTime {
			out.Points = append(out.Points, p.shown(when(p.at)))
		}
	})
	h.changes.each(func(c *change) {
		if c.seq > since && c.at >= now-historyTime {
			out.Changes = append(out.Changes, status.RateChange{
				Sequence: c.seq, T: when(c.at), From: c.from, To: c.to, Destination: c.destination, Code: c.code, Text: c.text,
			})
		}
	})
	return out
}

func (p *point) shown(t int64) status.RatePoint {
	paths := make(map[string]status.RatePathPoint, len(p.paths))
	for _, a := range p.paths {
		paths[a.name] = status.RatePathPoint{
			Target: int(a.target), Estimate: int(a.estimate), Sent: int(a.sent), Acked: int(a.acked),
			Queue: tenths(a.queue), RTT: tenths(a.rtt), State: a.state,
		}
	}
	return status.RatePoint{Sequence: p.seq, T: t, Target: int(p.target), Video: int(p.video), Paths: paths}
}

// tenths keeps what the conversion adds out of the JSON.
func tenths(ms float32) float64 { return math.Round(float64(ms)*10) / 10 }

// ring keeps the newest.
type ring[T any] struct {
	all  []T
	head int // the oldest, once it is full
}

func (r *ring[T]) add(v T, most int) {
	if len(r.all) < most {
		r.all = append(r.all, v)
		return
	}
	r.all[r.head] = v
	r.head = (r.head + 1) % len(r.all)
}

// each calls f with all, oldest first.
func (r *ring[T]) each(f func(*T)) {
	for i := range r.all {
		f(&r.all[(r.head+i)%len(r.all)])
	}
}
