package adapt

import "time"

// Over what a rate is measured, and how finely.
const (
	meterWindow = time.Second
	meterStep   = 50 * time.Millisecond
)

// meter measures the rate at which a counter of bytes rises. The zero value is ready.
type meter struct {
	marks []mark
	// segment is how long the segments are, about, that the counter rises by; 0: it rises
	// all the time. Over a second they would be a saw's teeth.
	segment time.Duration
}

// keptSegments and mostKept are how long marks are kept where there are segments.
const (
	keptSegments = 4
	mostKept     = time.Minute
)

func (m *meter) window() time.Duration {
	return min(max(meterWindow, keptSegments*m.segment), mostKept)
}

type mark struct {
	at    time.Duration
	bytes uint64
}

// add takes the counter. One that falls, and a time that does, begin anew.
func (m *meter) add(at time.Duration, bytes uint64) {
	if n := len(m.marks); n > 0 {
		last := m.marks[n-1]
		switch {
		case at < last.at || bytes < last.bytes:
			m.marks = m.marks[:0]
		case at < last.at+meterStep:
			return
		}
	}
	m.marks = append(m.marks, mark{at, bytes})
	old := 0
	for old+1 < len(m.marks) && m.marks[old+1].at <= at-m.window() {
		old++
	}
	m.marks = append(m.marks[:0], m.marks[old:]...)
}

func (m *meter) reset() { m.marks = m.marks[:0] }

// rate is bits per second over the window; 0 while too little is known.
func (m *meter) rate() int { return m.between(0, len(m.marks)-1) }

// between is the rate from one mark to another.
func (m *meter) between(from, to int) int {
	if from < 0 || to <= from || m.marks[to].at-m.marks[from].at < meterStep {
		return 0
	}
	bits := float64(m.marks[to].bytes-m.marks[from].bytes) * 8
	return clamp(bits / (m.marks[to].at - m.marks[from].at).Seconds())
}

// rates are those of what was sent and of what was acknowledged of it, which were added
// together: over the last two segments, as far as they are known, from before one was
// written to before another was. Where none has come for long, the time since counts.
func rates(sent, acked *meter) (int, int) {
	last := len(sent.marks) - 1
	if sent.segment <= 0 || len(acked.marks) != len(sent.marks) {
		return sent.rate(), acked.rate()
	}
	from, to := sent.segments()
	if to < 0 {
		return sent.rate(), acked.rate()
	}
	if sent.marks[last].at-sent.marks[to].at > 2*sent.segment {
		to = last
	}
	return sent.between(from, to), acked.between(from, to)
}

// segments are the marks before the last segment, and before the one two segments
// earlier or, if there is none, the earliest; to is negative before the second.
func (m *meter) segments() (from, to int) {
	from, to = -1, -1
	for i, found := len(m.marks)-1, 0; i > 0 && found < 3; i-- {
		if m.marks[i].bytes == m.marks[i-1].bytes || found > 0 && m.marks[from].at-m.marks[i-1].at < m.segment/4 {
			continue
		}
		if found++; found == 1 {
			to = i - 1
		}
		from = i - 1
	}
	if from == to {
		return -1, -1
	}
	return from, to
}

// clamp is a bit rate that fits an int of 32 bits.
func clamp(rate float64) int {
	const most = 2_000_000_000
	return int(max(0, min(rate, most)))
}
