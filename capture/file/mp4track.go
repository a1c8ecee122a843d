package file

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
)

// pickTracks takes the first H.264 and the first AAC-LC track and notes the
// others.
func (r *mp4Reader) pickTracks(moov *mp4.MoovBox) error {
	var others []string
	for _, trak := range moov.Traks {
		t, what, err := newTrack(moov, trak)
		switch {
		case err != nil:
			others = append(others, fmt.Sprintf("%s: %v", what, err))
		case t.track.Kind() == media.Video && r.video == nil:
			r.video = t
			if turn := turned(trak.Tkhd.Matrix); turn != 0 {
				r.note("played as it is stored, though the file asks to turn the picture by %d°, which live streams cannot; %s", turn, convert(r.path, false))
			}
		case t.track.Kind() == media.Audio && r.audio == nil:
			r.audio = t
		default:
			others = append(others, "a second "+t.track.Kind().String()+" track")
		}
	}
	if r.video == nil && r.audio == nil {
		if len(others) == 0 {
			return errors.New("the file has no tracks")
		}
		return fmt.Errorf("nothing to play: it has %s; supported are H.264 and AAC-LC; %s",
			strings.Join(others, ", "), convert(r.path, false))
	}
	for _, o := range others {
		r.note("without %s", o)
	}
	return nil
}

// turned is by how many degrees clockwise the picture is to be turned to be
// upright, as for phones that were held upright. Other transformations do not
// count.
func turned(m [9]int32) int {
	const one = 1 << 16
	switch [4]int32{m[0], m[1], m[3], m[4]} {
	case [4]int32{0, one, -one, 0}:
		return 90
	case [4]int32{-one, 0, 0, -one}:
		return 180
	case [4]int32{0, -one, one, 0}:
		return 270
	}
	return 0
}

// newTrack reads a track's description. what names it where it cannot be
// played.
func newTrack(moov *mp4.MoovBox, trak *mp4.TrakBox) (t *mp4Track, what string, err error) {
	what = "a track"
	if trak.Tkhd == nil || trak.Mdia == nil || trak.Mdia.Mdhd == nil || trak.Mdia.Minf == nil ||
		trak.Mdia.Minf.Stbl == nil || trak.Mdia.Minf.Stbl.Stsd == nil {
		return nil, what, errors.New("its description is incomplete")
	}
	stsd := trak.Mdia.Minf.Stbl.Stsd
	what = describeCodec(stsd)
	t = &mp4Track{id: trak.Tkhd.TrackID, scale: int(trak.Mdia.Mdhd.Timescale)}
	if t.scale == 0 || t.scale > 1e9 {
		return nil, what, fmt.Errorf("a time scale of %d", t.scale)
	}
	switch {
	case len(stsd.Children) > 1:
		return nil, what, errors.New("it changes its format half-way")
	case stsd.Encv != nil || stsd.Enca != nil:
		return nil, what, errors.New("encrypted")
	case stsd.AvcX != nil && stsd.AvcX.AvcC != nil:
		t.track, t.sets, err = avcTrack(stsd.AvcX.AvcC)
	case stsd.Mp4a != nil && stsd.Mp4a.Esds != nil:
		t.track, err = aacTrack(stsd.Mp4a.Esds)
	case stsd.Mp4a != nil && stsd.Mp4a.Wave != nil && stsd.Mp4a.Wave.Esds != nil: // QuickTime
		t.track, err = aacTrack(stsd.Mp4a.Wave.Esds)
	default:
		return nil, what, errors.New("not supported")
	}
	if err != nil {
		return nil, what, err
	}
	t.offset, err = editOffset(trak, moov, t.scale)
	return t, what, err
}

// avcTrack makes the track of the first parameter sets. Further picture
// parameter sets that go with them are sets, to be sent in band.
func avcTrack(c *mp4.AvcCBox) (t *media.Track, sets []byte, err error) {
	if len(c.SPSnalus) == 0 || len(c.PPSnalus) == 0 {
		return nil, nil, errors.New("its parameter sets are missing (avcC is empty)")
	}
	for _, pps := range c.PPSnalus {
		other, e := h264.TrackFrom(c.SPSnalus[0], pps)
		switch {
		case e != nil:
			err = e
		case t == nil:
			t = other
		default:
			sets = h264.AppendUnit(sets, pps)
		}
	}
	if t == nil {
		return nil, nil, err
	}
	return t, sets, nil
}

func aacTrack(e *mp4.EsdsBox) (*media.Track, error) {
	d := e.DecConfigDescriptor
	if d == nil || d.DecSpecificInfo == nil {
		return nil, errors.New("its audio configuration is missing")
	}
	if d.ObjectType != mp4.ObjectTypeAAC {
		return nil, fmt.Errorf("audio object type %#x is not AAC", d.ObjectType)
	}
	c, err := aac.ParseConfig(d.DecSpecificInfo.DecConfig)
	if err != nil {
		return nil, err
	}
	if c.ObjectType != aac.LC {
		return nil, errors.New("HE-AAC is not supported; use AAC-LC")
	}
	return aac.TrackOf(c), nil
}

// editOffset is what the edit list adds to composition times: leading empty
// edits push the track back, the media time of the first real edit pulls it
// forward (past an encoder's priming or reordering delay). Later edits, which
// cut a track up, are not followed.
func editOffset(trak *mp4.TrakBox, moov *mp4.MoovBox, scale int) (int64, error) {
	if trak.Edts == nil || len(trak.Edts.Elst) == 0 {
		return 0, nil
	}
	var empty int64
	for _, e := range trak.Edts.Elst[0].Entries {
		if e.MediaTime >= 0 {
			return empty - e.MediaTime, nil
		}
		if moov.Mvhd == nil || moov.Mvhd.Timescale == 0 || e.SegmentDuration > uint64(moov.Mvhd.Timescale)*86400 {
			return 0, errors.New("its edit list is damaged")
		}
		empty += media.ToTimescale(media.FromTimescale(int64(e.SegmentDuration), int(moov.Mvhd.Timescale)), scale)
	}
	return empty, nil
}

// buildIndexes indexes the samples of both tracks, and tells how much time
// there should be and how much there is.
func (r *mp4Reader) buildIndexes(moov *mp4.MoovBox, frags []box, size int64) (total, played time.Duration, err error) {
	var fi *fragments
	if len(frags) > 0 {
		if fi, err = scanFragments(r.f, moov, frags); err != nil {
			return 0, 0, err
		}
		r.frags = fi
	}
	for _, t := range []**mp4Track{&r.video, &r.audio} {
		if *t == nil {
			continue
		}
		if fi != nil {
			(*t).index = fi.index((*t).id)
		} else if (*t).index, err = newTable(moov, (*t).id); err != nil {
			return 0, 0, err
		}
		m, err := measure(*t, size)
		if err != nil {
			return 0, 0, fmt.Errorf("damaged MP4 file: its %v track %w", (*t).track.Kind(), err)
		}
		if m.whole == 0 {
			if m.samples > 0 {
				r.note("without %v: the file ends before it begins", (*t).track.Kind())
			}
			*t = nil
			continue
		}
		total, played = max(total, m.end), max(played, m.playedEnd)
		(*t).index = &limited{inner: (*t).index, n: m.whole}
		(*t).late, (*t).rate = m.late, m.rate((*t).scale)
	}
	if r.video == nil && r.audio == nil && len(r.prog.notes) > 0 {
		return 0, 0, fmt.Errorf("cut off after %d bytes, before the first picture; copy it again", size)
	}
	return total, played, nil
}

// limited ends an index after n samples: the whole ones of a cut file.
type limited struct {
	inner index
	n, at int
}

func (l *limited) next() (sample, bool) {
	if l.at == l.n {
		return sample{}, false
	}
	l.at++
	return l.inner.next()
}

func (l *limited) rewind() {
	l.at = 0
	l.inner.rewind()
}

type measured struct {
	samples, whole int // all; those before the first that reaches past the file's end
	late           int64
	end, playedEnd time.Duration
	short, long    int64 // steps of decoding time from one sample to the next
	sum            int64 // of them
}

// step takes the n-th step of decoding time.
func (m *measured) step(d int64) {
	if m.sum == 0 || d < m.short {
		m.short = d
	}
	m.long, m.sum = max(m.long, d), m.sum+d
}

// rate is the nominal rate of the samples: exact for times that are rounded to
// a tick, to a hundredth for those that jitter as a phone's do, zero when they
// do not keep to a rate.
func (m *measured) rate(scale int) media.Rational {
	const most = 1000 // no camera's
	n := int64(m.samples - 1)
	if n < 1 || 2*m.long > 3*m.short || n*int64(scale) > most*m.sum {
		return media.Rational{}
	}
	num, den := n*int64(scale), m.sum
	if m.long-m.short > 1 {
		num, den = (100*num+den/2)/den, 100
	}
	a, b := num, den
	for b != 0 {
		a, b = b, a%b
	}
	if num/a > math.MaxInt32 || den/a > math.MaxInt32 {
		return media.Rational{}
	}
	return media.Rational{Num: int(num / a), Den: int(den / a)}
}

const (
	maxSamples = 50_000_000 // two weeks of pictures and sound
	maxSeconds = 100 * 86400
)

// measure runs through an index once and checks it.
func measure(t *mp4Track, size int64) (m measured, err error) {
	last, cut := int64(-1)<<62, false
	for t.index.rewind(); ; m.samples++ {
		s, ok := t.index.next()
		if !ok {
			return m, nil
		}
		limit := maxSeconds * int64(t.scale)
		switch {
		case m.samples == maxSamples || int64(m.samples) > size:
			return m, errors.New("has more samples than can be")
		case s.offset < 0:
			return m, fmt.Errorf("has sample %d before the file's start", m.samples+1)
		case s.size > maxUnit:
			return m, fmt.Errorf("has sample %d of %d bytes; the largest that is played has %d", m.samples+1, s.size, maxUnit)
		case s.dts < last || s.dts < -limit || s.dts > limit || s.cts < -limit || s.cts > limit:
			return m, fmt.Errorf("has times out of order at sample %d", m.samples+1)
		}
		if m.samples > 0 {
			m.step(s.dts - last)
		}
		last = s.dts
		end := media.FromTimescale(s.dts+int64(s.dur), t.scale)
		m.end = max(m.end, end)
		if cut = cut || s.offset+int64(s.size) > size; !cut {
			m.whole, m.playedEnd = m.samples+1, end
		}
		m.late = max(m.late, s.dts-s.cts)
	}
}
