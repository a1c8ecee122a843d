// Package resize runs the video encoder of a stream, and one for smaller pictures in
// its place where a link carries no more. Another size is another encoder and another
// track: the one at work codes what it has taken and ends, then the next begins, with
// a key picture. No picture is coded twice; between the two the newest waits in the
// feed, as always.
package resize

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
)

// MaxScale is what a picture's sides are divided by at most.
const MaxScale = 4

// Opened is an encoder for pictures of one size.
type Opened struct {
	encode.Encoder
	// Settings are those that it was made with. Pictures of another size, or pixel
	// format, than Settings.Format are converted for it.
	Settings encode.Settings
	Close    func() error // once Run has returned; nil: there is nothing to close
}

// Config of a Runner. The functions are called from Run's goroutine.
type Config struct {
	// Settings are those of full size.
	Settings encode.Settings
	// Open gives an encoder for pictures whose sides are those of full size divided by
	// scale; s is what it is to be made with, but for the pixel format, which Open
	// chooses. One of full size has to take the pictures as they come.
	Open func(scale int, s encode.Settings) (Opened, error)
	// Failed is told of an encoder for smaller pictures that cannot be opened, or
	// that failed. Open is asked once more, and should give another; where that fails
	// too, the stream goes on in full size until another size is wanted.
	Failed func(scale int, err error)
	// Guard runs what has a goroutine of its own, and may make an error of a panic.
	// nil: it is just run.
	Guard func(func() error) error
}

// Runner runs one encoder after another. Set may be called from any goroutine.
type Runner struct {
	cfg Config

	mu      sync.Mutex // guards the fields below
	now     encode.Settings
	scale   int // wanted
	refused int // scale that failed: not tried before another one is wanted
	feed    *encode.Feed
	current *Opened // at work; nil between two
}

// New returns a Runner that begins in full size.
func New(c Config) *Runner {
	if c.Guard == nil {
		c.Guard = func(f func() error) error { return f() }
	}
	return &Runner{cfg: c, now: c.Settings, scale: 1}
}

// Set has the pictures coded with this bit rate, divider (see encode.Settings) and
// size from now on: the first two with the next picture, the last as soon as the
// encoder has ended. What is outside its bounds is brought into them. The same again
// does nothing. It does not block.
func (r *Runner) Set(bitrate, divider, scale int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.now
	next.Bitrate = min(max(1, bitrate), max(r.cfg.Settings.MaxBitrate, r.cfg.Settings.Bitrate))
	next.Divider = min(max(1, divider), encode.MaxDivider)
	scale = min(max(1, scale), MaxScale)
	if next != r.now {
		r.now = next
		r.update()
	}
	if scale == r.scale {
		return
	}
	r.scale, r.refused = scale, 0
	if r.feed != nil {
		r.feed.Break()
	}
}

// update gives the encoder at work what is wanted now. r.mu is held.
func (r *Runner) update() {
	if r.current == nil {
		return
	}
	s := r.current.Settings
	s.Bitrate, s.Divider = r.now.Bitrate, r.now.Divider
	_ = r.current.Update(s) // nothing else differs, and the rate is within its bounds
}

// Run codes the feed's pictures to w until it is closed, and then returns nil, or
// until ctx ends or an encoder of full size fails. It is called once, and ends the
// feed.
func (r *Runner) Run(ctx context.Context, feed *encode.Feed, w media.Writer) error {
	r.mu.Lock()
	r.feed = feed
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.feed = nil // it is not broken any more
		r.mu.Unlock()
		feed.Resume()
		feed.Stop()
	}()
	for failures := 0; ; {
		scale, err := r.one(ctx, feed, w)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && scale == 1:
			return err
		case err != nil:
			r.cfg.Failed(scale, err)
			if failures++; failures > 1 {
				r.refuse(scale)
				failures = 0
			}
		case feed.Ended():
			return nil
		default:
			failures = 0
		}
		feed.Resume()
	}
}

// refuse gives a scale up, unless another one is wanted by now.
func (r *Runner) refuse(scale int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.scale == scale {
		r.refused = scale
	}
}

// one runs one encoder to its end.
func (r *Runner) one(ctx context.Context, feed *encode.Feed, w media.Writer) (scale int, err error) {
	scale, s := r.wanted()
	e, err := r.cfg.Open(scale, s)
	if err != nil {
		return scale, fmt.Errorf("open an encoder for %dx%d: %w", s.Format.Width, s.Format.Height, err)
	}
	r.begin(&e)
	defer func() {
		r.begin(nil)
		if e.Close != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if scale == 1 {
		return scale, r.full(ctx, feed, e, w)
	}
	return scale, r.smaller(ctx, feed, e, w)
}

// wanted is what the next encoder is for.
func (r *Runner) wanted() (scale int, s encode.Settings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	scale, s = r.scale, r.now
	if scale == r.refused {
		scale = 1
	}
	s.Format.Width, s.Format.Height = side(s.Format.Width, scale), side(s.Format.Height, scale)
	return scale, s
}

// side is even, as 4:2:0 has it.
func side(n, scale int) int { return max(2, n/scale&^1) }

func (r *Runner) begin(e *Opened) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current = e; e != nil {
		r.update() // it may have changed since wanted
	}
}

// full runs an encoder on the pictures as they come.
func (r *Runner) full(ctx context.Context, feed *encode.Feed, e Opened, w media.Writer) error {
	if puller, ok := e.Encoder.(encode.Puller); ok {
		return puller.RunFeed(ctx, feed, w)
	}
	frames := make(chan media.Frame)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.cfg.Guard(func() error { return feed.Run(ctx, frames) }) })
	group.Go(func() error { return r.cfg.Guard(func() error { return e.Run(ctx, frames, w) }) })
	return group.Wait()
}

// smaller runs an encoder on pictures that are converted for it. Where that fails
// the feed is broken, and can go on.
func (r *Runner) smaller(ctx context.Context, feed *encode.Feed, e Opened, w media.Writer) error {
	whole, frames := make(chan media.Frame), make(chan media.Frame)
	group, inner := errgroup.WithContext(ctx)
	task := func(f func() error) {
		group.Go(func() error {
			err := r.cfg.Guard(f)
			if err != nil {
				feed.Break()
			}
			return err
		})
	}
	task(func() error { return feed.Run(ctx, whole) })
	task(func() error {
		c := newConverter(e.Settings.Format)
		defer c.close()
		return c.run(inner, whole, frames)
	})
	task(func() error { return e.Run(inner, frames, w) })
	return group.Wait()
}
