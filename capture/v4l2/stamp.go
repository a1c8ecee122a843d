package v4l2capture

import (
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// stamper maps the times of a driver to the stream's clock. What it gives
// rises, whatever the driver does: a picture whose time cannot be true gets that
// of its arrival, less what pictures take to arrive.
type stamper struct {
	clock   *media.Clock
	mono    func() time.Duration // CLOCK_MONOTONIC
	arrival bool                 // the driver's times are not read

	offset time.Duration // of the clock against CLOCK_MONOTONIC: both run alike
	age    time.Duration // from the driver's time to the dequeue, of the last that was true
	last   time.Duration
	begun  bool

	good, replaced uint64
}

const (
	// oldest is how old a picture can be when it is dequeued.
	oldest = time.Second
	// early is how far a time may lie ahead: some drivers say when the picture
	// will have ended on the wire, and clocks differ.
	early = 100 * time.Millisecond
	// apart is the least distance of two pictures, where their times must be
	// made to rise.
	apart = time.Millisecond
)

func newStamper(clock *media.Clock, mono func() time.Duration, arrival bool) *stamper {
	s := &stamper{clock: clock, mono: mono, arrival: arrival}
	// The pair read in the shortest time is the most exact.
	best := time.Duration(-1)
	for range 5 {
		before := mono()
		now := clockNow(clock)
		took := mono() - before
		if best < 0 || took < best {
			best, s.offset = took, now-before-took/2
		}
	}
	return s
}

func clockNow(c *media.Clock) time.Duration {
	if c == nil {
		return 0
	}
	return c.Now()
}

// at is the time of a picture on the stream's clock. ts is what the driver says,
// monotonic whether that is of CLOCK_MONOTONIC.
func (s *stamper) at(ts time.Duration, monotonic bool) time.Duration {
	now := s.mono()
	age := now - ts
	ok := monotonic && !s.arrival && ts > 0 && age >= -early && age <= oldest
	if ok && s.begun && ts+s.offset <= s.last {
		ok = false
	}
	if ok {
		s.age = max(0, age)
		s.good++
	} else {
		ts = now - s.age
		s.replaced++
	}
	pts := ts + s.offset
	if s.begun {
		pts = max(pts, s.last+apart)
	}
	s.last, s.begun = pts, true
	return pts
}

// note says in words what was done to the times; "" for nothing.
func (s *stamper) note() string {
	switch {
	case s.replaced == 0 || s.arrival:
		return ""
	case s.good == 0:
		return "pictures are stamped as they arrive: the driver gives no usable times"
	case s.replaced > s.good/100:
		return "pictures whose times jump are stamped as they arrive"
	}
	return ""
}
