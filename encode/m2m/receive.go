package m2m

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// maxErrors is how many damaged pictures in a row make a failure.
const maxErrors = 10

// collect takes back what the driver finished.
func (r *run) collect(events v4l2.PollEvents) error {
	got := false
	if events.Has(v4l2.PollIn | v4l2.PollErr | v4l2.PollHup) {
		n, err := r.takeCoded()
		if err != nil {
			return err
		}
		got = n > 0
	}
	n, err := r.takeRaw()
	switch {
	case err != nil:
		return err
	case !got && n == 0 && !r.last && events.Has(v4l2.PollErr|v4l2.PollHup):
		return fmt.Errorf("the encoder has failed (poll says %#x): %w", int16(events), unix.EIO)
	}
	return nil
}

// takeCoded takes finished coded buffers and gives them back empty. When nothing
// is outstanding it does not ask for more; what else there is, poll tells.
func (r *run) takeCoded() (n int, err error) {
	for {
		b, err := r.s.cod.Dequeue()
		switch {
		case errors.Is(err, v4l2.ErrAgain):
			return n, nil
		case errors.Is(err, v4l2.ErrLast):
			r.last = true
			return n, nil
		case err != nil:
			return n, err
		}
		n++
		r.progress = time.Now()
		packet, ok, full := r.coded(b)
		if full || r.errors >= maxErrors {
			return n, r.grow(len(r.s.cod.Bytes(b.Index, 0)))
		}
		r.last = b.Flags.Has(v4l2.FlagLast)
		if !r.last {
			if err := r.s.cod.QueueBuffer(v4l2.Buffer{Index: b.Index}); err != nil {
				return n, err
			}
		}
		if ok {
			r.w.Write(packet)
		}
		if r.last || len(r.inside) == 0 {
			return n, nil
		}
	}
}

// takeRaw takes raw buffers back that the driver has read.
func (r *run) takeRaw() (n int, err error) {
	for len(r.held) > 0 {
		b, err := r.s.raw.Dequeue()
		switch {
		case errors.Is(err, v4l2.ErrAgain), errors.Is(err, v4l2.ErrLast):
			return n, nil
		case err != nil:
			return n, err
		}
		n++
		r.progress = time.Now()
		if f, ok := r.held[b.Index]; ok {
			delete(r.held, b.Index)
			f.Release()
		}
	}
	return n, nil
}

// coded makes a packet of a coded buffer, if there is one to be made. full says
// that the buffer was too small.
func (r *run) coded(b v4l2.Buffer) (p media.Packet, ok, full bool) {
	mem, use := r.s.cod.Bytes(b.Index, 0), b.Planes[0]
	end := min(use.BytesUsed, len(mem))
	data := mem[min(use.DataOffset, end):end]
	if len(data) == 0 && b.Flags.Has(v4l2.FlagLast) {
		return p, false, false // its timestamp means nothing
	}
	at := r.find(b.Timestamp)
	switch {
	case end == len(mem):
		r.damaged(at, "a coded picture fills its buffer")
		return p, false, true
	case b.Flags.Has(v4l2.FlagError):
		r.damaged(at, "the driver marked a coded picture as damaged")
		return p, false, false
	case len(data) == 0:
		r.skip(at + 1)
		return p, false, false
	}
	u, err := r.pack.pack(data)
	switch {
	case err != nil:
		r.damaged(at, err.Error())
		return p, false, false
	case !u.picture:
		return p, false, false
	case at < 0:
		r.e.stats.stray.Add(1)
		r.needKey()
		return p, false, false
	}
	r.skip(at)
	pic := r.inside[0]
	r.remove(1)
	p, ok = r.packet(pic, u)
	return p, ok, false
}

// find is the place of a picture by the timestamp that the driver gave back, -1
// where there is none such.
func (r *run) find(stamp time.Duration) int {
	for i := range r.inside {
		if r.inside[i].stamp == stamp {
			return i
		}
	}
	return -1
}

// damaged drops what a coded buffer was for.
func (r *run) damaged(at int, why string) {
	r.errors++
	r.e.stats.errors.Add(1)
	r.e.log.Warn("a coded picture is lost", "cause", why)
	r.skip(at + 1)
	r.needKey()
}

// grow has the encoder opened anew with larger buffers for coded pictures. Some
// drivers tell of too small ones by nothing but damaged pictures.
func (r *run) grow(size int) error {
	const enough = 2 << 20 // for small pictures; for large ones it is more than the raw one
	f := r.e.settings.Format
	r.e.codedSize = min(2*size, max(size, enough, 2*f.Width*f.Height))
	if r.errors >= maxErrors {
		return fmt.Errorf("%d coded pictures in a row were damaged", r.errors)
	}
	return fmt.Errorf("coded pictures do not fit into %d bytes: they get %d", size, r.e.codedSize)
}

// packet decides whether a coded picture goes out, and what it is.
func (r *run) packet(pic picture, u unit) (media.Packet, bool) {
	asked := pic.key || r.keyLate > 0
	r.honoured(pic, u.idr)
	if (r.waitKey || r.fresh) && !u.idr {
		r.needKey()
		r.e.stats.skip.Add(1)
		if r.useless.IsZero() {
			r.useless = time.Now()
		}
		return media.Packet{}, false
	}
	p := media.Packet{
		Track: r.pack.track, PTS: pic.pts, DTS: pic.pts, Data: u.data,
		Key: u.idr && (asked || r.fresh || r.waitKey), Gap: r.gap,
	}
	r.waitKey, r.fresh, r.gap = false, false, false
	r.silent, r.failures, r.errors, r.useless = 0, 0, 0, time.Time{}
	r.e.stats.pictures.Add(1)
	r.e.stats.healthy.Store(true)
	r.judge(pic.pts, len(u.data))
	return p, true
}

// honoured watches whether key pictures come where they were asked for. A driver
// may be late with one; without one, it is restarted for it and all others.
func (r *run) honoured(pic picture, idr bool) {
	const patience = 3 // pictures
	key := &r.e.stats.key
	switch {
	case idr:
		if (pic.key || r.keyLate > 0) && !r.fresh {
			key.CompareAndSwap(int32(unknown), int32(kept))
		}
		r.keyLate = 0
	case pic.key || r.keyLate > 0:
		if r.keyLate++; r.keyLate > patience {
			r.e.log.Warn("the encoder ignores that key pictures are asked for: it is restarted for them")
			key.Store(int32(ignored))
			r.keyLate, r.keyOwed = 0, true
		}
	}
}

// judge measures what became of the last change of the bit rate. A wrong
// "ignored" would cost a key picture at each change for ever, so that it takes a
// restart to be said: one that made the new rate hold.
//
// The driver works for the frame rate that it was told: pictures that are divided
// before it count as if all had come. Where some are missing for another reason,
// since they are skipped for now, what is coded says nothing about the bit rate.
func (r *run) judge(pts time.Duration, bytes int) {
	const missing = 4 // pictures
	if pts-r.codedAt > missing*time.Duration(r.division)*rateOf(r.e.settings.Format).FrameTime(1) {
		r.watch.reset()
	}
	r.codedAt = pts
	v := r.watch.coded(pts, bytes*r.division)
	live := &r.e.stats.bitrate
	if promise(live.Load()) != unknown {
		return
	}
	switch {
	case v == held && r.tried:
		r.e.log.Warn("the encoder takes new bit rates and goes on with the old one: it is restarted for each")
		live.Store(int32(ignored))
	case v == held:
		live.Store(int32(kept))
	case (v == unchanged || v == pinned) && !r.tried && pts >= r.nextTrial:
		// Not before a restart made no difference either is it the pictures' doing.
		r.trial = change{wanted: true, since: pts, patient: v == pinned}
	}
}

// drain brings out the pictures that are inside. Where the driver has no command
// for it, they are waited for.
func (r *run) drain(ctx context.Context) error {
	if len(r.inside) == 0 {
		return nil
	}
	command := false
	if !r.s.noDrain {
		switch err := r.s.dev.EncoderCommand(v4l2.EncStop); {
		case err == nil:
			command = true
		case errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EINVAL):
			r.s.noDrain = true
		default:
			return err
		}
	}
	r.progress = time.Now()
	for !r.last && (command || len(r.inside) > 0) {
		r.e.stats.alive(false)
		if err := ctx.Err(); err != nil {
			return err
		}
		late := time.Until(r.progress.Add(r.e.cfg.Quirks.deadline()))
		switch {
		case late <= 0 && len(r.inside) > 0:
			return fmt.Errorf("%d pictures did not come out of the encoder", len(r.inside))
		case late <= 0:
			return nil // all are out, the driver just did not say so
		}
		events, err := r.e.poll.wait(late, r.s.dev, v4l2.PollIn)
		if err != nil {
			return err
		}
		if err := r.collect(events); err != nil {
			return err
		}
	}
	r.skip(len(r.inside)) // the driver left them out
	return nil
}
