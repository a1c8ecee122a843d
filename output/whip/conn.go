package whip

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// queueUnits bounds what waits for the pacer, in access units. When it is full,
// Write waits, and the hub's ring takes what comes meanwhile.
const queueUnits = 32

// unit is an access unit on its way.
type unit struct {
	stream  *stream
	packets []*rtp.Packet
	base    time.Duration // its PTS
	spread  time.Duration // over which it is to be sent
}

// conn is one publication.
type conn struct {
	target  output.Target
	signal  *session
	peer    *mediaPeer
	answer  string // the endpoint's first
	streams []*stream

	queue chan unit
	done  chan struct{} // closed at the end; then err is set
	end   sync.Once
	err   error

	cancel context.CancelFunc
	wg     sync.WaitGroup
	close  sync.Once
	opened atomic.Bool // start has been called

	down    atomic.Bool // there is no way at the moment: what is written is lost
	joining bool        // Write waits for a key picture; for Write alone
	wasDown bool        // for Write alone

	sent          atomic.Uint64 // bytes
	waiting       atomic.Int64  // bytes in the queue
	retransmitted atomic.Uint64
	dropped       atomic.Uint64 // packets lost on this side
	rtt           atomic.Int64  // by RTCP, nanoseconds
	remb          atomic.Int64  // bits per second
	hasTWCC       atomic.Bool
	keyAsked      atomic.Int64 // when the last key picture was asked for, UnixNano
	reference     reference    // of sender reports; for transmit alone
}

var _ output.Conn = (*conn)(nil)

// start begins to send. Close waits for all that it starts.
func (c *conn) start() {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.opened.Store(true)
	c.joining = c.stream(media.Video) != nil
	c.wg.Go(func() { c.transmit(ctx) })
	c.wg.Go(func() { c.watch(ctx) })
	for _, st := range c.streams {
		if !st.refused {
			c.wg.Go(func() { c.listen(st) })
		}
	}
}

// stream finds the one that carries a kind; nil without.
func (c *conn) stream(k media.Kind) *stream {
	for _, st := range c.streams {
		if st.track.Kind() == k && !st.refused {
			return st
		}
	}
	return nil
}

// Write implements output.Conn. It hands the packet to the pacer, and waits only
// while that is behind. The first picture that is shown in another order than it
// is decoded ends the publication: WebRTC receivers show pictures as they come.
func (c *conn) Write(p media.Packet) error {
	if err := c.over(nil); err != nil {
		return err
	}
	st := c.stream(p.Track.Kind())
	switch {
	case st == nil:
		return nil // sound that is not published
	case p.Track.Codec != media.H264 && p.Track.Codec != media.Opus:
		return output.WithCause(output.CauseLocal, fmt.Errorf("WHIP carries H.264 and Opus, not %v", p.Track.Codec))
	case p.PTS != p.DTS && p.Track.Kind() == media.Video:
		return output.WithCause(output.CauseLocal, fmt.Errorf("WHIP takes no B-frames (a picture is decoded %v before it is shown): set the encoder's profile to baseline, or its B-frames to 0", p.PTS-p.DTS))
	case p.Track != st.track && !st.carries(p.Track):
		return output.ErrTrackChanged
	}
	st.track = p.Track
	if c.skips(p) {
		return nil
	}
	u := unit{stream: st, packets: st.packetize(p), base: p.PTS}
	if p.Track.Kind() == media.Video {
		u.spread = spreadOf(p, st.last)
		st.last = p.PTS
	}
	return c.enqueue(u)
}

// skips says that a packet is of no use: pictures before the first key picture,
// and all while there is no way.
func (c *conn) skips(p media.Packet) bool {
	if c.down.Load() {
		c.wasDown = true
		c.dropped.Add(1)
		return true
	}
	if c.wasDown {
		c.wasDown, c.joining = false, c.stream(media.Video) != nil
	}
	if p.Track.Kind() != media.Video {
		return false
	}
	if c.joining && p.Key {
		c.joining = false
	}
	return c.joining
}

// enqueue hands a unit to the pacer.
func (c *conn) enqueue(u unit) error {
	n := int64(size(u.packets))
	c.waiting.Add(n)
	select {
	case c.queue <- u:
		return nil
	default:
	}
	limit := time.NewTimer(c.target.WriteTimeout)
	defer limit.Stop()
	select {
	case c.queue <- u:
		return nil
	case <-c.done:
		return c.over(nil)
	case <-limit.C:
		c.waiting.Add(-n)
		return fmt.Errorf("%w: %s has been sent nothing for %v", output.ErrStalled, c.signal.host, c.target.WriteTimeout)
	}
}

func size(ps []*rtp.Packet) (n int) {
	for _, p := range ps {
		n += wireSize(p)
	}
	return n
}

// over is why the connection has ended, other while it has not.
func (c *conn) over(other error) error {
	select {
	case <-c.done:
		return c.err
	default:
		return other
	}
}

// fail ends the connection; the first reason counts.
func (c *conn) fail(err error) {
	c.end.Do(func() {
		c.err = err
		close(c.done)
	})
}

// Stats implements output.Conn.
func (c *conn) Stats() output.ConnStats {
	st := output.ConnStats{
		BytesSent: c.sent.Load(), RTT: c.roundTrip(), Retransmitted: c.retransmitted.Load(), Lost: c.dropped.Load(),
		Outstanding: uint64(max(c.waiting.Load(), 0)), Bandwidth: int(c.remb.Load()),
	}
	for _, s := range c.streams {
		st.Lost += uint64(s.lost.Load())
	}
	if c.hasTWCC.Load() {
		st.Bandwidth = c.peer.estimate.GetTargetBitrate()
	}
	return st
}

// roundTrip is RTCP's measure, else that of ICE's checks.
func (c *conn) roundTrip() time.Duration {
	if d := time.Duration(c.rtt.Load()); d > 0 || !c.opened.Load() {
		return d
	}
	pair, ok := c.streams[0].sender.Transport().ICETransport().GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(pair.CurrentRoundTripTime * float64(time.Second))
}

// Close implements output.Conn: DELETE, which takes two seconds at most, and
// then the end of everything.
func (c *conn) Close() error {
	c.fail(fmt.Errorf("connection to %s: %w", c.signal.host, net.ErrClosed))
	c.close.Do(func() {
		if c.cancel != nil {
			c.cancel()
		}
		ctx, cancel := context.WithTimeout(context.Background(), deleteLimit)
		defer cancel()
		if err := c.signal.delete(ctx); err != nil {
			c.target.Log.Debug("the WHIP publication was not ended in WHIP's own way", "err", err)
		}
		c.signal.client.Close()
		if c.peer != nil {
			_ = c.peer.GracefulClose() // what it says is of goodbyes that nobody hears
		}
		c.wg.Wait()
	})
	return nil
}
