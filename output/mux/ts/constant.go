package ts

import (
	"errors"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// DefaultConstantDelay is Config.Delay of a Constant where it is not given: a
// key picture takes several times as long to send as a mean one.
const DefaultConstantDelay = 500 * time.Millisecond

// MinMuxRate is the lowest Config.MuxRate: tables and clock references alone
// take up to half of it.
const MinMuxRate = 200_000

const (
	// Shorter than the limits, which nothing is to touch.
	constantPCRInterval   = 36 * time.Millisecond
	constantTableInterval = 80 * time.Millisecond
	// maxEarly is how long before the clock reaches its DTS, and so Delay more
	// before it is decoded, an access unit may be sent: jitter of what comes.
	maxEarly = 300 * time.Millisecond
	// maxBacklog, beyond Delay, is how long what waits may take to send.
	maxBacklog = time.Second
	// packetBits are those of one packet.
	packetBits = 8 * PacketSize
)

// Constant writes one transport stream of constant bit rate: where nothing is
// to be sent there are null packets, and each PCR is that of its place in the
// stream (ISO/IEC 13818-1 §2.4.2.2), exact to the unit. It knows no clock: the
// packets' places are the time. A sender hands access units to Add as they
// come, and takes packets by Next, or Advance, as its clock goes on.
//
// Time stamps are those of a Muxer with the same Delay. Of what waits, the unit
// with the lowest DTS goes first; sound is held back so that a decoder's buffer
// of 3584 bytes never overflows (§2.4.2.3). An access unit is on its way at the
// earliest Delay + 300 ms before its DTS, and is there by then unless it was
// added late, or more is added than the rate takes.
//
// It is not safe for concurrent use.
type Constant struct {
	m       *Muxer // streams, tables and PES packets; its clock is not used
	rate    int64
	n       int64 // packets written
	started bool
	origin  time.Duration // stream time of packet 0, if the clock had never broken
	video   queue
	audio   queue
	model   soundBuffer
	psi     []byte // tables being sent
	need    demand
	dropped uint64
}

// queue is what waits of one stream, in order, and the memory of what waited.
type queue struct {
	units []unit
	free  [][]byte
}

// unit is an access unit that waits or is being sent.
type unit struct {
	pes    []byte
	sent   int // bytes
	dts    time.Duration
	key    bool
	tabled bool // tables have been sent for it
}

// NewConstant makes a Constant. It fails for tracks that MPEG-TS cannot carry,
// and for a rate below MinMuxRate.
func NewConstant(cfg Config) (*Constant, error) {
	rate := cfg.MuxRate
	if rate < MinMuxRate {
		return nil, fmt.Errorf("ts: a constant rate of %d bits per second is too low: at least %d", rate, MinMuxRate)
	}
	if cfg.Delay == 0 {
		cfg.Delay = DefaultConstantDelay
	}
	cfg.MuxRate = 0
	m, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return &Constant{m: m, rate: int64(rate)}, nil
}

// Late is how many access units were not wholly sent by their decoding time.
func (c *Constant) Late() uint64 { return c.m.late }

// Dropped is how many access units were left out: those of the other side of
// a jump of their time, and those that were too much for the rate.
func (c *Constant) Dropped() uint64 { return c.dropped }

// Add takes an access unit in. Where its DTS is so far from the clock that one
// of both has jumped, the clock follows, and the next PCR says so. Packet.Gap is
// not signalled, since neither clock nor counters break at it. On an error the
// next access unit may follow; for a *RateError, what waited has been dropped.
func (c *Constant) Add(p media.Packet) error {
	if p.Track == nil {
		return errors.New("ts: packet without track")
	}
	s, err := c.m.use(p.Track)
	if err != nil {
		return err
	}
	if err := c.m.writePES(s, p); err != nil {
		return err
	}
	c.follow(p.DTS)
	u := unit{dts: p.DTS, key: s == c.m.video && p.Key}
	q := c.queueOf(s)
	if n := len(q.free); n > 0 {
		u.pes, q.free = q.free[n-1][:0], q.free[:n-1]
	}
	u.pes = append(u.pes, c.m.pes...)
	q.units = append(q.units, u)
	c.need.add(p.DTS, len(u.pes))
	return c.bound()
}

func (c *Constant) queueOf(s *stream) *queue {
	if s == c.m.video {
		return &c.video
	}
	return &c.audio
}

// follow makes the clock begin, or jump, where an access unit's DTS tells it to.
func (c *Constant) follow(dts time.Duration) {
	now := c.now()
	switch {
	case !c.started:
		c.started = true
		c.m.needTable = true
	case dts > now+maxEarly+maxStep, dts+c.m.delay < now:
		c.m.broken = true
	default:
		return
	}
	to := dts
	for _, q := range []*queue{&c.video, &c.audio} {
		kept := q.units[:0]
		for _, u := range q.units {
			far := u.dts > dts+maxStep || u.dts < dts-maxStep
			switch {
			case u.sent > 0: // to its end, since the receiver has the beginning
			case far:
				q.release(u.pes)
				c.dropped++
				continue
			default:
				to = min(to, u.dts)
			}
			kept = append(kept, u)
		}
		q.units = kept
	}
	c.origin = to - c.Position()
	c.model.reset()
	c.m.pcr = to - maxPCRInterval // due
}

// bound says when what waits is more than the rate can take.
func (c *Constant) bound() error {
	waiting := 0
	for _, q := range []*queue{&c.video, &c.audio} {
		for _, u := range q.units {
			if u.dts-c.now() <= maxEarly { // what came early waits for its time, not for the rate
				waiting += len(u.pes) - u.sent
			}
		}
	}
	if media.FromTimescale(int64(waiting)*8, int(c.rate)) < c.m.delay+maxBacklog {
		return nil
	}
	for _, q := range []*queue{&c.video, &c.audio} {
		kept := q.units[:0]
		for _, u := range q.units {
			if u.sent > 0 {
				kept = append(kept, u)
				continue
			}
			q.release(u.pes)
			c.dropped++
		}
		q.units = kept
	}
	return &RateError{Rate: int(c.rate), Needed: max(c.need.rate(), int(c.rate+c.rate/10))}
}

// release keeps a unit's memory for another one, unless it is a key picture's: those
// are few, and in turn all would become as large.
func (q *queue) release(pes []byte) {
	const spare, largest = 32, 64 << 10
	if len(q.free) < spare && cap(pes) <= largest {
		q.free = append(q.free, pes)
	}
}

// RateError says that a constant rate is too low for what is to be sent.
type RateError struct {
	Rate   int // bits per second
	Needed int // about, as measured
}

// Error implements error.
func (e *RateError) Error() string {
	return fmt.Sprintf("mux_rate is too low: at %.1f Mb/s it has fallen behind, the programme takes about %.1f Mb/s: raise mux_rate, or lower the bit rate of video",
		float64(e.Rate)/1e6, float64(e.Needed)/1e6)
}
