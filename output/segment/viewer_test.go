package segment

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// viewer sees every window and holds them to what players were promised, over
// all runs of a stream.
type viewer struct {
	t       *testing.T
	first   uint64            // newest EXT-X-MEDIA-SEQUENCE
	discs   map[uint64]uint64 // discontinuity number of a segment
	names   map[string]uint64 // numbers of the files seen
	numbers map[string]string // files of kind and number
	walls   map[string]time.Time
	data    map[string][]byte // of files, as far as they were seen
	checked map[string]bool
	last    *Window
}

func newViewer(t *testing.T) *viewer {
	return &viewer{
		t: t, discs: map[uint64]uint64{}, names: map[string]uint64{}, numbers: map[string]string{},
		walls: map[string]time.Time{}, data: map[string][]byte{}, checked: map[string]bool{},
	}
}

func (v *viewer) see(w *Window) {
	v.t.Helper()
	if w == v.last {
		return
	}
	disc := w.Discontinuities
	for i, s := range w.Segments {
		if i == 0 && s.Sequence < v.first {
			v.t.Errorf("media sequence %d after %d", s.Sequence, v.first)
		}
		if i == 0 {
			v.first = s.Sequence
		} else if s.Sequence != w.Segments[i-1].Sequence+1 {
			v.t.Errorf("%d is listed after %d", s.Sequence, w.Segments[i-1].Sequence)
		}
		if s.Discontinuity {
			disc++
		}
		if was, ok := v.discs[s.Sequence]; ok && was != disc {
			v.t.Errorf("segment %d has discontinuity number %d, had %d", s.Sequence, disc, was)
		}
		v.discs[s.Sequence] = disc
		if s.Duration.Round(time.Second) > w.TargetDuration {
			v.t.Errorf("segment %d of %v is listed with a target duration of %v", s.Sequence, s.Duration, w.TargetDuration)
		}
		if i > 0 && s.Run != w.Segments[i-1].Run && !s.Discontinuity {
			v.t.Errorf("segment %d of another run is no discontinuity", s.Sequence)
		}
		v.parts(w, s, true)
	}
	for i, s := range w.Open {
		if n := len(w.Segments); i == 0 && n > 0 && s.Sequence <= w.Segments[n-1].Sequence {
			v.t.Errorf("%d is being written after %d", s.Sequence, w.Segments[n-1].Sequence)
		}
		v.parts(w, s, false)
	}
	v.last = w
}

func (v *viewer) parts(w *Window, s *Segment, closed bool) {
	v.t.Helper()
	for _, k := range []media.Kind{media.Video, media.Audio} {
		m := s.Media(k)
		if m == nil || m.Gap {
			continue
		}
		state := fmt.Sprint(m.Name, m.Bytes, w.Run, w.TimeOffset, closed)
		if v.checked[state] {
			continue
		}
		v.checked[state] = true
		got, err := readAll(m)
		if err != nil || int64(len(got)) != m.Bytes || !bytes.HasPrefix(got, v.data[m.Name]) {
			v.t.Errorf("%s: %d bytes (%v), %d told, %d seen before", m.Name, len(got), err, m.Bytes, len(v.data[m.Name]))
			continue
		}
		v.data[m.Name] = got
		number := fmt.Sprint(k, s.Sequence)
		if was, ok := v.numbers[number]; ok && was != m.Name {
			v.t.Errorf("%s is %s, was %s", number, m.Name, was)
		}
		v.numbers[number], v.names[m.Name] = m.Name, s.Sequence
		if was, ok := v.walls[m.Name]; ok && !was.Equal(m.Wall) {
			v.t.Errorf("%s was of %v, is of %v", m.Name, was, m.Wall)
		}
		v.walls[m.Name] = m.Wall
		header, err := segmenttest.Header(m.Init.Data)
		if err != nil {
			v.t.Fatal(err)
		}
		samples, err := segmenttest.Segment(header, got)
		if err != nil {
			v.t.Errorf("%s: %v", m.Name, err)
			continue
		}
		scale := int(header.Moov.Trak.Mdia.Mdhd.Timescale)
		if want := media.ToTimescale(m.Start+w.TimeOffset, scale); closed && len(samples) > 0 && (samples[0].PresentationTime()-want)/2 != 0 {
			v.t.Errorf("%s begins at %d, the window says %d", m.Name, samples[0].PresentationTime(), want)
		}
	}
}

// survived checks that what the last window of a killed run had is in w.
func (v *viewer) survived(before, w *Window) {
	v.t.Helper()
	have := map[uint64]*Segment{}
	for s := range w.All {
		have[s.Sequence] = s
	}
	for _, s := range append(before.Segments, before.Open...) {
		now := have[s.Sequence]
		for _, k := range []media.Kind{media.Video, media.Audio} {
			m := s.Media(k)
			if m == nil || m.Gap {
				continue
			}
			if now == nil || now.Media(k) == nil || len(now.Media(k).Chunks) < len(m.Chunks) {
				v.t.Errorf("%s with %d chunks is lost", m.Name, len(m.Chunks))
				continue
			}
			for i, c := range m.Chunks {
				c.Start += before.TimeOffset - w.TimeOffset
				if now.Media(k).Chunks[i] != c {
					v.t.Errorf("%s: chunk %d was %+v, is %+v", m.Name, i, c, now.Media(k).Chunks[i])
				}
			}
		}
	}
}
