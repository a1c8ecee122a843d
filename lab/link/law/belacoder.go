package law

import (
	"math"
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
)

// belacoder's figures.
const (
	belaDown      = 250 * time.Millisecond // between cuts for a clear sign
	belaMild      = 200 * time.Millisecond // and for a mild one
	belaUp        = 500 * time.Millisecond
	belaCut       = 100_000
	belaStep      = 30_000
	belaLeast     = 50 // packets of buffer that are never too many
	belaPacket    = 1316
	belaNear      = 1.05 // of the least RTT is "near" it
	belaFlat      = 0.01 // milliseconds of RTT a tick is "flat"
	belaForget    = 1.001
	belaSmoothing = 0.01 // of the means, a tick
)

// belacoder starts at the maximum and looks at two signs each tick: the packets in
// SRT's send buffer and the RTT, both against their smoothed values.
//
//   - To the floor: RTT of a third of the latency or more, or a buffer of more than
//     4 × (mean + jitter).
//   - Down by a tenth and 100 kb/s, each 250 ms: RTT above a fifth of the latency, or a
//     buffer above max(50, mean + max(3 × jitter, mean)).
//   - Down by 100 kb/s, each 200 ms: RTT above its mean plus jitter, or a buffer above
//     its mean plus jitter.
//
// No buffer of more than half the latency, at the smoothed send rate, is taken for
// normal, however long it has been there: else the mean would follow any buffer.
//
//   - Up by 30 kb/s and a thirtieth, each 500 ms: RTT near its minimum, and flat.
type belacoder struct {
	limits          rate.Limits
	target          float64
	last            rate.Sample
	buffer, jitter  float64 // packets: mean and how far it moves
	rtt, rttJitter  float64 // milliseconds
	rttMin, rttMove float64
	nextDown        time.Duration
	nextUp          time.Duration
	sent            float64 // packets a millisecond
	started         bool
}

// Belacoder is the belacoder-style law, of SRT.
func Belacoder(l rate.Limits) rate.Law {
	return &belacoder{limits: l, target: float64(l.Max), rttMin: math.Inf(1)}
}

// Step implements rate.Law.
func (b *belacoder) Step(s rate.Sample) rate.Advice {
	reason := b.step(s)
	b.target = min(max(b.target, float64(b.limits.Min)), float64(b.limits.Max))
	return rate.Advice{Target: int(b.target), Reason: reason}
}

func (b *belacoder) step(s rate.Sample) rate.Reason {
	buffer, rtt := float64(s.Outstanding)/belaPacket, float64(s.RTT)/1e6
	if s.RTT == 0 {
		return rate.Steady // nothing has come back yet
	}
	if !b.started {
		b.started, b.buffer, b.rtt, b.last = true, buffer, rtt, s
	}
	b.smooth(s, buffer, rtt, float64(b.last.RTT)/1e6)
	b.last = s
	latency := float64(s.Budget) / 1e6
	most := max(belaLeast, b.sent*latency/2)
	switch {
	case rtt >= latency/3 || buffer > belaLeast && buffer > 4*(b.buffer+b.jitter):
		b.target, b.nextDown = float64(b.limits.Min), s.At+belaDown
		return rate.TooOld
	case s.At >= b.nextDown && (rtt > latency/5 || buffer > min(most, max(belaLeast, b.buffer+max(3*b.jitter, b.buffer)))):
		b.target -= belaCut + b.target/10
		b.nextDown = s.At + belaDown
		return rate.Queueing
	case s.At >= b.nextDown && (rtt > b.rtt+max(15, 4*b.rttJitter) || buffer > max(belaLeast/2, b.buffer+2.5*b.jitter)):
		b.target -= belaCut
		b.nextDown = s.At + belaMild
		return rate.Queueing
	case s.At >= b.nextUp && rtt < b.rttMin*belaNear+5 && math.Abs(b.rttMove) < max(belaFlat, 0.01*b.rttMin):
		b.target += belaStep + b.target/30
		b.nextUp = s.At + belaUp
		return rate.Probing
	}
	return rate.Steady
}

// smooth follows the signs: means rise and fall slowly, jitter rises at once and falls
// slowly, the least RTT is forgotten slowly.
func (b *belacoder) smooth(s rate.Sample, buffer, rtt, before float64) {
	if ms := float64(s.At-b.last.At) / 1e6; ms > 0 {
		out := float64(s.Written-s.Outstanding-s.Dropped) - float64(b.last.Written-b.last.Outstanding-b.last.Dropped)
		b.sent += belaSmoothing * (max(0, out)/belaPacket/ms - b.sent)
	}
	b.jitter = max(0.99*b.jitter, math.Abs(buffer-float64(b.last.Outstanding)/belaPacket))
	b.buffer += belaSmoothing * (buffer - b.buffer)
	b.rttJitter = max(0.99*b.rttJitter, math.Abs(rtt-before))
	b.rtt += belaSmoothing * (rtt - b.rtt)
	b.rttMove = 0.8*b.rttMove + 0.2*(rtt-before)
	b.rttMin = min(belaForget*b.rttMin, rtt)
}
