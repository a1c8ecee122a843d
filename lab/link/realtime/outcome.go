package realtime

import (
	"fmt"
	"sort"
	"time"

	"github.com/encoderbox/encoderbox/lab/link"
	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/trial"
)

// outcome makes a record of what was sent and what arrived.
func (b Bench) outcome(t trial.Trial, l *link.Link, up bottleneck.Config, zero time.Duration, to receiver, a *arrivals, tap *tap, got account) (*outcome, error) {
	r := t.Scenario.Record(up.Trace, t.Transport, 0)
	r.Picture, r.Arrived = Picture, t.Scenario.Length+after
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.at
	if t.Transport == law.SRT {
		at = tap.pictures()
		for n := range at {
			if _, whole := a.at[n]; !whole {
				delete(at, n)
			}
		}
	}
	count := 1.0
	if t.Transport != law.HTTP && got.Counted > 0 { // whose segments are counted when they are closed
		count = float64(got.Written) / float64(got.Counted)
	}
	for i, f := range got.Frames {
		if f.At >= t.Scenario.Length {
			break
		}
		f.Bytes = int(float64(f.Bytes) * count)
		if when, ok := at[got.First+i]; ok {
			f.Arrived = max(when-zero, f.At)
		}
		r.Frames = append(r.Frames, f)
	}
	if t.Transport == law.HTTP {
		fileTimes(r, a, got)
	}
	r.Moved = func(i, k int) float64 { return b.Ladder.moved(got.Footage[i], got.Footage[k]) }
	r.Points = got.Points
	if b.Samples != "" {
		if err := writeSamples(b.Samples, t, got.Samples); err != nil {
			return nil, err
		}
	}
	r.Waits = waits(l, to.port, zero, t.Scenario.Length, r.Points)
	tolerable := senderLate
	if isLive(t.Scenario) {
		tolerable = liveLate
	}
	return judgeRun(r, l, got, tolerable), nil
}

// waits are those of our packets in the link's queue; each point gets the last before
// it.
func waits(l *link.Link, port uint16, zero, length time.Duration, points []score.Point) (all []time.Duration) {
	ours := map[int]bool{}
	for i, f := range l.Log().Flows() {
		ours[i] = f.To.Port() == port
	}
	next, last := 0, time.Duration(0)
	for _, e := range l.Log().Events() {
		at := e.At - zero
		if e.Kind != bottleneck.Dequeue || !ours[e.Flow] || at < 0 || at >= length {
			continue
		}
		for ; next < len(points) && points[next].At < at; next++ {
			points[next].Wait = last
		}
		last = e.Wait
		all = append(all, e.Wait)
	}
	return all
}

// What is tolerable.
const (
	linkLate   = 5 * time.Millisecond  // of the emulator, in 99 of 100 packets
	senderLate = 25 * time.Millisecond // of pictures, in 99 of 100
	liveLate   = 50 * time.Millisecond // of those that an encoder takes
)

func judgeRun(r *score.Record, l *link.Link, got account, tolerable time.Duration) *outcome {
	stats := l.Stats()
	link := stats.Up.Late.Quantile(.99)
	sort.Slice(got.Late, func(i, k int) bool { return got.Late[i] < got.Late[k] })
	var sender time.Duration
	if n := len(got.Late); n > 0 {
		sender = got.Late[n*99/100]
	}
	return &outcome{
		record: r, late: max(float64(link)/float64(linkLate), float64(sender)/float64(tolerable)),
		how: fmt.Sprintf("link p99 %v, sender p99 %v, errors %q", link, sender, got.Errors),
	}
}

// fileTimes has pictures of HTTP count from when their segment was closed.
func fileTimes(r *score.Record, a *arrivals, got account) {
	closed := map[string]time.Duration{}
	for _, c := range got.Closed {
		closed[c.Name] = c.At
	}
	for n, name := range a.names {
		i := n - got.First
		if at, ok := closed[name]; ok && i >= 0 && i < len(r.Frames) {
			r.Frames[i].At = at
		}
	}
}
