package pattern

import (
	"math"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// timeline places frames, samples and the events of each second. It never
// changes, so both sources read it without a lock.
type timeline struct {
	clock  *media.Clock
	origin time.Duration // of frame 0 and sample 0
	rate   media.Rational
}

// frame is the PTS of frame n.
func (l timeline) frame(n int64) time.Duration { return l.origin + l.rate.FrameTime(n) }

// frameFrom is the first frame at or after t; negative for a t well before
// the origin.
func (l timeline) frameFrom(t time.Duration) int64 {
	n := int64(math.Ceil((t - l.origin).Seconds() * l.rate.Float()))
	for l.frame(n) >= t {
		n--
	}
	for l.frame(n) < t {
		n++
	}
	return n
}

// flashLength is how many frames a flash lasts.
func (l timeline) flashLength() int64 {
	const length = 0.080 // seconds
	f := l.rate.Float()
	return min(max(2, int64(math.Ceil(f*length))), max(1, int64(f/2)))
}

// lit says whether frame n shows the flash.
func (l timeline) lit(n int64) bool {
	first := l.frameFrom(l.frame(n).Truncate(time.Second))
	return first >= 0 && n-first < l.flashLength() // one begun before the origin has no beep
}

// beep is the sample at which the beep of the given second begins: the one
// nearest to the PTS of the frame that begins the flash.
func (l timeline) beep(second int64, sampleRate int) int64 {
	n := l.frameFrom(time.Duration(second) * time.Second)
	return media.ToTimescale(l.frame(n)-l.origin, sampleRate)
}
