package dash

import (
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// zero is the wall-clock time of stream time zero in the tests' windows.
var zero = time.Date(2026, 5, 1, 20, 15, 0, 123456789, time.UTC)

// reel makes windows of 2 s segments.
type reel struct {
	run    string
	zero   time.Time // wall-clock time of stream time zero; zero: not known
	kinds  []media.Kind
	at     time.Duration
	number uint64
	init   uint64
	video  *media.Track
	list   []*segment.Segment
}

func newReel(kinds ...media.Kind) *reel {
	return &reel{run: "ab12cd34", zero: zero, kinds: kinds, number: 100, init: 1, video: segmenttest.Video()}
}

// more appends n segments; change alters each before it is appended.
func (r *reel) more(n int, change ...func(*segment.Segment)) *reel {
	for range n {
		s := &segment.Segment{Sequence: r.number, TimeOffset: segment.TimeOffset, Start: r.at, Duration: 2 * time.Second, Independent: true}
		for _, k := range r.kinds {
			m := r.media(k)
			if k == media.Video {
				s.Video = m
			} else {
				s.Audio = m
			}
		}
		for _, f := range change {
			f(s)
		}
		r.list = append(r.list, s)
		r.number++
		r.at += 2 * time.Second
	}
	return r
}

// media is a track's part of the segment that begins now. Sound begins with
// the first of its frames from then on.
func (r *reel) media(k media.Kind) *segment.Media {
	m := &segment.Media{
		Name:  fmt.Sprintf("%v_%s_%d.m4s", k, r.run, r.number),
		Start: r.at, Duration: 2 * time.Second, Samples: 50, Bytes: 500_000,
		Init: &segment.Init{ID: r.init, Name: fmt.Sprintf("%v_%s_init%d.mp4", k, r.run, r.init), Track: r.video},
	}
	if k == media.Audio {
		m.Init.Track = segmenttest.Audio()
		frame := func(t time.Duration) time.Duration {
			n := (int64(t/time.Millisecond)*48 + 1023) / 1024
			return media.SamplesToDuration(1024*n, 48000)
		}
		m.Start = frame(r.at)
		m.Duration, m.Bytes = frame(r.at+2*time.Second)-m.Start, 32_000
	}
	if !r.zero.IsZero() {
		m.Wall = r.zero.Add(m.Start)
	}
	return m
}

// skip lets time pass without a segment.
func (r *reel) skip(d time.Duration) *reel {
	r.at += d
	return r
}

// window lists the last n segments.
func (r *reel) window(n int) *segment.Window {
	return &segment.Window{
		Run: r.run, Version: r.number, TargetDuration: 2 * time.Second,
		Segments: r.list[max(0, len(r.list)-n):],
	}
}

func broken(s *segment.Segment) { s.Discontinuity = true }
func forced(s *segment.Segment) { s.Independent = false }

// lost loses the parts of these kinds.
func lost(kinds ...media.Kind) func(*segment.Segment) {
	return func(s *segment.Segment) {
		for _, k := range kinds {
			m := s.Media(k)
			m.Gap, m.Bytes = true, 0
		}
	}
}
