// Package cmafingest is a receiver of CMAF ingest (DASH-IF Live Media Ingest
// Protocol, interface 1) that holds what it is sent against the interface's rules,
// and keeps it.
package cmafingest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// Track is what one request brought.
type Track struct {
	Path      string // of the request
	Kind      string // "video" or "audio"
	Timescale int
	Header    []byte   // the CMAF header
	Chunks    []Chunk  // in their order
	Ended     bool     // by an empty mfra
	Problems  []string // rules that were broken
}

// Chunk is one moof and its mdat.
type Chunk struct {
	Sequence     uint32
	Start, End   uint64        // decode time, ticks
	Shown        uint64        // the earliest presentation time, ticks
	SegmentStart bool          // by its styp, or by the lack of all of them a sync sample
	Sync         bool          // its first sample
	Wall         time.Time     // of its prft; zero without
	WallAt       time.Duration // media time that Wall holds for
}

// Seconds is a time of the track in seconds.
func (t *Track) Seconds(ticks uint64) float64 { return float64(ticks) / float64(t.Timescale) }

const (
	maxBox      = 64 << 20
	maxProblems = 50
)

// checker reads one request's body.
type checker struct {
	track   *Track
	trackID uint32
	trex    *mp4.TrexBox
	at      uint64
	styp    []string // brands of the styp before the next moof
	typed   bool     // there was one
	prft    *mp4.PrftBox
	moof    *mp4.MoofBox
}

// Read reads one request's body to its end. Broken rules are in the track's
// Problems; the error is that of reading.
func Read(r io.Reader) (*Track, error) {
	c := &checker{track: &Track{}}
	in := bufio.NewReaderSize(r, 64<<10)
	for n := 0; ; n++ {
		name, body, err := readBox(in)
		switch {
		case errors.Is(err, io.EOF):
			if c.moof != nil {
				c.problem("the body ends behind a moof, without its mdat")
			}
			if len(c.track.Header) == 0 {
				c.problem("no CMAF header")
			}
			return c.track, nil
		case err != nil:
			return c.track, err
		}
		if c.track.Ended {
			c.problem("%s behind the mfra", name)
		}
		if err := c.box(n, name, body); err != nil {
			c.problem("%s: %v", name, err)
		}
		c.at += uint64(len(body))
	}
}

// readBox is the next box, header included.
func readBox(in *bufio.Reader) (name string, b []byte, err error) {
	head, err := in.Peek(8)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return "", nil, err
	}
	size := binary.BigEndian.Uint32(head)
	name = string(head[4:8])
	if size < 8 || size > maxBox {
		return name, nil, fmt.Errorf("a box %q of %d bytes", name, size)
	}
	b = make([]byte, size)
	if _, err := io.ReadFull(in, b); err != nil {
		return name, nil, io.ErrUnexpectedEOF
	}
	return name, b, nil
}

func (c *checker) problem(format string, args ...any) {
	if len(c.track.Problems) < maxProblems {
		c.track.Problems = append(c.track.Problems, fmt.Sprintf(format, args...))
	}
}

func (c *checker) box(n int, name string, raw []byte) error {
	if want := []string{"ftyp", "moov"}; n < len(want) {
		if name != want[n] {
			return fmt.Errorf("box %d is not %s: the CMAF header comes first", n, want[n])
		}
		c.track.Header = append(c.track.Header, raw...)
	}
	if name == "mdat" {
		return c.mdat(raw)
	}
	if c.moof != nil {
		c.moof = nil
		c.problem("%s between moof and mdat", name)
	}
	box, err := mp4.DecodeBox(c.at, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	switch b := box.(type) {
	case *mp4.FtypBox:
		return c.ftyp(n, b)
	case *mp4.MoovBox:
		return c.moov(n, b)
	case *mp4.StypBox:
		c.styp, c.typed = append([]string{b.MajorBrand()}, b.CompatibleBrands()...), true
		return c.brands()
	case *mp4.PrftBox:
		c.prft = b
	case *mp4.MoofBox:
		c.moof = b
	case *mp4.MfraBox:
		c.track.Ended = true
	default:
		if !slices.Contains([]string{"emsg", "sidx", "free"}, name) {
			return errors.New("no box of a CMAF track")
		}
	}
	return nil
}

func (c *checker) ftyp(n int, b *mp4.FtypBox) error {
	brands := append([]string{b.MajorBrand()}, b.CompatibleBrands()...)
	switch {
	case n != 0:
		return errors.New("a second CMAF header in one request")
	case !slices.Contains(brands, "cmfc") && !slices.Contains(brands, "cmf2"):
		return fmt.Errorf("brands %v, without cmfc or cmf2", brands)
	}
	return nil
}

// brands checks a styp's.
func (c *checker) brands() error {
	for _, b := range c.styp {
		if slices.Contains([]string{"cmfs", "cmff", "cmfl"}, b) {
			return nil
		}
	}
	return fmt.Errorf("brands %v, without cmfs, cmff or cmfl", c.styp)
}

func (c *checker) moov(n int, b *mp4.MoovBox) error {
	switch {
	case n != 1:
		return errors.New("a second CMAF header in one request")
	case len(b.Traks) != 1:
		return fmt.Errorf("%d tracks in one request, not one", len(b.Traks))
	case b.Mvex == nil || b.Mvex.Trex == nil:
		return errors.New("no mvex with a trex: not fragmented")
	case !complete(b.Trak):
		return errors.New("a track without tkhd, mdhd, hdlr or stsd")
	}
	trak := b.Trak
	c.trackID, c.trex = trak.Tkhd.TrackID, b.Mvex.Trex
	c.track.Timescale = int(trak.Mdia.Mdhd.Timescale)
	switch h := trak.Mdia.Hdlr.HandlerType; h {
	case "vide":
		c.track.Kind = "video"
	case "soun":
		c.track.Kind = "audio"
		if e := trak.Mdia.Minf.Stbl.Stsd.Mp4a; e != nil && int(e.SampleRate) != c.track.Timescale {
			c.problem("time scale %d for sound of %d Hz", c.track.Timescale, e.SampleRate)
		}
	default:
		return fmt.Errorf("handler %q", h)
	}
	if s := c.track.Timescale; s < 1000 || s > 10_000_000 {
		return fmt.Errorf("time scale %d", s)
	}
	if trak.Mdia.Minf.Stbl.Stsz != nil && trak.Mdia.Minf.Stbl.Stsz.SampleNumber > 0 {
		return errors.New("samples in the header")
	}
	return nil
}

// complete says that a track has the boxes that are looked at.
func complete(t *mp4.TrakBox) bool {
	return t.Tkhd != nil && t.Mdia != nil && t.Mdia.Mdhd != nil && t.Mdia.Hdlr != nil &&
		t.Mdia.Minf != nil && t.Mdia.Minf.Stbl != nil && t.Mdia.Minf.Stbl.Stsd != nil
}

// mdat completes a chunk.
func (c *checker) mdat(raw []byte) error {
	moof := c.moof
	c.moof = nil
	if moof == nil {
		return errors.New("no moof before it")
	}
	defer func() { c.styp, c.typed, c.prft = nil, false, nil }()
	if c.trex == nil {
		return errors.New("no CMAF header before it")
	}
	if moof.Mfhd == nil || len(moof.Trafs) != 1 || len(moof.Traf.Truns) != 1 || moof.Traf.Tfhd == nil || moof.Traf.Tfdt == nil {
		return errors.New("its moof has not an mfhd and one traf with a tfhd, a tfdt and one trun")
	}
	traf := moof.Traf
	if traf.Tfhd.TrackID != c.trackID {
		c.problem("a chunk of track %d, the header is of track %d", traf.Tfhd.TrackID, c.trackID)
	}
	if !traf.Tfhd.DefaultBaseIfMoof() || traf.Tfhd.HasBaseDataOffset() {
		c.problem("chunk %d: offsets are not from its moof", moof.Mfhd.SequenceNumber)
	}
	traf.Trun.AddSampleDefaultValues(traf.Tfhd, c.trex)
	chunk := Chunk{Sequence: moof.Mfhd.SequenceNumber, Start: traf.Tfdt.BaseMediaDecodeTime()}
	chunk.End, chunk.Shown = chunk.Start, ^uint64(0)
	bytes := 0
	for i, s := range traf.Trun.Samples {
		chunk.Shown = min(chunk.Shown, uint64(int64(chunk.End)+int64(s.CompositionTimeOffset)))
		chunk.End += uint64(s.Dur)
		bytes += int(s.Size)
		sync := !mp4.DecodeSampleFlags(s.Flags).SampleIsNonSync
		if i == 0 {
			chunk.Sync = sync
		} else if sync && c.track.Kind == "video" {
			c.problem("chunk %d: a sync sample that begins no chunk", chunk.Sequence)
		}
		if s.Dur == 0 {
			c.problem("chunk %d: a sample lasts no time", chunk.Sequence)
		}
	}
	if bytes != len(raw)-8 {
		c.problem("chunk %d: samples of %d bytes in an mdat of %d", chunk.Sequence, bytes, len(raw)-8)
	}
	c.order(&chunk)
	c.track.Chunks = append(c.track.Chunks, chunk)
	return nil
}

// order holds a chunk against the one before it.
func (c *checker) order(chunk *Chunk) {
	t := c.track
	chunk.SegmentStart = slices.Contains(c.styp, "cmfs") || slices.Contains(c.styp, "cmff") ||
		!c.typed && chunk.Sync && t.Kind == "video"
	if p := c.prft; p != nil {
		chunk.Wall = p.NTPTimestamp.Time()
		chunk.WallAt = time.Duration(t.Seconds(p.MediaTime) * float64(time.Second))
	}
	n := len(t.Chunks)
	if t.Kind == "video" && chunk.Sync != chunk.SegmentStart {
		c.problem("chunk %d: begins a segment %v, begins with a sync sample %v", chunk.Sequence, chunk.SegmentStart, chunk.Sync)
	}
	if n == 0 {
		if !chunk.SegmentStart {
			c.problem("the first chunk begins no segment")
		}
		return
	}
	last := t.Chunks[n-1]
	skipped := chunk.Sequence == last.Sequence+2 // a loss that the source tells of
	switch {
	case chunk.Sequence <= last.Sequence:
		c.problem("chunk %d comes behind chunk %d", chunk.Sequence, last.Sequence)
	case chunk.Sequence != last.Sequence+1 && !skipped:
		c.problem("sequence numbers jump from %d to %d", last.Sequence, chunk.Sequence)
	}
	switch {
	case chunk.Start < last.End:
		c.problem("chunk %d: tfdt %d is before %d, where chunk %d ends", chunk.Sequence, chunk.Start, last.End, last.Sequence)
	case chunk.Start > last.End && !skipped:
		c.problem("chunk %d: a gap of %d ticks before its tfdt", chunk.Sequence, chunk.Start-last.End)
	}
}
