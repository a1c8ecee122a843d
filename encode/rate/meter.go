package rate

import (
	"math"
	"time"
)

// meter makes measures of samples. It believes none of them: what cannot be is cut
// to what can, and where counters or the clock jump, it begins again.
type meter struct {
	now      time.Duration // the meter's own clock: it never goes back
	last     Sample
	hist     history
	base     baseDelay
	delay    time.Duration // of the byte acknowledged last
	progress time.Duration // when that was
	lag      time.Duration // by how much samples came late, lately: they know delays no better
	free     time.Duration // when nothing waited for longer than it must
	pause    time.Duration // measure.pause of the last sample
	gapAt    time.Duration // when acknowledgements came again after they had stalled
	spoke    time.Duration // when the receiver was heard of last
	dropAt   time.Duration // when something was given up last
	largest  float64       // bytes of the largest burst written at once lately
	train    train
	jam      jam
	segments segments
	held     bool // no pictures were coded since the last sample, as was asked for
}

// measure is what a sample, with those before it, tells of the path. Its times are on
// the meter's clock, its rates in bits per second.
type measure struct {
	at, since time.Duration // since: the measure before
	budget    time.Duration
	base      time.Duration // delay of the empty path
	waiting   uint64        // bytes neither acknowledged nor dropped
	heard     time.Duration // when the oldest of them was written
	age       time.Duration // how old it is, beyond base
	queue     time.Duration // the part of that which neither bursts nor repair explain
	silence   time.Duration // since the last acknowledgement, while one is due
	shortTrip bool          // the round trip is that of an empty path
	mute      time.Duration // since the receiver was heard of, if only by another round trip
	pause     time.Duration // since the last acknowledgement, while one is overdue
	dropped   bool          // something was given up since the last measure

	busy     time.Duration // how long bytes have waited for longer than on an empty path, without a pause
	sinceGap time.Duration // acknowledgements had stalled, and came again
	again    float64       // packets sent again lately, and what was acknowledged meanwhile
	trickle  float64
	before   float64 // acknowledged before silence
	giving   bool    // something was given up lately

	acked float64 // acknowledged lately
	flow  float64 // the same over a second
	// use is what was written in useSpan, of what the targets granted in it.
	use      float64
	useKnown bool
	useSpan  time.Duration
	// full is what a full link carried in a stretch that ended now, 0 if none did; jammed
	// that of one which lasts, where gaps hold acknowledgements up.
	full, jammed float64
	fullSpan     time.Duration // how long that stretch was

	segment time.Duration // how long segments are; 0: the path is not given such
	carries float64       // what the link carries while one is on its way; 0: not known
	lost    time.Duration // what an upload takes beyond that

	trip   time.Duration // how long it takes to send a lost packet again
	wait   time.Duration // how long acknowledgements are held up by that
	repair time.Duration // the part of wait that no queue makes longer; 0: nothing is lost
}

// backlog is how long what waits will take at the present rate, as a share of the
// budget. Of a short one it tells nothing: some pictures always wait.
func (v measure) backlog() float64 {
	return float64(v.waiting) * 8 / max(v.acked, 1) / max(v.budget.Seconds(), leastBacklog)
}

const (
	// unknownBudget is what the receivers of RTMP buffer at least.
	unknownBudget  = 2 * time.Second
	shortestBudget = 200 * time.Millisecond
	longestBudget  = 30 * time.Second
	leastBacklog   = 0.6 // seconds
	// longestGap between two samples that tells what happened in between.
	longestGap = time.Second
	// longestSegment that is believed.
	longestSegment = 20 * time.Second
	longestRTT     = 5 * time.Second

	// minSpan is over what the least delay is the delay: acknowledgements that come in
	// bunches, and most pictures larger than others, are over in that time.
	minSpan = 140 * time.Millisecond
	// ackSpan is over what acknowledgements are counted: short, for a cut's sake, but
	// several pictures long. Where they come in jumps, lossySpan. Where the link falls to
	// clearly less at once, suddenSpan.
	ackSpan    = 240 * time.Millisecond
	lossySpan  = 800 * time.Millisecond
	suddenSpan = 120 * time.Millisecond
	suddenly   = 0.7
	// leastDue is how old, beyond base, a byte is before its acknowledgement is due:
	// SRT's come every 10 ms, TCP's may be delayed by 40 ms.
	leastDue = 60 * time.Millisecond

	// spare is by how much the link that bursts are measured against is faster than
	// the target.
	spare = 1.1
	// burstMemory is how long a large burst is remembered: longer than a GOP.
	burstMemory = 5 * time.Second
	// leastUseSpan and mostUseSpan bound what the encoder's use is measured over.
	leastUseSpan = time.Second
	mostUseSpan  = 12 * time.Second
)

// restart forgets the counters and keeps what is known of the path.
func (m *meter) restart() {
	m.hist.clear()
	m.train, m.jam = train{}, jam{}
	m.segments.restart()
	m.delay = 0
}

// take returns false for a sample that tells nothing. most is the highest target.
func (m *meter) take(s Sample, target, most float64) (measure, bool) {
	s = possible(s)
	since := s.At - m.last.At
	switch {
	case m.hist.n == 0:
	case since == 0:
		return measure{}, false
	case since < 0 || since > longestGap || m.jumped(s, most):
		m.restart()
	}
	if m.hist.n == 0 {
		// The clock goes on, whatever the samples' did.
		m.now += min(max(since, Interval), time.Minute)
		m.begin(s)
		return measure{}, false
	}
	m.now += since
	return m.measure(s, target), true
}

// possible makes a sample's parts fit each other.
func possible(s Sample) Sample {
	s.Outstanding = min(s.Outstanding, s.Written)
	s.Dropped = min(s.Dropped, s.Written-s.Outstanding)
	if s.Budget <= 0 {
		s.Budget = unknownBudget
	}
	s.Budget = min(max(s.Budget, shortestBudget), longestBudget)
	s.RTT, s.MinRTT = min(max(s.RTT, 0), longestRTT), min(max(s.MinRTT, 0), longestRTT)
	return s
}

// jumped: the counters are not those of the last sample, a while later. A segment of
// 20 s, written at once, is the most that is believed, and as much that is acknowledged
// at once after an outage.
func (m *meter) jumped(s Sample, most float64) bool {
	believed := 20*most/8 + 1e6
	return s.Written < m.last.Written || s.Dropped < m.last.Dropped ||
		float64(s.Written-m.last.Written) > believed ||
		float64(s.Written-s.Outstanding)-float64(m.hist.last().gone) > believed
}

// begin begins with new counters. What is on the way counts as written now.
func (m *meter) begin(s Sample) {
	m.last, m.progress = s, m.now
	gone := s.Written - s.Outstanding
	m.hist.add(point{at: m.now, written: s.Written, gone: gone, acked: gone - s.Dropped, resent: s.Retransmitted})
	if m.base.least() == 0 {
		m.base.learn(m.now, s.MinRTT)
	}
}

func (m *meter) measure(s Sample, target float64) measure {
	last := *m.hist.last()
	p := point{at: m.now, written: s.Written, resent: s.Retransmitted}
	// Counters that are not read in one moment may make these fall for a moment.
	p.gone = max(s.Written-s.Outstanding, last.gone)
	p.acked = max(p.gone-min(s.Dropped, p.gone), min(last.acked, p.gone))
	p.burst = m.bursts(last, p, target)
	p.granted = last.granted + target/8*(p.at-last.at).Seconds()
	m.hist.add(p)

	v := measure{at: p.at, since: p.at - last.at, budget: s.Budget, waiting: p.written - p.gone}
	v.dropped = s.Dropped > m.last.Dropped
	if s.RTT != m.last.RTT || s.Retransmitted > m.last.Retransmitted || p.acked > last.acked {
		m.spoke = m.now
	}
	v.mute = m.now - m.spoke
	v.shortTrip = s.MinRTT > 0 && s.RTT < s.MinRTT*5/4+5*time.Millisecond
	m.last = s
	m.lag = max(v.since-2*Interval, m.lag-v.since/4)
	m.delays(&v, last)
	m.repairs(&v, s.RTT)
	m.rates(&v, target)
	m.queues(&v, target)
	m.chokes(&v)
	if s.Segment > 0 {
		m.segments.take(&v, s, last, p, target, m.held)
	}
	return v
}

// repairs finds by how much acknowledgements are late for what is sent again.
func (m *meter) repairs(v *measure, rtt time.Duration) {
	v.trip = min(max(rtt, v.base), v.base+500*time.Millisecond)*5/4 + 30*time.Millisecond
	gaps := m.gaps(*v)
	v.wait = time.Duration(gaps * float64(v.trip))
	v.repair = time.Duration(gaps * float64(v.base*5/4+30*time.Millisecond))
}

func (m *meter) rates(v *measure, target float64) {
	span := ackSpan
	if v.repair > 0 {
		span = lossySpan
	}
	v.acked = m.hist.ackRate(span, v.wait)
	v.flow = m.hist.ackRate(time.Second, v.wait)
	// Where whole segments are written at once, a second tells nothing.
	v.useSpan = min(max(4*seconds(m.largest*8/target), leastUseSpan), mostUseSpan)
	v.use, v.useKnown = m.hist.use(v.useSpan)
}

// queues finds the queue, and what a full link carries.
func (m *meter) queues(v *measure, target float64) {
	ready := m.hist.readiest(v.at-minSpan-v.wait, v.at)
	v.queue = min(max(ready.delay-v.base-v.repair, 0), m.excessBacklog(*v, target))
	if v.repair == 0 {
		if sudden := m.hist.ackRate(suddenSpan, 0); sudden < suddenly*v.acked {
			v.acked = sudden
			now := m.hist.readiest(v.at-suddenSpan/2, v.at)
			v.queue = max(v.queue, min(now.delay-v.base, m.excessBacklog(*v, target)))
		}
	}
	v.queue = max(v.queue-max(m.lag, 0), 0)
	v.full, v.fullSpan = m.train.take(m.hist.last(), *v)
	if v.repair > 0 || m.jam.on {
		v.full, v.jammed, v.fullSpan = m.jam.take(ready, *v)
	}
}

// relearn takes the present delay for that of an empty path.
func (m *meter) relearn(v measure) {
	ready := m.hist.readiest(v.at-minSpan, v.at)
	m.base.forget(v.at, ready.delay)
}

// bursts returns point.burst. What it may explain is bounded by the largest burst
// that was seen: an encoder that puts out too much all the time is not explained.
func (m *meter) bursts(last, p point, target float64) float64 {
	since := (p.at - last.at).Seconds()
	written := float64(p.written - last.written)
	m.largest *= math.Exp(-since / burstMemory.Seconds())
	if p.at-last.at <= 5*Interval {
		m.largest = max(m.largest, written)
	}
	return min(max(last.burst+written-spare*target/8*since, 0), m.largest)
}

// delays finds how late the acknowledgements are.
func (m *meter) delays(v *measure, last point) {
	p := m.hist.last()
	if p.acked > last.acked {
		if m.pause > stalling {
			m.gapAt = p.at
		}
		m.progress = p.at
		m.delay = p.at - m.hist.writeTime(p.gone-1)
		m.base.learn(p.at, m.delay)
	}
	v.base = m.base.least()
	var age time.Duration
	v.heard = p.at
	if v.waiting > 0 {
		v.heard = m.hist.writeTime(p.gone)
		age = p.at - v.heard
		p.delay = max(m.delay, age)
	} else if p.acked > last.acked {
		p.delay = m.delay
	} else {
		p.delay = v.base // nothing was on the way
	}
	if p.delay < v.base+trainDelay || v.waiting < 2*packetSize { // less is no queue
		m.free = p.at
	}
	v.busy, v.sinceGap = p.at-m.free, p.at-m.gapAt
	v.age = max(age-v.base, 0)
	v.pause = max(min(p.at-m.progress-max(m.lag, 0), v.age), 0)
	m.pause = v.pause
	if v.waiting > 0 && v.age > leastDue {
		v.silence = max(p.at-m.progress-max(m.lag, 0), 0)
	}
}

// gaps is the share of the time in which the acknowledgement of everything is held up
// by what was lost: a packet is missed at once, asked for, and sent again, which takes a round
// trip and something for the period of the reports. One loss now and then leaves
// moments in which nothing is missing; the more there are, the fewer.
func (m *meter) gaps(v measure) float64 {
	now, then := m.hist.last(), m.hist.before(v.at-time.Second)
	if now.resent <= then.resent {
		return 0
	}
	perTrip := float64(now.resent-then.resent) * v.trip.Seconds()
	return 1 - math.Exp(-perTrip/2)
}

// excessBacklog is how long what is overdue beyond what bursts explain will take.
func (m *meter) excessBacklog(v measure, target float64) time.Duration {
	due := m.hist.before(v.at - v.base - Interval)
	gone := m.hist.last().gone
	if due.written <= gone {
		return 0
	}
	excess := float64(due.written-gone) - due.burst
	rate := min(max(v.acked, target/4), target)
	return seconds(max(excess, 0) * 8 / rate)
}

func seconds(s float64) time.Duration {
	return time.Duration(min(s, 3600) * float64(time.Second))
}
