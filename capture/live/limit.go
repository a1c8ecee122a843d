package live

import (
	"math"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// limiter thins pictures out to a stream's rate: of those that come faster it
// takes the one nearest to each slot of a grid, so that they stay as even as
// they can. The grid follows the pictures' phase slowly: the capture time of a
// single one does not decide about those after it, and 59.94 into 30 becomes
// every second one. What comes at the stream's rate or slower passes as it comes.
type limiter struct {
	rate    float64       // slots a second; 0: everything passes
	slack   time.Duration // how long before its slot a picture may come
	started bool
	anchor  time.Duration // time of slot 0
	next    int64         // the first slot not yet served
}

// newLimiter fits what arrives at a rate, zero where that is not known, into a
// stream. A difference of less than 2 % (30 into 29.97) is none.
func newLimiter(arriving, stream media.Rational) limiter {
	in, out := arriving.Float(), stream.Float()
	switch {
	case in == 0:
		return limiter{rate: out, slack: time.Duration(0.5 / out * float64(time.Second))}
	case in > 1.02*out:
		return limiter{rate: out, slack: time.Duration(0.5 / in * float64(time.Second))}
	}
	return limiter{}
}

func (l *limiter) slot(pts time.Duration) int64 {
	return int64(math.Floor((pts + l.slack - l.anchor).Seconds() * l.rate))
}

// wants says whether take would take a picture of this time.
func (l *limiter) wants(pts time.Duration) bool {
	return l.rate == 0 || !l.started || l.slot(pts) >= l.next
}

// take says whether a picture of this time has a place, and gives it that.
func (l *limiter) take(pts time.Duration) bool {
	if !l.wants(pts) {
		return false
	}
	if !l.started {
		l.started, l.anchor = true, pts
	}
	slot := l.slot(pts)
	l.next = slot + 1
	off := (pts - l.anchor).Seconds() - float64(slot)/l.rate
	l.anchor += time.Duration(off / 8 * float64(time.Second))
	return true
}

// restart begins a new grid at the next picture.
func (l *limiter) restart() { l.started, l.next = false, 0 }
