package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// The largest index boxes read: sample tables of a day and more, and a
// fragment's header of minutes.
const (
	maxMoov = 128 << 20
	maxMoof = 8 << 20
	maxTop  = 10_000_000 // boxes at the top of a file
)

// mp4Reader reads both kinds of MP4 file, sample by sample, by position.
type mp4Reader struct {
	f           io.ReaderAt
	path        string // for advice
	prog        programme
	video       *mp4Track
	audio       *mp4Track
	pendV       sample // looked at, not yet delivered
	pendA       sample
	haveV       bool
	haveA       bool
	lostV       bool // a damaged picture was left out: the next carries Gap
	changed     map[string]*media.Track
	startSample int        // of the first key picture
	frags       *fragments // nil for a progressive file
}

var _ reader = (*mp4Reader)(nil)

// mp4Track is one track's index and place on the time line.
type mp4Track struct {
	id     uint32
	track  *media.Track
	scale  int
	sets   []byte         // picture parameter sets besides the track's, as NAL units of a key picture
	rate   media.Rational // by the decoding times; zero when they have none
	index  index
	offset int64 // to add to composition times: edit list, and the programme's start
	late   int64 // to take off decoding times so that none is after its composition time
}

// index lists the samples of one track. Samples are read in order; rewind goes
// back to the first.
type index interface {
	next() (sample, bool)
	rewind()
}

// sample is one entry of an index, times in ticks as the file has them.
type sample struct {
	offset   int64
	size     uint32
	dts, cts int64
	dur      uint32
	sync     bool
}

// box is one box at the top of the file.
type box struct {
	name        string
	offset      int64 // of the header
	size, inner int64 // whole; of the header
	cut         bool  // reaches past the end of the file
}

// topBoxes calls f for each box at the top, until it returns an error.
func topBoxes(r io.ReaderAt, size int64, f func(box) error) error {
	var h [16]byte
	n := 0
	for at := int64(0); at+8 <= size; n++ {
		if n == maxTop {
			return errors.New("more than ten million boxes: not an MP4 file one can play")
		}
		if _, err := r.ReadAt(h[:min(16, size-at)], at); err != nil && err != io.EOF {
			return err
		}
		b := box{name: string(h[4:8]), offset: at, size: int64(binary.BigEndian.Uint32(h[:])), inner: 8}
		switch b.size {
		case 0:
			b.size = size - at
		case 1:
			b.size, b.inner = int64(binary.BigEndian.Uint64(h[8:])), 16
		}
		if b.size < b.inner {
			return nil // damage or padding: what follows is no box
		}
		if b.cut = b.size > size-at; b.cut {
			b.size = size - at
		}
		if err := f(b); err != nil {
			return err
		}
		at += b.size
	}
	return nil
}

// readBox decodes a whole box that is not larger than limit.
func readBox(r io.ReaderAt, b box, limit int64) (decoded mp4.Box, err error) {
	if b.size > limit {
		return nil, fmt.Errorf("its %s box of %d bytes is larger than the %d bytes that are read", b.name, b.size, limit)
	}
	data := make([]byte, b.size)
	if _, err := r.ReadAt(data, b.offset); err != nil {
		return nil, err
	}
	err = guard("its "+b.name+" box", func() error {
		decoded, err = mp4.DecodeBoxSR(uint64(b.offset), bits.NewFixedSliceReader(data))
		return err
	})
	return decoded, err
}

// openMP4 reads the index of a file.
func openMP4(f io.ReaderAt, size int64, path string) (*mp4Reader, error) {
	r := &mp4Reader{f: f, path: path, changed: make(map[string]*media.Track)}
	var (
		moov     *mp4.MoovBox
		frags    []box
		mdat, ok bool
		cut      *box
	)
	err := topBoxes(f, size, func(b box) error {
		if b.cut {
			cut = &b
		}
		switch {
		case b.name == "mdat":
			mdat = true
		case b.name == "moof" && !b.cut:
			frags = append(frags, b)
		case b.name == "moov" && !b.cut && moov == nil:
			decoded, err := readBox(f, b, maxMoov)
			if err != nil {
				return fmt.Errorf("damaged MP4 file: %w", err)
			}
			if moov, ok = decoded.(*mp4.MoovBox); !ok {
				return errors.New("damaged MP4 file: its moov box cannot be read")
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if moov == nil {
		return nil, errNoMoov(mdat, len(frags) > 0, cut)
	}
	err = guard("damaged MP4 file", func() error { return r.build(moov, frags, size, cut != nil) })
	if err != nil {
		return nil, err
	}
	return r, nil
}

func errNoMoov(mdat, frags bool, cut *box) error {
	switch {
	case frags:
		return errors.New("fragments without their initialisation (moov box missing); join it: cat init.mp4 segment.m4s > whole.mp4")
	case mdat:
		return errors.New("the recording was cut off before its index (moov box) was written; it can be rebuilt with a good recording of the same device: untrunc good.mp4 cut.mp4")
	case cut != nil:
		return fmt.Errorf("the file ends inside its first boxes (%q); copy it again", cut.name)
	}
	return errors.New("not a media file: it begins like an MP4 file and has no index (moov box)")
}

// build makes the tracks of the movie.
func (r *mp4Reader) build(moov *mp4.MoovBox, frags []box, size int64, cut bool) error {
	if err := r.pickTracks(moov); err != nil {
		return err
	}
	total, played, err := r.buildIndexes(moov, frags, size)
	if err != nil {
		return err
	}
	if r.video == nil && r.audio == nil {
		return errors.New("the file holds no samples")
	}
	switch {
	case played < total:
		r.note("cut short: the first %v of %v", played.Round(time.Second/10), total.Round(time.Second/10))
	case cut:
		r.note("cut short: the first %v", played.Round(time.Second/10))
	}
	if r.video == nil {
		r.prog.audio, r.prog.audioScale = r.audio.track, r.audio.scale
		r.audio.offset -= max(0, r.firstAudio())
		return r.rewind()
	}
	r.prog.video, r.prog.videoScale = r.video.track, r.video.scale
	first, err := r.firstKey()
	if err != nil {
		return err
	}
	zero := media.FromTimescale(first.cts+r.video.offset, r.video.scale)
	r.video.offset = -first.cts
	r.prog.lead = media.FromTimescale(first.cts-first.dts+r.video.late, r.video.scale)
	if r.video.track.Video.FrameRate.IsZero() {
		r.setRate()
	}
	if r.audio != nil {
		r.prog.audio, r.prog.audioScale = r.audio.track, r.audio.scale
		r.audio.offset -= media.ToTimescale(zero, r.audio.scale)
	}
	return r.rewind()
}

func (r *mp4Reader) note(format string, args ...any) {
	r.prog.notes = append(r.prog.notes, fmt.Sprintf(format, args...))
}

// firstAudio is the time of the first sound, after the edit list.
func (r *mp4Reader) firstAudio() int64 {
	r.audio.index.rewind()
	s, _ := r.audio.index.next()
	return s.cts + r.audio.offset
}

// setRate takes the nominal frame rate from the times of the pictures, where
// the SPS does not say one.
func (r *mp4Reader) setRate() {
	v := *r.video.track.Video
	v.FrameRate = r.video.rate
	r.video.track = &media.Track{Codec: media.H264, Video: &v}
	r.prog.video = r.video.track
}

// maxTries bounds the samples looked at for the first key picture.
const maxTries = 1000

// firstKey finds the first IDR picture. What is marked as a sync sample may be
// one of an open group of pictures, at which a decoder cannot start.
func (r *mp4Reader) firstKey() (sample, error) {
	r.video.index.rewind()
	for i, tries := 0, 0; tries < maxTries; i++ {
		s, ok := r.video.index.next()
		if !ok {
			break
		}
		if !s.sync {
			continue
		}
		tries++
		u, err := r.videoUnit(s)
		if err != nil && !errors.Is(err, errDamaged) {
			return s, err
		}
		if err == nil && u.key {
			r.startSample = i
			return s, nil
		}
	}
	return sample{}, errNoKey
}

func (r *mp4Reader) programme() *programme { return &r.prog }

func (r *mp4Reader) rewind() error {
	r.haveV, r.haveA, r.lostV = false, false, false
	delete(r.changed, "")
	if r.video != nil {
		r.video.index.rewind()
		for range r.startSample {
			r.video.index.next()
		}
		r.pendV, r.haveV = r.video.index.next()
	}
	if r.audio != nil {
		r.audio.index.rewind()
		r.pendA, r.haveA = r.audio.index.next()
	}
	return nil
}

func (r *mp4Reader) videoDone() bool { return r.video != nil && !r.haveV }

// next implements reader. Of the two tracks it takes the one that is due
// first.
func (r *mp4Reader) next() (unit, error) {
	for r.haveV || r.haveA {
		if r.haveV && (!r.haveA || r.video.dueAt(r.pendV)+r.prog.lead <= r.audio.dueAt(r.pendA)+r.prog.lead) {
			s := r.pendV
			r.pendV, r.haveV = r.video.index.next()
			u, err := r.videoUnit(s)
			if errors.Is(err, errDamaged) {
				r.lostV = true
				continue
			}
			if err == nil {
				u.gap, r.lostV = r.lostV, false
			}
			return u, err
		}
		s := r.pendA
		r.pendA, r.haveA = r.audio.index.next()
		if s.size == 0 {
			continue
		}
		data, err := r.read(s)
		return unit{track: r.audio.track, pts: s.cts + r.audio.offset, dts: s.cts + r.audio.offset,
			dur: int64(s.dur), key: true, data: data}, err
	}
	if r.frags != nil && r.frags.err != nil {
		return unit{}, r.frags.err
	}
	return unit{}, io.EOF
}

// dueAt is when a sample is to be delivered, from the programme's start.
func (t *mp4Track) dueAt(s sample) time.Duration {
	return media.FromTimescale(s.dts+t.offset-t.late, t.scale)
}

func (r *mp4Reader) read(s sample) ([]byte, error) {
	data := make([]byte, s.size)
	if _, err := r.f.ReadAt(data, s.offset); err != nil {
		return nil, fmt.Errorf("read %d bytes at %d: %w", s.size, s.offset, err)
	}
	return data, nil
}

var errDamaged = errors.New("damaged access unit")

// videoUnit reads a picture. It returns errDamaged when its NAL units do not
// fill it exactly.
func (r *mp4Reader) videoUnit(s sample) (unit, error) {
	t := r.video
	data, err := r.read(s)
	if err != nil {
		return unit{}, err
	}
	if len(data) == 0 || h264.Valid(data) != nil {
		return unit{}, errDamaged
	}
	u := unit{pts: s.cts + t.offset, dts: s.dts + t.offset - t.late, dur: int64(s.dur)}
	if u.data, u.key = normalize(t.track.Video, data); len(u.data) == 0 {
		return unit{}, errDamaged
	}
	assignTrack(r.changed, t.track, &u)
	if u.key && u.track == t.track && len(t.sets) > 0 {
		u.data = slices.Concat(t.sets, u.data)
	}
	return u, nil
}

// describeCodec names what a track holds, for a person.
func describeCodec(stsd *mp4.StsdBox) string {
	names := make([]string, 0, len(stsd.Children))
	for _, c := range stsd.Children {
		names = append(names, c.Type())
	}
	return strings.Join(names, ", ")
}
