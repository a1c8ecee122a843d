package audio

import (
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
)

const (
	silenceRate     = 48000
	silenceChannels = 2
)

// Silence is a media.Writer for a programme without sound: before each video
// packet it writes silent AAC up to that packet's DTS, because platforms refuse
// programmes without an audio track. Packets pass through unchanged.
//
// The sound begins with the first video packet, behind it: who reads from a key picture
// on has no use for what comes before one. Its track is known from the start (Track), so
// both can be announced together.
type Silence struct {
	w     media.Writer
	track *media.Track
	au    []byte

	mu      sync.Mutex // guards the fields below
	running bool
	next    int64 // sample where the next access unit starts
}

// NewSilence returns a Silence before w.
func NewSilence(w media.Writer) *Silence {
	return &Silence{w: w, track: aac.Track(silenceRate, silenceChannels), au: aac.SilentFrame(silenceChannels)}
}

// Track is the track of the silence: 48 kHz stereo.
func (s *Silence) Track() *media.Track { return s.track }

// Write implements media.Writer. Video packets come from one goroutine.
func (s *Silence) Write(p media.Packet) {
	if p.Track.Kind() != media.Video {
		s.w.Write(p)
		return
	}
	first, n, begins, gap := s.upTo(p.DTS)
	if begins {
		s.w.Write(p)
	}
	for i := range n {
		pts := media.FromTimescale(first+i*frame, silenceRate)
		s.w.Write(media.Packet{Track: s.track, PTS: pts, DTS: pts, Key: true, Gap: gap && i == 0, Data: s.au})
	}
	if !begins {
		s.w.Write(p)
	}
}

// upTo claims the access units that start up to a time: their number, where the
// first starts, whether it is the first of all, and whether there is a hole before it. A
// hole too long to fill is left.
func (s *Silence) upTo(dts time.Duration) (first, n int64, begins, gap bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := dts.Nanoseconds()
	now := media.ToTimescale(dts, silenceRate)
	if media.FromTimescale(now, silenceRate).Nanoseconds() > at {
		now-- // rounded up: the silence is not ahead of the picture
	}
	switch {
	case !s.running:
		s.running, s.next, begins = true, max(0, now), true
	case now-s.next > media.ToTimescale(maxFill, silenceRate):
		s.next, gap = now, true
	}
	if now < s.next {
		return 0, 0, begins, false
	}
	first, n = s.next, (now-s.next)/frame+1
	s.next += n * frame
	return first, n, begins, gap
}
