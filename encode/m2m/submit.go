package m2m

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// How often a stream is begun anew to make a change hold, and how long a new bit
// rate waits for a key picture to do it at.
const (
	restartEvery    = time.Second
	restartPatience = 2 * time.Second
	// trialEvery is how often a stream is begun anew only to learn what became of
	// a change. Each costs a key picture, at worst just when the uplink is short.
	trialEvery = 20 * time.Second
	// A rate controller makes small changes all the time. Where each takes a restart,
	// those by less than coarseChange are put off until there was none for fineEvery.
	coarseChange = 0.2
	fineEvery    = 10 * time.Second
)

// change is a restart that is wanted: at the next key picture, or, where it is
// not patient, soon.
type change struct {
	wanted  bool
	since   time.Duration // PTS
	patient bool
}

func (c change) due(pts time.Duration, key bool) bool {
	return c.wanted && (key || !c.patient && pts-c.since >= restartPatience)
}

// code queues a frame, after what is to hold from it on. The frame is the
// driver's then, or released.
func (r *run) code(ctx context.Context, frame media.Frame) error {
	if f, want := frame.Format, r.s.layout.Format; f.Width != want.Width || f.Height != want.Height {
		frame.Release()
		return frameError{fmt.Errorf("m2m: the frame is %dx%d, the encoder was made for %dx%d", f.Width, f.Height, want.Width, want.Height)}
	}
	r.e.stats.alive(false)
	pts := frame.PTS
	// The request is taken first: one that comes later is for the next picture.
	key := r.e.key.Swap(false) || frame.ForceKey || r.keyOwed
	r.keyOwed = key // until it is inside
	key, err := r.control(ctx, pts, key)
	if err != nil {
		frame.Release()
		r.e.stats.skip.Add(1)
		return err
	}
	frame, index, err := r.place(frame)
	if err != nil || frame.Buffer == nil {
		return err
	}
	if err := r.queue(index, pts, key); err != nil {
		frame.Release()
		r.e.stats.skip.Add(1)
		return err
	}
	r.held[index] = frame
	return nil
}

// place gives the frame a place in the encoder's memory: the one it has, or a
// free one that it is copied into. A zero frame comes back where it has none.
func (r *run) place(frame media.Frame) (media.Frame, int, error) {
	index, own := r.e.pool.own(frame.Buffer)
	if _, busy := r.held[index]; own && !busy {
		return frame, index, nil
	}
	defer frame.Release()
	if !own && frame.Planes[0].Data == nil { // memory of an encoder that is closed
		r.e.stats.skip.Add(1)
		return media.Frame{}, 0, nil
	}
	b := r.e.pool.Get()
	if b == nil {
		r.e.stats.skip.Add(1)
		return media.Frame{}, 0, nil
	}
	free := media.Frame{Buffer: b, PTS: frame.PTS}
	index, _ = r.e.pool.own(b)
	if err := r.copy(index, frame.Buffer); err != nil {
		free.Release()
		return media.Frame{}, 0, err
	}
	r.e.stats.copied.Add(1)
	return free, index, nil
}

// copy writes a picture into a raw buffer, which is mapped from the first time
// on.
func (r *run) copy(index int, from *media.Buffer) error {
	if err := r.s.mapRaw(); err != nil {
		return err
	}
	var to [3]media.Plane
	for p := range r.s.pixel.Planes() {
		to[p] = r.s.plane(index, p)
	}
	planes := from.Planes
	if planes[0].Data == nil { // one of ours that the driver still has
		m, err := v4l2.MapBuffer(from)
		if err != nil {
			return err
		}
		defer func() { _ = m.Close() }()
		planes = m.Planes
	}
	if err := copyPicture(r.s.layout.Format, to, from.Format.Pixel, planes); err != nil {
		return frameError{fmt.Errorf("m2m: %w", err)}
	}
	return nil
}

// control sets bit rate and key request where they differ from the driver's. It
// returns whether the picture is to be a key picture: what comes first is one.
func (r *run) control(ctx context.Context, pts time.Duration, key bool) (bool, error) {
	r.applyBitrate(pts)
	if r.first {
		return true, nil
	}
	may := time.Since(r.restart) >= restartEvery
	cannot := key && !r.canForce()
	if may && (cannot || r.change.due(pts, key) || r.trial.due(pts, key)) {
		return true, r.renew(ctx, pts)
	}
	if !key || cannot {
		return false, nil // owed, where it was asked for
	}
	err := r.s.ctl.forceKey()
	if err == nil {
		return true, nil
	}
	r.e.log.Warn("the encoder refuses to be asked for a key picture: it is restarted for it", "error", err)
	refuse(&r.e.stats.key, err)
	if !may {
		return false, nil
	}
	return true, r.renew(ctx, pts)
}

// refuse notes that a control was refused while streaming. What a device says
// that has failed is no such thing: it may be opened anew and keep its promise.
func refuse(p *atomic.Int32, err error) {
	if !v4l2.IsGone(err) {
		p.Store(int32(refused))
	}
}

func (r *run) canForce() bool {
	if !r.s.ctl.canForceKey() {
		r.e.stats.key.CompareAndSwap(int32(unknown), int32(refused))
	}
	return !promise(r.e.stats.key.Load()).restarts()
}

// applyBitrate makes a new bit rate hold from this picture on, or at the next
// restart.
func (r *run) applyBitrate(pts time.Duration) {
	want, division := int(r.e.bitrate.Load()), int(r.e.divider.Load())
	if division != r.division {
		r.division = division
		r.watch.reset() // what it compares with was counted in other pictures
	}
	if want == r.bitrate {
		r.change.wanted = false
		return
	}
	if r.change.wanted && r.worthRestart(want) {
		return // the restart will bring it
	}
	r.trial.wanted, r.tried = false, false
	if r.e.cfg.Quirks.NoLiveBitrate {
		r.e.stats.bitrate.CompareAndSwap(int32(unknown), int32(ignored))
	}
	if r.first || !promise(r.e.stats.bitrate.Load()).restarts() {
		err := r.s.ctl.setBitrate(want)
		if err == nil {
			if !r.first && promise(r.e.stats.bitrate.Load()) == unknown {
				r.watch.changed(pts, r.s.ctl.effective(r.bitrate), r.s.ctl.effective(want))
			}
			r.bitrate = want
			return
		}
		r.e.log.Warn("the encoder refuses a new bit rate while it runs: it is restarted for it", "error", err)
		refuse(&r.e.stats.bitrate, err)
	}
	r.change = change{wanted: r.worthRestart(want), since: pts}
}

// worthRestart says whether the stream is to be begun anew for this bit rate.
func (r *run) worthRestart(want int) bool {
	share := float64(want) / float64(r.bitrate)
	return share <= 1-coarseChange || share >= 1/(1-coarseChange) || time.Since(r.restart) >= fineEvery
}

// queue gives a raw buffer to the driver.
func (r *run) queue(index int, pts time.Duration, key bool) error {
	b := v4l2.Buffer{Index: index, Field: v4l2.FieldNone, Timestamp: r.stampFor(pts)}
	for m := range r.s.layout.Memory {
		b.Planes[m].BytesUsed = r.s.layout.Memory[m]
	}
	now := time.Now()
	if len(r.inside) == 0 && len(r.held) == 0 {
		r.progress = now
	}
	if err := r.s.raw.QueueBuffer(b); err != nil {
		return err
	}
	r.inside = append(r.inside, picture{stamp: b.Timestamp, pts: pts, at: now, key: key})
	r.stamp, r.first = b.Timestamp, false
	if key {
		r.keyOwed = false
	}
	return nil
}

// stampFor is what the driver knows a picture by: its PTS, moved so that it is
// positive, in whole microseconds, and different from every other.
func (r *run) stampFor(pts time.Duration) time.Duration {
	const start = time.Hour
	return max(r.stamp+time.Microsecond, (start + pts).Truncate(time.Microsecond))
}

// renew drains the encoder and begins a new stream in it, with the bit rate that
// is wanted. The next picture is a key picture, and none is lost.
func (r *run) renew(ctx context.Context, pts time.Duration) error {
	if err := r.drain(ctx); err != nil {
		return err
	}
	r.restart = time.Now()
	r.e.stats.restarts.Add(1)
	if r.e.cfg.Quirks.Reopen {
		return errReopen
	}
	if err := r.s.stop(); err != nil {
		return err
	}
	r.release()
	want := int(r.e.bitrate.Load())
	if err := r.s.ctl.setBitrate(want); err != nil {
		return err
	}
	r.bitrate, r.change.wanted = want, false
	watch := r.watch
	if err := r.begin(); err != nil {
		return err
	}
	if r.trial.wanted {
		r.trial.wanted, r.tried, r.nextTrial = false, true, pts+trialEvery
		r.watch = watch
		r.watch.again(pts)
	}
	return nil
}
