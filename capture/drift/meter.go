package drift

import (
	"math"
	"time"
)

// meter tells a card that runs by its crystal from one that runs by another
// rate than its driver says: the receiver of an HDMI bridge follows the source's
// 44.1 kHz while the sound driver still believes in 48.
type meter struct {
	begun  bool
	frames int64
	at     time.Duration
	off    [3]float64 // rates of the last seconds that were far off
	n      int
}

// farOff is more than any crystal, and less than lies between two nominal rates.
const farOff = 0.02

func (m *meter) restart() { *m = meter{} }

func (m *meter) observe(frames int64, at time.Duration, nominal float64) {
	switch passed := at - m.at; {
	case !m.begun || passed < 0 || frames < m.frames:
		*m = meter{begun: true, frames: frames, at: at}
	case passed >= time.Second:
		rate := float64(frames-m.frames) / passed.Seconds()
		m.frames, m.at = frames, at
		switch {
		case math.Abs(rate/nominal-1) < farOff:
			m.n = 0
			return
		case m.n > 0 && math.Abs(rate/m.off[m.n-1]-1) > farOff:
			m.n = 0
		case m.n == len(m.off):
			copy(m.off[:], m.off[1:])
			m.n--
		}
		m.off[m.n] = rate
		m.n++
	}
}

// Rates that sound comes in.
var nominalRates = [...]int{8000, 11025, 16000, 22050, 32000, 44100, 48000, 64000, 88200, 96000, 176400, 192000}

// found is the rate that the card really has, where it is another nominal one.
func (m *meter) found() (rate int, ok bool) {
	if m.n < len(m.off) {
		return 0, false
	}
	var sum float64
	for _, r := range m.off {
		sum += r
	}
	mean := sum / float64(len(m.off))
	for _, r := range nominalRates {
		if math.Abs(mean/float64(r)-1) < farOff/2 {
			return r, true
		}
	}
	return 0, false
}

// Mismatch is the nominal rate at which the card really runs, where that is
// another one than it was said to be. ok after three seconds that agree.
func (l *Line) Mismatch() (rate int, ok bool) { return l.speed.found() }
