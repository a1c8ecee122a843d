package encode

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Feed is the one slot between a frame source and the encoders it feeds. The
// newest frame wins: a frame that no encoder has begun to take when the next
// one arrives is released and counted. What is dropped is thus decided once,
// before fan-out, and every encoder codes the same pictures. Frames are marked
// ForceKey after that decision, so a key is never dropped with its frame.
type Feed struct {
	delivered, dropped, stale, divided, skipped atomic.Uint64

	wantKey atomic.Bool            // RequestKey
	wake    chan struct{}          // capacity 1: the slot or closed changed
	pulled  atomic.Pointer[func()] // instead of wake, once Pull was called
	last    time.Duration          // PTS of the last frame delivered; Run's or Take's alone

	mu      sync.Mutex // guards the fields below
	slot    media.Frame
	full    bool
	closed  bool // no more frames are taken
	broken  bool // Break was called, and Run or Take has still to end
	thin    Thinning
	divider divider
	newest  time.Duration // PTS of the last frame that passed thin
	cadence Cadence
	anchor  func() (time.Duration, bool) // of the cadence; nil once it is known, or where none was given
}

// FeedStats counts frames since the feed was made.
type FeedStats struct {
	Delivered uint64 // handed to every encoder
	Dropped   uint64 // replaced by a newer one: the encoders are too slow for the source
	Stale     uint64 // not after the one before, refused
	Divided   uint64 // left out for Thinning.Divider
	Skipped   uint64 // left out for Thinning.Skip and Stop
}

// NewFeed returns a Feed that asks for a key picture every gop (see Cadence).
func NewFeed(gop time.Duration) *Feed {
	return &Feed{wake: make(chan struct{}, 1), cadence: NewCadence(gop), last: -1 << 63, newest: -1 << 63}
}

// AlignKeys has the key pictures lie on the multiples of the GOP duration from
// anchor on, which is asked for at each picture until it is known. It is called
// before the feed is used.
func (f *Feed) AlignKeys(anchor func() (at time.Duration, known bool)) { f.anchor = anchor }

// due says whether a picture of this time is to be a key picture. f.mu is held.
func (f *Feed) due(pts time.Duration) bool {
	if f.anchor != nil {
		if at, known := f.anchor(); known {
			f.cadence.Align(at)
			f.anchor = nil
		}
	}
	return f.cadence.Due(pts)
}

// Put hands a frame over with its reference. It never blocks. After Close, or
// once Run has returned, the frame is released at once; so is one that is left
// out (see Thin), which is decided here, and takes no other's place.
func (f *Feed) Put(frame media.Frame) {
	f.mu.Lock()
	if f.closed || f.leftOut(frame) {
		f.mu.Unlock()
		frame.Release()
		return
	}
	old, had := f.slot, f.full
	if had && old.ForceKey {
		frame.ForceKey = true
	}
	f.slot, f.full = frame, true
	f.mu.Unlock()
	if had {
		f.dropped.Add(1)
		old.Release()
	}
	f.signal()
}

// RequestKey makes the next delivered frame a key picture at every encoder. It
// may be called from any goroutine and does not block. The cadence goes on as
// if it had not happened.
func (f *Feed) RequestKey() {
	f.wantKey.Store(true)
	f.signal() // the frame on offer is marked anew
}

// Close ends the feed: Run delivers the frame in the slot and returns nil.
func (f *Feed) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.signal()
}

// Stats are the counters so far.
func (f *Feed) Stats() FeedStats {
	return FeedStats{
		Delivered: f.delivered.Load(), Dropped: f.dropped.Load(), Stale: f.stale.Load(),
		Divided: f.divided.Load(), Skipped: f.skipped.Load(),
	}
}

// Break ends the Run or the puller that is at work, as Close does, but keeps the
// frame that was not delivered, and takes further ones. Resume, once that has
// returned, has the feed go on.
func (f *Feed) Break() {
	f.mu.Lock()
	f.broken = true
	f.mu.Unlock()
	f.signal()
}

// Resume has another Run or Pull go on after Break, for other encoders: the next
// frame is a key picture, and the multiples of the GOP duration begin with it, as
// those who cut the stream expect of another track.
func (f *Feed) Resume() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		f.broken = false
		f.pulled.Store(nil)
		f.cadence.Restart()
		f.wantKey.Store(true) // also of the frame that was marked before
	}
}

// Ended says that no frame will come any more.
func (f *Feed) Ended() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed && !f.full
}

// Run delivers frames to the encoders' channels until Close or Break (it then
// returns nil) or the end of ctx. Until the first channel's encoder takes a frame a
// newer one replaces it; then all the others get it too. The channels should be
// unbuffered: a buffered frame is an old frame. Run closes them when it returns. It
// is called once, and once more after each Resume.
func (f *Feed) Run(ctx context.Context, outs ...chan<- media.Frame) error {
	defer func() {
		f.shut()
		for _, out := range outs {
			close(out)
		}
	}()
	for {
		frame, err := f.wait(ctx)
		if err != nil || frame.Buffer == nil {
			return err
		}
		if frame.PTS <= f.last {
			f.refuse(frame)
			continue
		}
		if err := f.deliver(ctx, frame, outs); err != nil {
			return err
		}
	}
}

// deliver hands the newest frame to every encoder, unless the feed is broken first:
// the frame is in the slot then.
func (f *Feed) deliver(ctx context.Context, frame media.Frame, outs []chan<- media.Frame) error {
	if len(outs) == 0 {
		f.last = frame.PTS
		frame.Release()
		return nil
	}
	for {
		asked := f.wantKey.Load()
		marked := frame
		marked.ForceKey = f.marked(frame, asked)
		for range outs[1:] {
			marked.Retain()
		}
		select {
		case outs[0] <- marked:
			f.commit(marked.PTS)
			if asked {
				f.wantKey.Store(false)
			}
			err := deliverRest(ctx, marked, outs[1:])
			if err == nil {
				f.delivered.Add(1)
			}
			return err
		case <-f.wake:
			for range outs[1:] {
				marked.Release()
			}
			if f.putBack(frame) {
				return nil
			}
			if newer, ok := f.take(); ok {
				frame = f.newer(frame, newer)
			}
		case <-ctx.Done():
			for range outs {
				marked.Release()
			}
			return ctx.Err()
		}
	}
}

// marked says whether a frame is delivered as a key picture.
func (f *Feed) marked(frame media.Frame, asked bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return frame.ForceKey || asked || f.due(frame.PTS)
}

// commit notes that the frame of this time is delivered.
func (f *Feed) commit(pts time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cadence.Commit(pts)
	f.last = pts
}

// putBack gives a frame on offer back to the slot of a feed that is broken; false:
// it is not.
func (f *Feed) putBack(frame media.Frame) bool {
	f.mu.Lock()
	if !f.broken {
		f.mu.Unlock()
		return false
	}
	old := frame
	had := f.full
	if had {
		f.slot.ForceKey = f.slot.ForceKey || old.ForceKey
	} else {
		f.slot, f.full = frame, true
	}
	f.mu.Unlock()
	if had {
		f.dropped.Add(1)
		old.Release()
	}
	return true
}

// newer chooses between a frame on offer and the one that came after it.
func (f *Feed) newer(old, next media.Frame) media.Frame {
	if next.PTS <= old.PTS {
		f.refuse(next)
		return old
	}
	next.ForceKey = next.ForceKey || old.ForceKey
	f.dropped.Add(1)
	old.Release()
	return next
}

// deliverRest gives a frame to the encoders after the first, one reference each.
func deliverRest(ctx context.Context, frame media.Frame, outs []chan<- media.Frame) error {
	for i, out := range outs {
		select {
		case out <- frame:
		case <-ctx.Done():
			for range outs[i:] {
				frame.Release()
			}
			return ctx.Err()
		}
	}
	return nil
}

// refuse releases a frame that is not after the one before it. A key it asked
// for is owed by the next.
func (f *Feed) refuse(frame media.Frame) {
	f.stale.Add(1)
	if frame.ForceKey {
		f.wantKey.Store(true)
	}
	frame.Release()
}

// wait blocks until there is a frame; a zero Frame means closed and empty, or broken.
func (f *Feed) wait(ctx context.Context) (media.Frame, error) {
	for {
		if err := ctx.Err(); err != nil {
			return media.Frame{}, err
		}
		frame, ok, done := f.next()
		switch {
		case ok:
			return frame, nil
		case done:
			return media.Frame{}, nil
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
		}
	}
}

// next takes the frame in the slot. done: there will be none, or not for this Run.
func (f *Feed) next() (frame media.Frame, ok, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return media.Frame{}, false, true
	}
	frame, ok = f.slot, f.full
	f.slot, f.full = media.Frame{}, false
	return frame, ok, f.closed && !ok
}

func (f *Feed) take() (media.Frame, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	frame, ok := f.slot, f.full
	f.slot, f.full = media.Frame{}, false
	return frame, ok
}

// shut refuses further frames and frees the slot, unless the feed is broken.
func (f *Feed) shut() {
	f.mu.Lock()
	if f.broken {
		f.mu.Unlock()
		return
	}
	f.closed = true
	f.mu.Unlock()
	if frame, ok := f.take(); ok {
		f.dropped.Add(1)
		frame.Release()
	}
}

func (f *Feed) signal() {
	if call := f.pulled.Load(); call != nil {
		(*call)()
		return
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}
