package sim

import (
	"math"
	"time"
)

// congestion is a congestion control. Windows are in segments.
type congestion interface {
	acked(t *tcp, a ack)
	// lost: something sent since the last cut was lost.
	lost(t *tcp)
	// timeout: nothing was acknowledged for too long.
	timeout(t *tcp)
	window() float64
	// pace is bits per second on the wire; 0: no pacer.
	pace() float64
}

const startWindow = 10

// cubic is RFC 9438, with a slow start that ends when the delay rises (HyStart).
type cubic struct {
	cwnd, threshold float64
	most            float64 // the window before the last cut
	begun           time.Duration
	k               float64 // seconds
	friendly        float64 // Reno's window

	roundMin, lastMin time.Duration
	samples           int
}

func newCubic() *cubic { return &cubic{cwnd: startWindow, threshold: math.Inf(1)} }

func (c *cubic) window() float64 { return c.cwnd }
func (c *cubic) pace() float64   { return 0 }

func (c *cubic) acked(t *tcp, a ack) {
	if t.first < t.recoverTo && t.recoverTo > 0 && t.sacked > 0 {
		return // in recovery
	}
	if c.cwnd < c.threshold {
		if 2*float64(a.flight) >= c.cwnd {
			c.cwnd += float64(a.segments)
		}
		c.hyStart(t, a)
		return
	}
	if float64(a.flight)+3 < c.cwnd {
		c.begun = 0 // not the window's limit: it does not grow
		return
	}
	c.grow(t, float64(a.segments))
}

func (c *cubic) grow(t *tcp, segments float64) {
	const scale, beta = 0.4, 0.7
	now := t.clock.now
	if c.begun == 0 {
		c.begun, c.friendly = now, c.cwnd
		c.k = 0
		if c.most > c.cwnd {
			c.k = math.Cbrt((c.most - c.cwnd) / scale)
		} else {
			c.most = c.cwnd
		}
	}
	after := (now - c.begun + t.minRTT).Seconds()
	d := after - c.k
	target := c.most + scale*d*d*d
	target = min(max(target, c.cwnd), 1.5*c.cwnd)
	c.cwnd += (target - c.cwnd) / c.cwnd * segments
	c.friendly += 3 * (1 - beta) / (1 + beta) * segments / c.friendly
	c.cwnd = max(c.cwnd, c.friendly)
}

// hyStart ends slow start when the least delay of a round is clearly above the last
// round's.
func (c *cubic) hyStart(t *tcp, a ack) {
	if a.round {
		c.lastMin, c.roundMin, c.samples = c.roundMin, 0, 0
	}
	if a.rtt == 0 {
		return
	}
	if c.roundMin == 0 || a.rtt < c.roundMin {
		c.roundMin = a.rtt
	}
	c.samples++
	rise := min(max(t.minRTT/8, 4*time.Millisecond), 16*time.Millisecond)
	if c.samples >= 8 && c.lastMin > 0 && c.cwnd >= 16 && c.roundMin > t.minRTT+rise {
		c.threshold = c.cwnd
	}
}

func (c *cubic) lost(*tcp) {
	if c.cwnd < c.most {
		c.most = 0.85 * c.cwnd // another flow has come: leave it room
	} else {
		c.most = c.cwnd
	}
	c.cwnd = max(2, 0.7*c.cwnd)
	c.threshold, c.begun = c.cwnd, 0
}

func (c *cubic) timeout(*tcp) {
	c.most = c.cwnd
	c.threshold, c.begun = max(2, 0.7*c.cwnd), 0
	c.cwnd = 1
}
