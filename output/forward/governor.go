package forward

import (
	"context"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// governor shares the link between live and the backlog. Live is never held up:
// while it sends, the backlog waits, and otherwise has a token bucket that
// fills at its share of what the link was measured to take.
type governor struct {
	share   float64
	trickle time.Duration // the longest wait for live: a server must not see a request fall silent

	mu      sync.Mutex // guards the fields below
	live    int        // uploads of live that are under way
	idle    chan struct{}
	samples []sample
	tokens  float64 // bytes; may be a debt
	filled  time.Time
	pausing chan struct{} // closed when live may send again; nil: it may
	holding chan struct{} // the same of the backlog
}

// sample is what one upload at full speed measured.
type sample struct {
	at   time.Time
	rate float64 // bytes per second
}

const (
	keptSamples  = 8
	sampleAge    = time.Minute
	minimumRate  = 4 << 10       // of the backlog, where nothing has been measured
	sampleBytes  = 8 << 10       // fewer say nothing
	bucketDepth  = time.Second   // of its rate that a bucket may save up
	probeEvery   = sampleAge / 2 // without live, the backlog measures by itself
	minimumDepth = 32 << 10
)

func newGovernor(share float64, trickle time.Duration) *governor {
	return &governor{share: share, trickle: trickle, filled: time.Now()}
}

// enter begins an upload of live.
func (g *governor) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.live++; g.live == 1 {
		g.idle = make(chan struct{})
	}
}

func (g *governor) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.live--; g.live == 0 {
		close(g.idle)
	}
}

// restrain follows a bit rate controller's advice.
func (g *governor) restrain(a output.PathAdvice) {
	g.mu.Lock()
	defer g.mu.Unlock()
	hold(&g.pausing, a.Pause)
	hold(&g.holding, a.Pause || a.Shed)
}

func hold(c *chan struct{}, on bool) {
	switch {
	case on && *c == nil:
		*c = make(chan struct{})
	case !on && *c != nil:
		close(*c)
		*c = nil
	}
}

// paused is what live waits for; nil: it may send.
func (g *governor) paused() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pausing
}

// measured takes in an upload that nothing held up.
func (g *governor) measured(bytes int64, took time.Duration) {
	if bytes < sampleBytes || took <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fill(time.Now())
	g.samples = append(g.samples, sample{time.Now(), float64(bytes) / took.Seconds()})
	g.samples = g.samples[max(0, len(g.samples)-keptSamples):]
}

// Rate is what the link takes in bytes per second: the best of the last
// uploads, since each can only fall short of it. 0: not known.
func (g *governor) Rate() float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rate()
}

func (g *governor) rate() (best float64) {
	for _, s := range g.samples {
		best = max(best, s.rate)
	}
	return best
}

// probe says that the next file of the backlog shall be sent at full speed, to
// measure the link. It is paid for all the same: see spend.
func (g *governor) probe() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.samples)
	return g.live == 0 && g.holding == nil && (n == 0 || time.Since(g.samples[n-1].at) > probeEvery)
}

// spend takes from the bucket what was sent without asking.
func (g *governor) spend(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fill(time.Now())
	g.tokens -= float64(n)
}

// fill brings the bucket up to date; g.mu is held.
func (g *governor) fill(now time.Time) float64 {
	rate := max(g.rate()*g.share, minimumRate)
	g.tokens = min(g.tokens+rate*now.Sub(g.filled).Seconds(), max(rate*bucketDepth.Seconds(), minimumDepth))
	g.filled = now
	return rate
}

// wait waits until the backlog may send n more bytes, and counts them. For 0 it
// waits until live is idle and the bucket out of debt.
func (g *governor) wait(ctx context.Context, n int) error {
	patience := time.NewTimer(g.trickle)
	defer patience.Stop()
	for {
		delay, idle := g.take(n)
		if delay <= 0 && idle == nil {
			return ctx.Err()
		}
		timer := time.NewTimer(delay)
		if idle != nil {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-idle:
		case <-timer.C:
		case <-patience.C:
			timer.Stop()
			if n > 0 {
				g.spend(int64(n))
				return ctx.Err()
			}
			patience.Reset(g.trickle)
		}
		timer.Stop()
	}
}

// take takes n bytes from the bucket, or says what to wait for.
func (g *governor) take(n int) (delay time.Duration, idle <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.live > 0 {
		return 0, g.idle
	}
	if g.holding != nil {
		return 0, g.holding
	}
	rate := g.fill(time.Now())
	if short := float64(n) - g.tokens; short > 0 {
		return time.Duration(short/rate*float64(time.Second)) + time.Millisecond, nil
	}
	g.tokens -= float64(n)
	return 0, nil
}
