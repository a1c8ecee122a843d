package v4l2capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/live"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

const (
	// stallAfter, or five frame times, is how long a device may be silent.
	stallAfter = time.Second
	// doubtAfter, or five frame times, is that where the device has just told of
	// a change after which everything is as before: it may have stopped.
	doubtAfter = 250 * time.Millisecond
)

// run is a running queue. It belongs to the goroutine of Run.
type run struct {
	*session
	plan    plan
	queue   queue
	feed    feeder
	emit    func(media.Frame)
	payload [3]int // fewest bytes of each memory plane

	got      v4l2.Buffer // just dequeued; here, so that none is allocated
	deadline time.Time   // when a picture must have come
	doubt    bool        // the device told of a change, and no picture has come since
	sequence uint32      // of the last buffer
	numbered bool        // there was one
	damage   error       // of the last picture that was damaged, nil after a good one
	told     bool        // the transfer is reported
}

// loop waits, takes what has come and gives memory, until the session ends.
func (r *run) loop(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		starved := r.starved()
		r.hungry.Store(true) // before the pool is looked into: what comes back after that wakes
		if err := r.feed.fill(); err != nil {
			return r.end(err)
		}
		r.hungry.Store(r.feed.hungry())
		if starved && !r.starved() {
			r.waitFrom(time.Now())
		}
		got, ofBridge, err := r.wait()
		if err != nil {
			return err
		}
		if err := r.serve(ctx, got, ofBridge); err != nil {
			return r.end(err)
		}
	}
}

// starved says that the device has less memory than it needs to deliver: its
// silence means nothing.
func (r *run) starved() bool {
	return !r.feed.streaming() || r.feed.queued() < min(r.minQueued(), 2)
}

// wait waits for the device, at most until a picture must have come.
func (r *run) wait() (got, ofBridge v4l2.PollEvents, err error) {
	events := v4l2.PollPri
	if r.feed.streaming() && r.feed.queued() > 0 {
		events |= v4l2.PollIn // else it would be ready at once, with PollErr
	}
	left := stallAfter
	if !r.starved() {
		left = max(0, time.Until(r.deadline))
	}
	return r.poll.Wait(left, r.dev, events, r.bridge())
}

// waitFrom sets the time until which a picture must have come.
func (r *run) waitFrom(now time.Time) {
	least := stallAfter
	if r.doubt {
		least = doubtAfter
	}
	if f := r.format.FrameRate; !f.IsZero() {
		least = max(least, f.FrameTime(5))
	}
	r.deadline = now.Add(least)
}

// serve does what the device is ready for.
func (r *run) serve(ctx context.Context, got, ofBridge v4l2.PollEvents) error {
	if (got | ofBridge).Has(v4l2.PollHup) {
		return lost(r.node.Path+" was unplugged", nil)
	}
	if (got | ofBridge).Has(v4l2.PollPri) {
		if err := r.news(); err != nil {
			return err
		}
	}
	if got.Has(v4l2.PollIn | v4l2.PollErr) {
		took, err := r.drain(ctx)
		if err != nil {
			return err
		}
		if !took && got.Has(v4l2.PollErr) {
			return lost(r.node.Path+" has failed: its queue is in error", nil)
		}
	}
	if !r.starved() && !time.Now().Before(r.deadline) {
		return r.silent()
	}
	return nil
}

// news looks into what the device told.
func (r *run) news() error {
	changed, err := r.takeEvents()
	if err != nil || !changed {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	if r.timed == nil {
		f, err := r.dev.Format(r.typ)
		if err != nil {
			return err
		}
		if f.Width != r.plan.format.Width || f.Height != r.plan.format.Height {
			return &live.Changed{}
		}
	}
	r.doubt = true
	r.waitFrom(time.Now())
	return nil
}

// silent is why no picture came in time.
func (r *run) silent() error {
	if err := r.check(); err != nil {
		return err
	}
	if r.doubt {
		return &live.Changed{To: r.format} // the device stopped and waits for a new start
	}
	e := &capture.SignalError{Signal: capture.SignalStalled, Detail: "no picture has come for " + stallAfter.String()}
	if r.damage != nil {
		e.Detail = "all pictures are damaged; try another cable, port or mode"
		e.Err = r.damage
	}
	return e
}

// drain takes every finished buffer.
func (r *run) drain(ctx context.Context) (took bool, err error) {
	for ctx.Err() == nil {
		var err error
		r.got, err = r.queue.Dequeue()
		switch {
		case errors.Is(err, v4l2.ErrAgain):
			return took, nil
		case errors.Is(err, v4l2.ErrLast):
			return took, r.last()
		case err != nil:
			return took, err
		}
		took = true
		if err := r.picture(&r.got); err != nil {
			return took, err
		}
	}
	return took, nil
}

// last is why a driver ended its stream: its source changed.
func (r *run) last() error {
	if err := r.check(); err != nil {
		return err
	}
	return &live.Changed{}
}

// picture passes a finished buffer on.
func (r *run) picture(b *v4l2.Buffer) error {
	r.count(b)
	if late := b.Planes[0].DataOffset; r.plan.share && late != 0 {
		return fmt.Errorf("%w: it puts %d bytes before its samples", errRefused, late)
	}
	if damage := r.damaged(b); damage != nil {
		r.drop(damage)
		return r.feed.again(b)
	}
	pts := r.stamp.at(b.Timestamp, b.Flags.TimestampMonotonic())
	if r.wanted != nil && !r.wanted(pts) {
		r.alive()
		return r.feed.again(b)
	}
	pic, damage, err := r.feed.take(b)
	switch {
	case err != nil:
		return err
	case damage != nil:
		r.drop(damage)
		return nil
	}
	r.alive()
	if pic == nil {
		r.skipped.Add(1) // no memory
		return nil
	}
	r.tell()
	r.emit(media.Frame{Buffer: pic, PTS: pts})
	return nil
}

// alive notes that the device delivers.
func (r *run) alive() {
	r.doubt, r.damage = false, nil
	r.waitFrom(time.Now())
}

func (r *run) drop(damage error) {
	r.skipped.Add(1)
	if r.damage == nil {
		r.log.Debug("damaged picture dropped", "error", damage)
	}
	r.damage = damage
}

// count adds the pictures that the driver dropped: holes in its numbers.
func (r *run) count(b *v4l2.Buffer) {
	if hole := b.Sequence - r.sequence - 1; r.numbered && int32(hole) > 0 {
		r.skipped.Add(uint64(hole))
	}
	r.sequence, r.numbered = b.Sequence, true
}

// damaged says what is wrong with a buffer before its samples are looked at.
func (r *run) damaged(b *v4l2.Buffer) error {
	if b.Flags.Has(v4l2.FlagError) {
		return errors.New("the driver marked it as damaged")
	}
	for i, need := range r.payload {
		use := b.Planes[i]
		if use.BytesUsed-use.DataOffset < need {
			return fmt.Errorf("%d bytes of %d came", use.BytesUsed-use.DataOffset, need)
		}
	}
	return nil
}

// tell reports how pictures are transferred, when the first has come and then
// when there is news of their times.
func (r *run) tell() {
	way, reason := capture.OneCopy, r.plan.reason
	if r.plan.share {
		way = capture.ZeroCopy
	}
	if note := r.stamp.note(); note != "" {
		if reason != "" {
			reason += "; "
		}
		reason += note
	}
	if r.told && reason == r.reason {
		return
	}
	r.told = true
	r.report(way, reason)
}

// end is why the session ends, in terms of its signal.
func (r *run) end(err error) error {
	if errors.Is(err, errRefused) || errors.As(err, new(*capture.SignalError)) || errors.As(err, new(*live.Changed)) {
		return err
	}
	return signalOf(err, r.node.Path)
}
