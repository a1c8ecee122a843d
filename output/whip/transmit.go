package whip

import (
	"context"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/encoderbox/encoderbox/media"
)

// The pacer. A key picture is many times the size of others; sent in one burst
// it would overflow the first short queue on its way.
const (
	burst      = 8                      // packets that go at once
	minStep    = time.Millisecond       // between bursts; timers are no finer
	maxSpread  = 50 * time.Millisecond  // of a slow programme's pictures
	reportTime = time.Second            // between sender reports
	usualFrame = 33 * time.Millisecond  // where nothing says how long a picture lasts
	longFrame  = 200 * time.Millisecond // a pause is no measure
	epochNTP   = 2208988800             // seconds from 1900 to 1970
)

// spreadOf is over what time a picture is sent: half of what it lasts, so that
// sound behind it waits little, and what has piled up is caught up.
func spreadOf(p media.Packet, last time.Duration) time.Duration {
	frame := p.PTS - last
	if frame <= 0 || frame > longFrame {
		frame = usualFrame
		if r := p.Track.Video.FrameRate; !r.IsZero() {
			frame = r.FrameTime(1)
		}
	}
	return min(frame/2, maxSpread)
}

// pace is how many packets of n go at once, and how long after each such burst
// nothing is sent.
func pace(n int, spread time.Duration) (batch int, step time.Duration) {
	steps := (n + burst - 1) / burst
	steps = max(1, min(steps, int(spread/minStep)))
	batch = (n + steps - 1) / steps
	return max(batch, 1), spread / time.Duration(steps)
}

// transmit sends what Write has queued, and the sender reports.
func (c *conn) transmit(ctx context.Context) {
	tick := time.NewTicker(reportTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.report()
		case u := <-c.queue:
			c.sendUnit(ctx, u)
			c.waiting.Add(-int64(size(u.packets)))
		}
	}
}

// sendUnit sends one access unit in bursts. Before the first of all, receivers
// are told how the streams' timestamps belong together.
func (c *conn) sendUnit(ctx context.Context, u unit) {
	if c.reference.wall.IsZero() {
		c.reference = reference{time.Now(), u.base}
	}
	batch, step := pace(len(u.packets), u.spread)
	for rest := u.packets; len(rest) > 0; {
		n := min(batch, len(rest))
		c.sendNow(u.stream, rest[:n])
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
		pause := time.NewTimer(step)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
	}
	if !u.stream.reported {
		u.stream.reported = true
		c.report()
	}
}

// sendNow sends packets. What cannot be sent is lost: whether the way is gone,
// watch finds out.
func (c *conn) sendNow(s *stream, ps []*rtp.Packet) {
	for _, p := range ps {
		n, err := s.send(p)
		if err != nil {
			c.dropped.Add(1)
			continue
		}
		c.sent.Add(uint64(n))
	}
}

// reference ties the stream's clock to the wall's, once and for all streams:
// what was meant to be heard and seen together has the same NTP time.
type reference struct {
	wall time.Time
	at   time.Duration // on the stream's clock
}

// report sends a sender report for each stream that has sent something, with
// its CNAME (RFC 3550 §6.4.1, §6.1).
func (c *conn) report() {
	now := time.Now()
	for _, s := range c.streams {
		if s.refused || s.packets.Load() == 0 {
			continue
		}
		// Elapsed by the monotonic clock: a wall clock that is set later changes nothing.
		elapsed := now.Sub(c.reference.wall)
		_ = c.peer.WriteRTCP([]rtcp.Packet{
			&rtcp.SenderReport{
				SSRC: s.ssrc(), NTPTime: ntp(c.reference.wall.Add(elapsed)), RTPTime: s.timestamp(c.reference.at + elapsed),
				PacketCount: s.packets.Load(), OctetCount: s.octets.Load(),
			},
			&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
				Source: s.ssrc(), Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: cname}},
			}}},
		}) // its loss is made good by the next
	}
}

// ntp is a time as NTP's 64 bits (RFC 3550 §4).
func ntp(t time.Time) uint64 {
	s, ns := uint64(t.Unix()+epochNTP), uint64(t.Nanosecond())
	return s<<32 | (ns<<32)/uint64(time.Second)
}
