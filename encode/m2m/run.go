package m2m

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// run is one Run. Everything in it belongs to that goroutine.
type run struct {
	e      *Encoder
	s      *session // nil while there is none
	feed   source
	w      media.Writer
	pack   packer
	watch  rateWatch
	closes sync.WaitGroup  // sessions that are being closed
	old    <-chan struct{} // closed when the one before s is; nil: that has been noted
	since  time.Time       // it is being closed

	codedAt  time.Duration // PTS of the picture that came out last
	division int           // divider that the bit rate was set for

	// Of the stream that the session codes:
	started  bool
	fresh    bool                // its first picture is still to come out
	first    bool                // its first picture is still to go in
	inside   []picture           // went in, did not come out; oldest first
	held     map[int]media.Frame // by raw buffer: those the driver has
	stamp    time.Duration       // given to the picture before
	progress time.Time           // when the driver last gave something back
	silent   int                 // times it took pictures and gave nothing, in a row
	errors   int                 // damaged pictures, in a row
	last     bool                // the drain is over
	bitrate  int                 // set in the driver
	change   change              // of the bit rate, waiting for a restart
	trial    change              // a restart that would tell more about the bit rate
	tried    bool                // it was made
	restart  time.Time           // the last one

	nextTrial time.Duration // PTS from which on there may be another trial
	useless   time.Time     // since when pictures come out that a key picture is missing for

	keyOwed  bool // a key picture was asked for, and none has gone in for it
	keyLate  int  // pictures since one that should have been a key picture, 0: none is due
	waitKey  bool // what comes out is of no use before a key picture
	gap      bool // the next packet carries Gap
	failures int  // recoveries without a picture, in a row
}

// picture is one inside the encoder.
type picture struct {
	stamp time.Duration // what the driver was given, and gives back
	pts   time.Duration
	at    time.Time
	key   bool // asked for
}

func newRun(e *Encoder, feed source, w media.Writer) *run {
	f := e.settings.Format
	return &run{
		e: e, s: e.session, feed: feed, w: w, held: map[int]media.Frame{}, bitrate: e.session.bitrate,
		division: int(e.divider.Load()),
		pack: packer{
			format: f, strip: e.cfg.Quirks.StripFiller,
			level: h264.LevelFor(f.Width, f.Height, rateOf(f), e.settings.MaxBitrate),
		},
	}
}

// frameError is a frame that this encoder cannot take: the caller's mistake.
type frameError struct{ error }

// Not failures: errDrained ends the loop, errReopen has the device opened anew.
var (
	errDrained = errors.New("drained")
	errReopen  = errors.New("the encoder is opened anew for a change to hold")
)

// loop codes until the frames end, ctx ends, or the hardware does.
func (r *run) loop(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.step(ctx); err != nil {
			if err := r.trouble(ctx, err); err != nil {
				if errors.Is(err, errDrained) {
					return nil
				}
				return err
			}
		}
	}
}

// trouble recovers from what the hardware did, and returns everything else.
func (r *run) trouble(ctx context.Context, err error) error {
	var mistake frameError
	if errors.Is(err, errDrained) || errors.As(err, &mistake) {
		return err
	}
	return r.recover(ctx, err)
}

// step takes a frame if one came, waits for what happens next, and deals with
// it. Its errors are the hardware's, but for frameError and errDrained.
func (r *run) step(ctx context.Context) error {
	if !r.started {
		if err := r.begin(); err != nil {
			return err
		}
	}
	frame, ok, closed := r.feed.take()
	switch {
	case closed:
		return r.finish(ctx)
	case ok:
		if err := r.code(ctx, frame); err != nil {
			return err
		}
	}
	if len(r.held) < r.s.depth {
		r.feed.grant()
	}
	return r.wait(ctx)
}

// begin starts a stream in the driver.
func (r *run) begin() error {
	r.e.stats.alive(false)
	r.started, r.fresh, r.first, r.last = true, true, true, false
	r.keyLate, r.silent, r.errors = 0, 0, 0
	r.watch.reset()
	return r.s.start()
}

// finish brings out what is inside. Where that fails, it is lost.
func (r *run) finish(ctx context.Context) error {
	err := r.drain(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.e.log.Warn("the encoder did not give its last pictures back", "pictures", len(r.inside), "error", err)
		r.e.stats.healthy.Store(false)
		r.lose(len(r.inside))
	}
	return errDrained
}

// end stops the queues and releases what they hold.
func (r *run) end() {
	r.e.stats.alive(false)
	defer r.e.stats.alive(true)
	if r.s != nil && r.started {
		if err := r.s.stop(); err != nil {
			r.e.log.Debug("stopping the encoder", "error", err)
		}
	}
	r.release()
	r.closes.Wait()
	if r.s != nil {
		r.s.bitrate = r.bitrate
	}
	r.e.session = r.s
}

// release releases the frames that the driver had.
func (r *run) release() {
	for i, f := range r.held {
		f.Release()
		delete(r.held, i)
	}
}

// wait waits for the driver, a frame, or the time by which something must have
// happened.
//
// A raw buffer that came back is no reason to wake up: it is taken along with
// the next coded picture. Only where there is none to come, or no room for the
// next frame, is it waited for. With nothing inside, the kernel has nothing to
// say.
func (r *run) wait(ctx context.Context) error {
	empty := len(r.inside) == 0 && len(r.held) == 0
	r.e.stats.alive(empty)
	if empty && r.feed.await(ctx) {
		return nil
	}
	want := v4l2.PollIn
	if len(r.held) > 0 && (len(r.inside) == 0 || len(r.held) >= r.s.depth) {
		want |= v4l2.PollOut
	}
	defer r.feed.leave()
	if !r.feed.enter() {
		return nil
	}
	timeout := time.Duration(-1)
	if !empty {
		timeout = max(0, time.Until(r.progress.Add(r.e.cfg.Quirks.deadline())))
	}
	events, err := r.e.poll.wait(timeout, r.s.dev, want)
	if err != nil {
		return err
	}
	if err := r.collect(events); err != nil {
		return err
	}
	return r.overdue()
}

// overdue finds a driver that hangs.
func (r *run) overdue() error {
	now, deadline := time.Now(), r.e.cfg.Quirks.deadline()
	if r.closing(now) {
		return nil
	}
	const keyless = 10 // deadlines of pictures that are of no use without a key picture
	if !r.useless.IsZero() && now.Sub(r.useless) >= keyless*deadline {
		return errors.New("the encoder makes no key picture")
	}
	if len(r.inside) == 0 && len(r.held) == 0 {
		return nil
	}
	const patience = 4 // of a driver that gives raw buffers back and codes nothing
	if len(r.inside) > 0 && now.Sub(r.inside[0].at) >= patience*deadline {
		return fmt.Errorf("a picture has been in the encoder for %v", now.Sub(r.inside[0].at).Round(time.Millisecond))
	}
	if now.Sub(r.progress) < deadline {
		return nil
	}
	if len(r.held) > 0 {
		return fmt.Errorf("nothing came back from the encoder for %v", deadline)
	}
	// It took the pictures and left them out, as rate controls do.
	r.skip(len(r.inside))
	r.progress = now
	if r.silent++; r.silent > 1 {
		return fmt.Errorf("the encoder takes pictures and codes none")
	}
	return nil
}

// closing says that the session before is still being closed, up to
// closePatience. Drivers that take seconds to stop a stream have a lock for all
// of them: until then a silence is not this one's, and afterwards its time
// begins anew.
func (r *run) closing(now time.Time) bool {
	if r.old == nil {
		return false
	}
	r.progress = now
	for i := range r.inside {
		r.inside[i].at = now
	}
	if isOpen(r.old) && now.Sub(r.since) < closePatience {
		return true
	}
	r.old = nil
	return false
}

// skip takes the oldest n pictures off the list: they will not come out. A key
// that one of them was to be is owed by the next.
func (r *run) skip(n int) {
	for _, p := range r.inside[:n] {
		r.keyOwed = r.keyOwed || p.key
	}
	r.remove(n)
	r.e.stats.skip.Add(uint64(n))
}

// lose is skip for pictures that others refer to.
func (r *run) lose(n int) {
	r.skip(n)
	if n > 0 {
		r.needKey()
	}
}

func (r *run) remove(n int) {
	r.inside = append(r.inside[:0], r.inside[n:]...)
}

// needKey makes the stream begin anew: what refers to a lost picture is left
// out, and a key picture is asked for, unless one is on its way.
func (r *run) needKey() {
	r.waitKey, r.gap = true, true
	r.keyOwed = r.keyOwed || !slices.ContainsFunc(r.inside, func(p picture) bool { return p.key })
}
