package finish

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
)

// maxHeader bounds a moov or moof: what is larger is none of ours.
const maxHeader = 4 << 20

// track is what a part's moov says of one.
type track struct {
	id        uint32
	timescale uint32
	trak      *mp4.TrakBox
	trex      *mp4.TrexBox
	media     *media.Track
}

// file is a part being read.
type file struct {
	r    io.ReadSeekCloser
	size int64
	head [16]byte
}

func (p *part) open() (*file, error) {
	r, err := p.Open()
	if err != nil {
		return nil, fmt.Errorf("finish: open %s: %w", p.Name, err)
	}
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("finish: size of %s: %w", p.Name, err)
	}
	return &file{r: r, size: size}, nil
}

// read fills b from offset at.
func (f *file) read(b []byte, at int64) error {
	if _, err := f.r.Seek(at, io.SeekStart); err != nil {
		return err
	}
	_, err := io.ReadFull(f.r, b)
	return err
}

// box is the header of the box at an offset. ok is false where the file's good
// part ends: at its end, in a box that is not complete, in something that is no
// box a recording has.
func (f *file) box(at int64) (name string, header, size int64, ok bool, err error) {
	if at+8 > f.size {
		return "", 0, 0, false, nil
	}
	if err := f.read(f.head[:8], at); err != nil {
		return "", 0, 0, false, err
	}
	name, header, size = string(f.head[4:8]), 8, int64(binary.BigEndian.Uint32(f.head[:4]))
	if size == 1 && at+16 <= f.size {
		if err := f.read(f.head[8:16], at+8); err != nil {
			return "", 0, 0, false, err
		}
		header, size = 16, int64(binary.BigEndian.Uint64(f.head[8:16]))
	}
	switch name {
	case "ftyp", "styp", "moov", "moof", "mdat", "prft", "uuid", "emsg", "sidx", "free", "skip", "mfra":
		return name, header, size, size >= header && size <= f.size-at, nil
	}
	return name, header, size, false, nil
}

// scan reads the part's tracks and where its chunks are.
func (p *part) scan(ctx context.Context) error {
	f, err := p.open()
	if err != nil {
		return err
	}
	defer f.r.Close()
	if err := p.boxes(ctx, f); err != nil {
		return fmt.Errorf("finish: read %s: %w", p.Name, err)
	}
	return nil
}

func (p *part) boxes(ctx context.Context, f *file) error {
	var open *chunk // its moof was read, its mdat was not
	var payload int64
	for at := int64(0); ; {
		name, header, size, ok, err := f.box(at)
		if err != nil || !ok {
			return err
		}
		switch name {
		case "moov":
			if err := p.readMoov(f, at, size); err != nil {
				return err
			}
		case "moof":
			if err := ctx.Err(); err != nil {
				return err
			}
			if open, payload, err = p.readMoof(f, at, size); err != nil {
				return err
			}
		case "mdat":
			if open == nil {
				break
			}
			if size-header != payload {
				return fmt.Errorf("chunk at byte %d: samples of %d bytes in an mdat of %d", open.moof, payload, size-header)
			}
			open.data, open.bytes = at+header, payload
			p.chunks = append(p.chunks, *open)
			open = nil
		}
		at += size
	}
}

func (p *part) readMoov(f *file, at, size int64) error {
	if size > maxHeader {
		return fmt.Errorf("moov of %d bytes", size)
	}
	b := make([]byte, size)
	if err := f.read(b, at); err != nil {
		return err
	}
	box, err := mp4.DecodeBox(0, bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("moov: %w", err)
	}
	moov, ok := box.(*mp4.MoovBox)
	if !ok || moov.Mvex == nil {
		return errors.New("it is no fragmented MP4")
	}
	described, err := fmp4.ReadInits(b)
	if err != nil {
		return err
	}
	if len(described) != len(moov.Traks) {
		return fmt.Errorf("moov: %d of %d tracks are known", len(described), len(moov.Traks))
	}
	p.tracks = [media.Audio + 1]*track{}
	for i, trak := range moov.Traks {
		t, kind, err := newTrack(trak, moov.Mvex, described[i])
		if err != nil {
			return err
		}
		if p.tracks[kind] != nil {
			return fmt.Errorf("it has two %v tracks", kind)
		}
		p.tracks[kind] = t
	}
	return nil
}

func newTrack(trak *mp4.TrakBox, mvex *mp4.MvexBox, described *media.Track) (*track, media.Kind, error) {
	if trak.Tkhd == nil || trak.Mdia == nil || trak.Mdia.Mdhd == nil || trak.Mdia.Minf == nil ||
		trak.Mdia.Minf.Stbl == nil || trak.Mdia.Minf.Stbl.Stsd == nil || trak.Mdia.Mdhd.Timescale == 0 {
		return nil, 0, errors.New("a track is not described")
	}
	t := &track{id: trak.Tkhd.TrackID, timescale: trak.Mdia.Mdhd.Timescale, trak: trak, media: described}
	for _, x := range mvex.Trexs {
		if x.TrackID == t.id {
			t.trex = x
		}
	}
	if t.trex == nil {
		return nil, 0, fmt.Errorf("track %d has no trex", t.id)
	}
	return t, t.media.Kind(), nil
}

// fragment is a moof's one run of samples.
type fragment struct {
	kind    media.Kind
	base    int64
	samples []mp4.Sample
}

// readMoof is the chunk that a moof describes, nil if it is of no track of the
// part, and the bytes of its samples.
func (p *part) readMoof(f *file, at, size int64) (*chunk, int64, error) {
	frag, err := p.fragment(f, at, size)
	if err != nil || frag == nil {
		return nil, 0, err
	}
	first := frag.samples[0]
	c := &chunk{
		kind: frag.kind, moof: at, moofSize: size, take: len(frag.samples),
		dts: frag.base, pts: frag.base + int64(first.CompositionTimeOffset), end: frag.base,
		key: sync(first),
	}
	var payload int64
	for _, s := range frag.samples {
		c.end += int64(s.Dur)
		payload += int64(s.Size)
	}
	return c, payload, nil
}

func sync(s mp4.Sample) bool { return !mp4.DecodeSampleFlags(s.Flags).SampleIsNonSync }

// maxSamplesPerChunk is more than a minute has: a broken count must not take
// the memory.
const maxSamplesPerChunk = 1 << 16

// sampleCount is the highest sample_count of the truns in a moof.
func sampleCount(moof []byte) (n uint32) {
	for {
		_, after, found := bytes.Cut(moof, []byte("trun"))
		if !found || len(after) < 8 {
			return n
		}
		n = max(n, binary.BigEndian.Uint32(after[4:]))
		moof = after
	}
}

// maxTime keeps sums of times and offsets within 64 bits.
const maxTime = 1 << 60

func (p *part) fragment(f *file, at, size int64) (*fragment, error) {
	if size > maxHeader {
		return nil, fmt.Errorf("moof of %d bytes at byte %d", size, at)
	}
	b := make([]byte, size)
	if err := f.read(b, at); err != nil {
		return nil, err
	}
	if n := sampleCount(b); n > maxSamplesPerChunk {
		return nil, fmt.Errorf("moof at byte %d: %d samples", at, n)
	}
	box, err := mp4.DecodeBoxSR(0, bits.NewFixedSliceReader(b))
	if err != nil {
		return nil, fmt.Errorf("moof at byte %d: %w", at, err)
	}
	moof, ok := box.(*mp4.MoofBox)
	if !ok || len(moof.Trafs) != 1 || moof.Traf.Tfhd == nil || moof.Traf.Tfdt == nil || len(moof.Traf.Truns) != 1 {
		return nil, fmt.Errorf("moof at byte %d: not one track's one run of samples", at)
	}
	for k, t := range p.tracks {
		if t == nil || t.id != moof.Traf.Tfhd.TrackID {
			continue
		}
		trun := moof.Traf.Trun
		trun.AddSampleDefaultValues(moof.Traf.Tfhd, t.trex)
		base := moof.Traf.Tfdt.BaseMediaDecodeTime()
		if trun.SampleCount() == 0 || base > maxTime {
			return nil, fmt.Errorf("moof at byte %d: no samples, or a time out of range", at)
		}
		return &fragment{kind: media.Kind(k), base: int64(base), samples: trun.GetSamples()}, nil
	}
	return nil, nil
}
