package rate

import (
	"math"
	"math/rand/v2"
	"time"
)

// model is a path in steps of a millisecond: an encoder, a paced sender that sends
// again what was lost and gives up what is too late, a bottleneck with a queue, and a
// receiver that acknowledges everything up to the first gap.
type model struct {
	capacity func(time.Duration) float64 // bits per second
	delay    func(time.Duration) time.Duration
	loss     float64
	budget   time.Duration
	room     int     // bytes of the bottleneck's queue
	gain     float64 // what the encoder puts out of what it is told
	ignore   bool    // the encoder stays at its first rate
	seed     uint64
	length   time.Duration
	change   func(*Sample) bool // what becomes of samples; false: it is lost
	starved  bool               // encoder, sender and receiver are now and then not run for a while

	now      time.Duration
	random   *rand.Rand
	advice   Advice
	picture  int
	rate     float64 // of the encoder
	key      uint64
	queue    []int // packets in the bottleneck
	queued   int
	again    []timed
	flying   []timed
	acks     []timed
	heard    time.Duration // by the receiver, which asks for what it misses
	packets  []packet
	first    int // not acknowledged at the sender
	fresh    int // never sent
	expected int // at the receiver
	out      Sample
	tokens   float64
	credit   float64
	frames   []frame
	result   result
}

type timed struct {
	at time.Duration
	n  int
}

type packet struct {
	size    int
	frame   int
	written time.Duration
	got     bool
}

type frame struct {
	at      time.Duration
	bytes   int
	left    int
	key     bool
	skipped bool
	last    time.Duration
}

// result is how a law did.
type result struct {
	share    float64 // on-time bytes of what the link could have carried
	late     int     // pictures, coded and not there in time
	bad      int     // pictures late, missing, or not decodable
	movement float64 // Mb of target a minute
	targets  []float64
	p95      time.Duration
	skipped  int
	advices  []Advice // each Interval
}

const testPicture = time.Second / 30

func (m *model) run(law Law, l Limits) result {
	if m.delay == nil {
		m.delay = func(time.Duration) time.Duration { return 20 * time.Millisecond }
	}
	if m.budget == 0 {
		m.budget = 2 * time.Second
	}
	if m.room == 0 {
		m.room = 250_000
	}
	if m.gain == 0 {
		m.gain = 1
	}
	m.random = rand.New(rand.NewPCG(m.seed, 1))
	m.advice = Advice{Target: l.Start}
	m.rate = float64(l.Start)
	var encoder, sender, receiver pauses
	m.out.Budget = m.budget
	usable := 0.0
	for ; m.now < m.length; m.now += time.Millisecond {
		c := m.capacity(m.now)
		usable += min(c, float64(l.Max)) / 8000
		if !m.pauses(&encoder) && time.Duration(m.picture)*testPicture <= m.now {
			m.code()
		}
		if !m.pauses(&sender) {
			m.send()
		}
		m.carry(c)
		if !m.pauses(&receiver) {
			m.receive()
		}
		if m.now%Interval == 0 {
			m.sample(law)
		}
	}
	m.judge(usable)
	return m.result
}

// pauses is when a part of the model is not run.
type pauses struct{ from, to time.Duration }

// pauses are of 50 to 300 ms, each two seconds or so.
func (m *model) pauses(p *pauses) bool {
	if !m.starved {
		return false
	}
	if m.now >= p.to {
		p.from = m.now + time.Duration(m.random.ExpFloat64()*float64(2*time.Second))
		p.to = p.from + 50*time.Millisecond + time.Duration(m.random.Int64N(int64(250*time.Millisecond)))
	}
	return m.now >= p.from
}

func (m *model) code() {
	if !m.ignore {
		switch t := float64(m.advice.Target); {
		case t <= m.rate || t > 1.04*m.rate:
			m.rate = t
		}
	}
	n := m.picture
	m.picture++
	f := frame{at: m.now, key: n%60 == 0 || m.advice.Key > m.key}
	m.key = m.advice.Key
	if m.advice.Skip {
		f.skipped = true
		m.frames = append(m.frames, f)
		return
	}
	size := m.rate * m.gain * testPicture.Seconds() / 8 * 60 / 64 * math.Exp(0.15*m.random.NormFloat64())
	if f.key {
		size *= 5
	}
	f.bytes = int(size)
	f.left = f.bytes
	m.frames = append(m.frames, f)
	for left := f.bytes; left > 0; left -= 1316 {
		m.packets = append(m.packets, packet{size: min(left, 1316), frame: len(m.frames) - 1, written: m.now})
	}
	m.out.Written += uint64(f.bytes)
	m.out.Outstanding += uint64(f.bytes)
}

func (m *model) send() {
	for m.first < len(m.packets) && m.now-m.packets[m.first].written > max(m.budget, time.Second)+20*time.Millisecond {
		m.out.Dropped += uint64(m.packets[m.first].size)
		m.release()
		m.expected = max(m.expected, m.first)
	}
	pace := float64(m.advice.Pace)
	if pace == 0 {
		pace = 1e9
	}
	m.tokens = min(m.tokens+pace/8000, pace/8000+1400)
	for m.tokens > 0 {
		n := -1
		if len(m.again) > 0 && m.again[0].at <= m.now && m.now-m.heard < 200*time.Millisecond {
			n = m.again[0].n
			m.again = m.again[1:]
			if n < m.first {
				continue
			}
			m.out.Retransmitted++
		} else if m.fresh < len(m.packets) {
			n = max(m.fresh, m.first)
			m.fresh = n + 1
			if n >= len(m.packets) {
				return
			}
		}
		if n < 0 {
			return
		}
		size := m.packets[n].size
		m.tokens -= float64(size)
		if m.queued+size > m.room {
			m.lose(n)
			continue
		}
		m.queue = append(m.queue, n)
		m.queued += size
	}
}

func (m *model) lose(n int) {
	m.again = append(m.again, timed{m.now + 2*m.delay(m.now) + 15*time.Millisecond, n})
}

func (m *model) release() {
	m.out.Outstanding -= uint64(m.packets[m.first].size)
	m.first++
	m.fresh = max(m.fresh, m.first)
}

func (m *model) carry(capacity float64) {
	m.credit += capacity / 8000
	for len(m.queue) > 0 && m.credit >= float64(m.packets[m.queue[0]].size) {
		n := m.queue[0]
		m.queue = m.queue[1:]
		m.queued -= m.packets[n].size
		m.credit -= float64(m.packets[n].size)
		if m.random.Float64() < m.loss {
			m.lose(n)
			continue
		}
		m.flying = append(m.flying, timed{m.now + m.delay(m.now), n})
	}
	if len(m.queue) == 0 {
		m.credit = 0
	}
}

func (m *model) receive() {
	for len(m.flying) > 0 && m.flying[0].at <= m.now {
		p := &m.packets[m.flying[0].n]
		m.flying, m.heard = m.flying[1:], m.now
		m.out.RTT = 2*m.delay(m.now) + m.now%(8*time.Millisecond) // never quite the same
		if p.got {
			continue
		}
		p.got = true
		m.frames[p.frame].left -= p.size
		m.frames[p.frame].last = m.now
	}
	for m.expected < len(m.packets) && m.packets[m.expected].got {
		m.expected++
	}
	if m.now%(10*time.Millisecond) == 0 {
		m.acks = append(m.acks, timed{m.now + m.delay(m.now), m.expected})
	}
	for len(m.acks) > 0 && m.acks[0].at <= m.now {
		for m.first < m.acks[0].n {
			m.release()
		}
		m.acks = m.acks[1:]
	}
}

func (m *model) sample(law Law) {
	s := m.out
	s.At = m.now
	s.AppLimited = m.fresh >= len(m.packets)
	if m.change != nil && !m.change(&s) {
		return
	}
	before := m.advice.Target
	m.advice = law.Step(s)
	m.result.movement += math.Abs(float64(m.advice.Target - before))
	m.result.targets = append(m.result.targets, float64(m.advice.Target))
	m.result.advices = append(m.result.advices, m.advice)
}

func (m *model) judge(usable float64) {
	onTime, decodable := 0, true
	var waits []float64
	for _, f := range m.frames {
		if f.at > m.length-m.budget {
			break
		}
		took := f.last - f.at - m.delay(f.at)
		ok := f.skipped || f.left == 0 && took <= m.budget
		if f.key {
			decodable = true
		}
		switch {
		case f.skipped:
			m.result.skipped++
			m.result.bad++
			continue
		case !ok:
			m.result.late++
			decodable = false
		case took > 0:
			onTime += f.bytes
			waits = append(waits, took.Seconds())
		}
		if !decodable {
			m.result.bad++
		}
	}
	m.result.share = float64(onTime) / usable * m.length.Seconds() / (m.length - m.budget).Seconds()
	m.result.movement /= 1e6 * m.length.Minutes()
	m.result.p95 = seconds(quantile(waits, 0.95))
}

// below is when, after a moment, the target was first at most, or above first at
// least, a rate.
func (r result) when(from time.Duration, reached func(float64) bool) time.Duration {
	for i := int(from / Interval); i < len(r.targets); i++ {
		if reached(r.targets[i]) {
			return time.Duration(i)*Interval - from
		}
	}
	return time.Hour
}
