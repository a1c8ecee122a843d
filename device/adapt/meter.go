package adapt

import "time"

// Over what a rate is measured, and how finely.
const (
	meterWindow = time.Second
	meterStep   = 50 * time.Millisecond
)

// meter measures the rate at which a counter of bytes rises. The zero value is ready.
type meter struct{ marks []mark }

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
	for old+1 < len(m.marks) && m.marks[old+1].at <= at-meterWindow {
		old++
	}
	m.marks = append(m.marks[:0], m.marks[old:]...)
}

func (m *meter) reset() { m.marks = m.marks[:0] }

// rate is bits per second over the window; 0 while too little is known.
func (m *meter) rate() int {
	n := len(m.marks)
	if n < 2 || m.marks[n-1].at-m.marks[0].at < meterStep {
		return 0
	}
	bits := float64(m.marks[n-1].bytes-m.marks[0].bytes) * 8
	return clamp(bits / (m.marks[n-1].at - m.marks[0].at).Seconds())
}

// clamp is a bit rate that fits an int of 32 bits.
func clamp(rate float64) int {
	const most = 2_000_000_000
	return int(max(0, min(rate, most)))
}
