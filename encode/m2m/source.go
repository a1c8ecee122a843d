package m2m

import (
	"context"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
)

// source is where the loop has its frames from: a feeder or a puller. All of it
// is the loop's alone; what comes ends the poller's wait.
type source interface {
	// grant says that there is room for one frame; again before that was taken
	// does nothing.
	grant()
	// take returns a frame that came, if any. closed says that none will.
	take() (frame media.Frame, ok, closed bool)
	// enter says that the loop is about to wait in the kernel; false: something
	// came and it is not to. leave follows.
	enter() bool
	leave()
	// await waits for a frame, the last one, or the end of ctx, while the encoder
	// is empty; false: it is to be waited for in the kernel.
	await(ctx context.Context) bool
	// drop releases what nobody took.
	drop()
}

// puller takes frames out of a feed, in the loop's own goroutine.
type puller struct {
	feed   *encode.Feed
	room   bool
	next   media.Frame
	got    bool // next is to be taken
	closed bool
}

func (p *puller) grant() { p.room = true }

func (p *puller) fetch() {
	if p.room && !p.got && !p.closed {
		p.next, p.got, p.closed = p.feed.Take()
	}
}

func (p *puller) take() (frame media.Frame, ok, closed bool) {
	p.fetch()
	if !p.got {
		return media.Frame{}, false, p.closed
	}
	frame, p.next, p.got, p.room = p.next, media.Frame{}, false, false
	return frame, true, false
}

func (p *puller) enter() bool {
	p.fetch()
	return !p.got && !p.closed
}

func (p *puller) leave() {}

func (p *puller) await(context.Context) bool { return false }

func (p *puller) drop() {
	p.feed.Stop()
	if p.got {
		p.next.Release()
		p.got = false
	}
}
