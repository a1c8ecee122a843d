// Package passthrough carries packets that a source brings already encoded. It
// encodes nothing: it counts, measures, and keeps the order that every output
// relies on.
//
// Key pictures come when the source has them: there is nobody to ask for more.
// Segments are cut at those there are, and a viewer who joins waits for the
// next.
package passthrough

import (
	"context"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// Passthrough is a media.Writer between a packet source and the hub.
//
// DTS rises strictly within each kind of track: a packet whose DTS does not is
// dropped and counted, and the next of its kind carries Gap.
type Passthrough struct {
	w media.Writer

	mu    sync.Mutex // guards the fields below
	video line
	audio line
}

// Stats count one kind of track since the start.
type Stats struct {
	Packets, Bytes uint64
	Dropped        uint64 // DTS did not rise
	Keys           uint64
	// KeyInterval is the time between the last two keys, LongestInterval the
	// longest there was: no segment can be shorter. Zero before the second key.
	KeyInterval, LongestInterval time.Duration
	// Span is the time from the first packet to the last, in DTS: Bytes over Span
	// is the mean bit rate.
	Span time.Duration
}

// line is the state of one kind of track.
type line struct {
	Stats
	started     bool
	gap         bool // the next packet follows a dropped one
	first, last time.Duration
	key         time.Duration // DTS of the last key
}

// New returns a Passthrough before w.
func New(w media.Writer) *Passthrough { return &Passthrough{w: w} }

// Run runs the source through to w and returns what the source returns.
func Run(ctx context.Context, src capture.PacketSource, p *Passthrough) error {
	return src.Run(ctx, p)
}

// Write implements media.Writer.
func (p *Passthrough) Write(packet media.Packet) {
	if p.pass(&packet) {
		p.w.Write(packet)
	}
}

// Stats are the counters of one kind so far.
func (p *Passthrough) Stats(kind media.Kind) Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line(kind).Stats
}

func (p *Passthrough) line(kind media.Kind) *line {
	if kind == media.Audio {
		return &p.audio
	}
	return &p.video
}

// pass counts a packet and says whether it goes on.
func (p *Passthrough) pass(packet *media.Packet) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.line(packet.Track.Kind())
	if l.started && packet.DTS <= l.last {
		l.Dropped++
		l.gap = true
		return false
	}
	if !l.started {
		l.started, l.first = true, packet.DTS
	}
	l.last = packet.DTS
	l.Span = l.last - l.first
	l.Packets++
	l.Bytes += uint64(len(packet.Data))
	packet.Gap = packet.Gap || l.gap
	l.gap = false
	if packet.Key {
		l.countKey(packet.DTS)
	}
	return true
}

func (l *line) countKey(dts time.Duration) {
	if l.Keys > 0 {
		l.KeyInterval = dts - l.key
		l.LongestInterval = max(l.LongestInterval, l.KeyInterval)
	}
	l.key = dts
	l.Keys++
}
