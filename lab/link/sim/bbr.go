package sim

import "time"

// bbr is BBR, version 1 (draft-cardwell-iccrg-bbr-congestion-control-00): a pacer at
// the highest delivery rate of late, and a window of twice its product with the least
// round trip.
type bbr struct {
	state      bbrState
	rates      [10]float64 // highest of each of the last rounds, segments per second
	round      int
	full       float64 // rate at which start-up stopped to rise
	fullRounds int
	gain       float64
	phase      int // of the gain cycle
	phaseAt    time.Duration
	rtt        time.Duration // least, of the last ten seconds
	rttAt      time.Duration
	probeEnd   time.Duration
	cwnd       float64
}

type bbrState int

const (
	bbrStartup bbrState = iota
	bbrDrain
	bbrProbe
	bbrProbeRTT
)

const (
	bbrHigh      = 2.885
	bbrRTTFor    = 10 * time.Second
	bbrProbeFor  = 200 * time.Millisecond
	bbrLeastCwnd = 4
)

func newBBR() *bbr { return &bbr{gain: bbrHigh, cwnd: startWindow} }

func (b *bbr) window() float64 {
	if b.state == bbrProbeRTT {
		return bbrLeastCwnd
	}
	return b.cwnd
}

func (b *bbr) pace() float64 {
	if r := b.rate(); r > 0 {
		return b.gain * r * (segment + tcpHeader) * 8
	}
	return 0
}

// rate is the highest of the last ten rounds.
func (b *bbr) rate() float64 {
	most := 0.0
	for _, r := range b.rates {
		most = max(most, r)
	}
	return most
}

func (b *bbr) acked(t *tcp, a ack) {
	if a.round {
		b.round++
		b.rates[b.round%len(b.rates)] = 0
	}
	if slot := &b.rates[b.round%len(b.rates)]; a.rate > 0 && (!a.limited || a.rate > b.rate()) {
		*slot = max(*slot, a.rate)
	}
	b.leastRTT(t, a)
	product := b.rate() * b.rtt.Seconds()
	b.advance(t, a, product)
	gain := 2.0
	if b.state == bbrStartup || b.state == bbrDrain {
		gain = bbrHigh
	}
	target := max(gain*product+3, bbrLeastCwnd)
	if b.fullRounds >= 3 {
		b.cwnd = min(b.cwnd+float64(a.segments), target)
	} else if b.cwnd < target {
		b.cwnd += float64(a.segments)
	}
}

// leastRTT keeps the least round trip, and empties the queue to see it when it is old.
func (b *bbr) leastRTT(t *tcp, a ack) {
	now := t.clock.now
	old := now-b.rttAt > bbrRTTFor
	if a.rtt > 0 && (b.rtt == 0 || a.rtt <= b.rtt || old) {
		b.rtt, b.rttAt = a.rtt, now
	}
	if old && b.state != bbrProbeRTT && b.state != bbrStartup {
		b.state, b.gain, b.probeEnd = bbrProbeRTT, 1, now+bbrProbeFor+b.rtt
	}
}

// advance goes from state to state.
func (b *bbr) advance(t *tcp, a ack, product float64) {
	now := t.clock.now
	switch b.state {
	case bbrStartup:
		if a.round && !a.limited {
			if r := b.rate(); r >= 1.25*b.full {
				b.full, b.fullRounds = r, 0
			} else {
				b.fullRounds++
			}
		}
		if b.fullRounds >= 3 {
			b.state, b.gain = bbrDrain, 1/bbrHigh
		}
	case bbrDrain:
		if float64(t.flight) <= product {
			b.state, b.gain, b.phase, b.phaseAt = bbrProbe, 1, 2, now
		}
	case bbrProbe:
		gains := [...]float64{1.25, .75, 1, 1, 1, 1, 1, 1}
		if now-b.phaseAt > b.rtt || gains[b.phase] < 1 && float64(t.flight) <= product {
			b.phase, b.phaseAt = (b.phase+1)%len(gains), now
		}
		b.gain = gains[b.phase]
	case bbrProbeRTT:
		if now >= b.probeEnd {
			b.rttAt = now
			b.state, b.gain, b.phase, b.phaseAt = bbrProbe, 1, 2, now
		}
	}
}

// lost does nothing: this version takes no notice of losses.
func (b *bbr) lost(*tcp) {}

func (b *bbr) timeout(*tcp) { b.cwnd = bbrLeastCwnd }
