package live

import (
	"context"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

const (
	// minThreshold is how long nothing may come before the slate goes on the
	// air, at least: a still of half a second disturbs less than a flash of slate.
	minThreshold = 500 * time.Millisecond
	// startThreshold holds before the first picture: a device takes a moment to
	// start, and nobody has seen anything yet.
	startThreshold = time.Second
	// stallLimit is how long a running session may deliver nothing, whatever it
	// thinks itself, before it is stopped and opened again.
	stallLimit = 5 * time.Second
	// maxLag is how late a picture may come. A time further from now is wrong.
	maxLag = time.Second
)

// joint is where the pictures of the device and of the slate become one stream:
// strictly rising PTS, a key picture at each seam, no hole longer than the
// threshold. It takes device pictures from the session's goroutine, slate
// pictures from Run's.
type joint struct {
	clock *media.Clock
	rate  media.Rational // of the stream
	state *state
	wake  chan struct{} // capacity 1: the slate's goroutine should look

	out  sync.Mutex // held while a picture goes out; guards the fields below
	emit func(media.Frame)
	any  bool          // last is valid
	last time.Duration // PTS of the newest picture
	cut  bool          // the next picture is of another origin than last

	generation uint64 // of the memory of the newest picture

	arrived   time.Duration // when the device's last picture came, or waiting for it began
	lag       time.Duration // how long after its PTS
	threshold time.Duration
	limit     limiter
	reason    *capture.SignalError // why nothing comes; nil: not said
	urgent    bool                 // the device said that nothing will come
	stop      context.CancelFunc   // ends the running session; nil: none runs
	since     time.Duration        // of that session's Run

	forced bool // a person wants the slate, whatever comes
	slate  bool // on the air
	base   time.Duration
	slot   int64 // of the newest slate picture: PTS is base + FrameTime(slot)
}

// memoryFunc says whether the pool has a picture to give, and the generation
// of its memory.
type memoryFunc func() (free bool, generation uint64)

func newJoint(clock *media.Clock, rate media.Rational, s *state) *joint {
	j := &joint{clock: clock, rate: rate, state: s, wake: make(chan struct{}, 1)}
	j.setArriving(media.Rational{})
	return j
}

func (j *joint) setArriving(rate media.Rational) {
	interval := j.rate.FrameTime(1)
	if !rate.IsZero() {
		interval = max(interval, rate.FrameTime(1))
	}
	j.threshold = max(minThreshold, 4*interval)
}

// start begins a run.
func (j *joint) start(emit func(media.Frame)) {
	j.out.Lock()
	defer j.out.Unlock()
	j.emit, j.arrived, j.slate, j.cut = emit, j.clock.Now(), false, j.any
}

// session notes a session that is about to run, and how to end it.
func (j *joint) session(arriving media.Rational, stop context.CancelFunc) {
	j.out.Lock()
	j.stop, j.since = stop, j.clock.Now()
	j.setArriving(arriving)
	j.limit = newLimiter(arriving, j.rate)
	j.out.Unlock()
	j.look() // the threshold may be another
}

// ended notes that it runs no more.
func (j *joint) ended() {
	j.out.Lock()
	defer j.out.Unlock()
	j.stop = nil
}

// lost says why nothing comes. An urgent reason puts the slate on at once, any
// other when the threshold has passed.
func (j *joint) lost(reason *capture.SignalError, urgent bool) {
	j.out.Lock()
	j.reason, j.urgent = reason, j.urgent || urgent
	if j.slate || j.urgent {
		j.state.change(func(l *capture.LiveStatus) { l.Signal, l.Detail = reason.Signal, reason.Detail })
	}
	j.out.Unlock()
	j.look()
	j.state.tell()
}

func (j *joint) look() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// picture takes one of the device's.
func (j *joint) picture(f media.Frame, format media.VideoFormat) {
	j.out.Lock()
	now := j.clock.Now()
	if f.PTS < now-maxLag || f.PTS > now+j.rate.FrameTime(1) {
		f.PTS = now // the device's clock is not ours: the arrival is what is known
	}
	look := j.slate || !j.any // the slate is to end; the threshold is another
	j.arrived, j.lag = now, max(0, now-f.PTS)
	j.reason, j.urgent = nil, false
	if j.forced {
		j.state.change(func(l *capture.LiveStatus) {
			l.Signal, l.Detail, l.Arriving = capture.SignalOK, "", format
		})
		j.out.Unlock()
		f.Release()
		j.state.tell()
		return
	}
	if j.slate {
		j.slate, j.cut = false, true
	}
	if j.cut {
		j.limit.restart()
	}
	if j.fits(f.PTS) && j.limit.take(f.PTS) {
		f.ForceKey = f.ForceKey || j.cut
		j.cut = false
		j.send(f)
		f = media.Frame{}
	}
	sent := f.Buffer == nil
	j.state.change(func(l *capture.LiveStatus) {
		l.Signal, l.Detail, l.Slate, l.Arriving = capture.SignalOK, "", false, format
		if sent {
			l.Frames++
		}
	})
	j.out.Unlock()
	f.Release()
	if look {
		j.look()
	}
	j.state.tell()
}

// fits says whether a picture of this time may come next: after the last, and
// at a seam not right behind it.
func (j *joint) fits(pts time.Duration) bool {
	if j.cut {
		return !j.any || pts-j.last >= j.rate.FrameTime(1)/2
	}
	return !j.any || pts > j.last
}

func (j *joint) send(f media.Frame) {
	j.any, j.last = true, f.PTS
	if f.DMA != nil {
		j.generation = f.DMA.Generation
	}
	j.emit(f)
}

// wanted is what a Chooser is given.
func (j *joint) wanted(pts time.Duration) bool {
	j.out.Lock()
	defer j.out.Unlock()
	return !j.forced && (j.slate || j.cut || j.limit.wants(pts))
}

// due says what the slate's goroutine has to do now: draw a picture for a time,
// or wait. It puts the slate on when its time has come.
func (j *joint) due(memory memoryFunc) (wait, pts time.Duration, on bool) {
	j.out.Lock()
	defer j.out.Unlock()
	now := j.clock.Now()
	if !j.slate {
		threshold := j.threshold
		if !j.any {
			threshold = startThreshold
		}
		if wait = j.arrived + threshold - now; wait > 0 && !j.urgent && !j.forced {
			return wait, 0, false
		}
		j.begin(now, memory)
	}
	if j.stop != nil && now-max(j.since, j.arrived) > stallLimit {
		if free, _ := memory(); free {
			j.stop()
		}
	}
	// What was missed stays out: the encoder has no use for old pictures.
	present := int64((now - j.lag - j.base).Seconds() * j.rate.Float())
	next := max(j.slot+1, present)
	pts = j.base + j.rate.FrameTime(next)
	if wait = pts + j.lag - now; wait > 0 {
		return wait, 0, true
	}
	j.slot = next
	return 0, pts, true
}

// begin puts the slate on the air, on the grid that the last picture began.
func (j *joint) begin(now time.Duration, memory memoryFunc) {
	j.slate, j.cut, j.slot = true, true, 0
	if j.base = j.last; !j.any {
		j.base, j.slot, j.lag = now, -1, 0
	}
	reason := j.reason
	if reason == nil && j.forced {
		j.state.change(func(l *capture.LiveStatus) { l.Slate = true })
		return
	}
	if reason == nil {
		reason = &capture.SignalError{Signal: j.guess(memory)}
	}
	j.state.change(func(l *capture.LiveStatus) {
		l.Signal, l.Detail, l.Slate = reason.Signal, reason.Detail, true
	})
}

// force has the slate on the air, or lets the device's pictures follow it again.
func (j *joint) force(on bool) {
	j.out.Lock()
	j.forced = on
	j.out.Unlock()
	j.look()
}

// isForced says that the slate is on the air since a person wants it.
func (j *joint) isForced() bool {
	j.out.Lock()
	defer j.out.Unlock()
	return j.forced
}

// guess is the state when no picture comes and nobody said why.
func (j *joint) guess(memory memoryFunc) capture.Signal {
	free, generation := memory()
	switch {
	case j.stop == nil: // it is being opened
		return capture.SignalStarting
	case !free || j.any && generation != j.generation:
		return capture.SignalRecovering
	case !j.any:
		return capture.SignalStarting
	}
	return capture.SignalStalled
}

// slatePicture takes a slate picture for a time that due gave. The device may
// have come back since; then it is not wanted any more.
func (j *joint) slatePicture(b *media.Buffer, pts time.Duration) {
	j.out.Lock()
	f := media.Frame{Buffer: b, PTS: pts}
	if sent := j.slate && (!j.any || pts > j.last); sent {
		f.ForceKey, j.cut = j.cut, false
		j.send(f)
		f = media.Frame{}
		j.state.change(func(l *capture.LiveStatus) { l.Slates++ })
	}
	j.out.Unlock()
	f.Release()
}
