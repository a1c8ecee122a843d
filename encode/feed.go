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
	delivered, dropped, stale atomic.Uint64

	wantKey atomic.Bool                  // RequestKey
	wake    chan struct{}                // capacity 1: the slot or closed changed
	pulled  atomic.Pointer[func()]       // instead of wake, once Pull was called
	cadence Cadence                      // Run's or Take's alone
	anchor  func() (time.Duration, bool) // of the cadence; nil once it is known, or where none was given
	last    time.Duration                // PTS of the last frame delivered; likewise

	mu     sync.Mutex // guards the fields below
	slot   media.Frame
	full   bool
	closed bool // no more frames are taken
}

// FeedStats counts frames since the feed was made.
type FeedStats struct {
	Delivered uint64 // handed to every encoder
	Dropped   uint64 // replaced by a newer one: the encoders are too slow for the source
	Stale     uint64 // not after the one before, refused
}

// NewFeed returns a Feed that asks for a key picture every gop (see Cadence).
func NewFeed(gop time.Duration) *Feed {
	return &Feed{wake: make(chan struct{}, 1), cadence: NewCadence(gop), last: -1 << 63}
}

// AlignKeys has the key pictures lie on the multiples of the GOP duration from
// anchor on, which is asked for at each picture until it is known. It is called
// before the feed is used.
func (f *Feed) AlignKeys(anchor func() (at time.Duration, known bool)) { f.anchor = anchor }

// due says whether a picture of this time is to be a key picture.
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
// once Run has returned, the frame is released at once.
func (f *Feed) Put(frame media.Frame) {
	f.mu.Lock()
	if f.closed {
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
	return FeedStats{Delivered: f.delivered.Load(), Dropped: f.dropped.Load(), Stale: f.stale.Load()}
}

// Run delivers frames to the encoders' channels until Close (it then returns
// nil) or the end of ctx. Until the first channel's encoder takes a frame a
// newer one replaces it; then all the others get it too. The channels should be
// unbuffered: a buffered frame is an old frame. Run closes them when it
// returns. It is called once.
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
		if frame, err = f.deliver(ctx, frame, outs); err != nil {
			return err
		}
		f.last = frame.PTS
	}
}

// deliver hands the newest frame to every encoder and returns the one it was.
// The returned frame's reference is no longer the caller's.
func (f *Feed) deliver(ctx context.Context, frame media.Frame, outs []chan<- media.Frame) (media.Frame, error) {
	if len(outs) == 0 {
		frame.Release()
		return frame, nil
	}
	for {
		asked := f.wantKey.Load()
		marked := frame
		marked.ForceKey = frame.ForceKey || asked || f.due(frame.PTS)
		for range outs[1:] {
			marked.Retain()
		}
		select {
		case outs[0] <- marked:
			f.cadence.Commit(marked.PTS)
			if asked {
				f.wantKey.Store(false)
			}
			err := deliverRest(ctx, marked, outs[1:])
			if err == nil {
				f.delivered.Add(1)
			}
			return marked, err
		case <-f.wake:
			for range outs[1:] {
				marked.Release()
			}
			if newer, ok := f.take(); ok {
				frame = f.newer(frame, newer)
			}
		case <-ctx.Done():
			for range outs {
				marked.Release()
			}
			return frame, ctx.Err()
		}
	}
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

// wait blocks until there is a frame; a zero Frame means closed and empty.
func (f *Feed) wait(ctx context.Context) (media.Frame, error) {
	for {
		if err := ctx.Err(); err != nil {
			return media.Frame{}, err
		}
		if frame, ok := f.take(); ok {
			return frame, nil
		}
		f.mu.Lock()
		closed := f.closed && !f.full
		f.mu.Unlock()
		if closed {
			return media.Frame{}, nil
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
		}
	}
}

func (f *Feed) take() (media.Frame, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	frame, ok := f.slot, f.full
	f.slot, f.full = media.Frame{}, false
	return frame, ok
}

// shut refuses further frames and frees the slot.
func (f *Feed) shut() {
	f.mu.Lock()
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
