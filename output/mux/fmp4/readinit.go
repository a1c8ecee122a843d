package fmp4

import (
	"errors"
	"fmt"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
)

// ReadInit is the track of a CMAF header, which has one: what Init was given,
// with the frame rate that the parameter sets tell.
func ReadInit(data []byte) (*media.Track, error) {
	tracks, err := ReadInits(data)
	if err != nil {
		return nil, err
	}
	if len(tracks) != 1 {
		return nil, fmt.Errorf("fmp4: read header: %d tracks, not one", len(tracks))
	}
	return tracks[0], nil
}

// ReadInits are the tracks of a header of one or more, such as InitOf makes.
// What lies behind the moov is not looked at.
func ReadInits(data []byte) ([]*media.Track, error) {
	moov, err := find(data, "moov")
	if err != nil {
		return nil, fmt.Errorf("fmp4: read header: %w", err)
	}
	var tracks []*media.Track
	for r := (boxes{b: moov}); ; {
		b, ok, err := r.next()
		if err != nil {
			return nil, fmt.Errorf("fmp4: read header: %w", err)
		}
		if !ok {
			break
		}
		if string(b.name[:]) != "trak" {
			continue
		}
		t, err := readTrak(b.body)
		if err != nil {
			return nil, fmt.Errorf("fmp4: read header: track %d: %w", len(tracks)+1, err)
		}
		tracks = append(tracks, t)
	}
	if len(tracks) == 0 {
		return nil, errors.New("fmp4: read header: no tracks")
	}
	return tracks, nil
}

func readTrak(b []byte) (*media.Track, error) {
	id, scale, entries, err := trakFields(b)
	if err != nil {
		return nil, err
	}
	b0, ok, err := entries.next()
	switch {
	case err != nil:
		return nil, fmt.Errorf("stsd: %w", err)
	case !ok:
		return nil, errors.New("no sample entry")
	}
	var t *media.Track
	switch string(b0.name[:]) {
	case "avc1":
		t, err = readAVC1(b0.body)
	case "mp4a":
		t, err = readMP4A(b0.body)
	default:
		err = fmt.Errorf("sample entry %q; ours are avc1 and mp4a", string(b0.name[:]))
	}
	switch {
	case err != nil:
		return nil, err
	case id != trackID(t.Kind()):
		return nil, fmt.Errorf("%v has the number %d, not %d", t, id, trackID(t.Kind()))
	case int64(scale) != int64(Timescale(t)):
		return nil, fmt.Errorf("%v has %d ticks a second, not %d", t, scale, Timescale(t))
	}
	return t, nil
}

// trakFields is what of a trak tells the track: its number, its time scale and
// its sample entries.
func trakFields(trak []byte) (id, scale uint32, entries boxes, err error) {
	tkhd, err := find(trak, "tkhd")
	if err != nil {
		return 0, 0, boxes{}, err
	}
	r := fields{b: tkhd}
	version, _ := r.versioned()
	r.bytes(times(version))
	id = r.u32()
	mdia, err := find(trak, "mdia")
	if err != nil {
		return 0, 0, boxes{}, err
	}
	mdhd, err := find(mdia, "mdhd")
	if err != nil {
		return 0, 0, boxes{}, err
	}
	h := fields{b: mdhd}
	version, _ = h.versioned()
	h.bytes(times(version))
	scale = h.u32()
	for _, name := range []string{"minf", "stbl", "stsd"} {
		if mdia, err = find(mdia, name); err != nil {
			return 0, 0, boxes{}, err
		}
	}
	s := fields{b: mdia}
	s.bytes(8) // version, flags, count
	if r.short || h.short || s.short {
		return 0, 0, boxes{}, errShort
	}
	return id, scale, boxes{b: s.b}, nil
}

// times is the size of the creation and modification time.
func times(version byte) uint64 {
	if version == 1 {
		return 16
	}
	return 8
}

// Sizes of what lies in a sample entry before its boxes.
const (
	visualEntry = 78
	soundEntry  = 28
)

func readAVC1(b []byte) (*media.Track, error) {
	r := fields{b: b}
	r.bytes(24)
	width, height := int(r.u16()), int(r.u16())
	r.bytes(visualEntry - 28)
	if r.short {
		return nil, fmt.Errorf("avc1: %w", errShort)
	}
	avcC, err := find(r.b, "avcC")
	if err != nil {
		return nil, fmt.Errorf("avc1: %w", err)
	}
	sps, pps, err := readAVCC(avcC)
	if err != nil {
		return nil, fmt.Errorf("avcC: %w", err)
	}
	t, err := h264.TrackFrom(sps, pps)
	if err != nil {
		return nil, err
	}
	t.Video.Width, t.Video.Height = width, height
	if colr, err := find(r.b, "colr"); err == nil {
		t.Video.Color = readColr(colr, t.Video.Color)
	}
	return t, nil
}

// readAVCC is the one parameter set of each kind.
func readAVCC(avcC []byte) (sps, pps []byte, err error) {
	r := fields{b: avcC}
	r.bytes(4) // version, profile, flags, level
	if lengths := r.u8() & 3; lengths != 3 && !r.short {
		return nil, nil, fmt.Errorf("lengths of %d bytes before the NAL units, not 4", lengths+1)
	}
	if n := r.u8() & 31; n != 1 && !r.short {
		return nil, nil, fmt.Errorf("%d sequence parameter sets, not one", n)
	}
	sps = r.bytes(uint64(r.u16()))
	if n := r.u8(); n != 1 && !r.short {
		return nil, nil, fmt.Errorf("%d picture parameter sets, not one", n)
	}
	pps = r.bytes(uint64(r.u16()))
	if r.short {
		return nil, nil, errShort
	}
	return sps, pps, nil
}

// readColr is the colour that a colr box of code points tells, else c.
func readColr(colr []byte, c media.Color) media.Color {
	r := fields{b: colr}
	if string(r.bytes(4)) != "nclx" {
		return c
	}
	point := func() uint8 {
		if v := r.u16(); v != 2 && v < 256 {
			return uint8(v)
		}
		return 0
	}
	out := media.Color{Primaries: point(), Transfer: point(), Matrix: point(), FullRange: r.u8()&0x80 != 0}
	if r.short {
		return c
	}
	return out
}

func readMP4A(b []byte) (*media.Track, error) {
	r := fields{b: b}
	r.bytes(16)
	channels := int(r.u16())
	r.bytes(soundEntry - 18)
	if r.short {
		return nil, fmt.Errorf("mp4a: %w", errShort)
	}
	esds, err := find(r.b, "esds")
	if err != nil {
		return nil, fmt.Errorf("mp4a: %w", err)
	}
	config, err := readESDS(esds)
	if err != nil {
		return nil, fmt.Errorf("esds: %w", err)
	}
	c, err := aac.ParseConfig(config)
	if err != nil {
		return nil, err
	}
	return &media.Track{Codec: media.AAC, Audio: &media.AudioParams{
		SampleRate: c.SampleRate, Channels: channels, Config: append([]byte(nil), config...),
	}}, nil
}

// Tags of descriptors, ISO/IEC 14496-1 §7.2.2.1.
const (
	tagES       = 3
	tagDecoder  = 4
	tagSpecific = 5
)

// readESDS is the AudioSpecificConfig in an esds.
func readESDS(esds []byte) ([]byte, error) {
	r := fields{b: esds}
	r.u32()
	es, err := descriptor(&r, tagES)
	if err != nil {
		return nil, err
	}
	es.u16()
	flags := es.u8()
	if flags&0x80 != 0 { // depends on another stream
		es.u16()
	}
	if flags&0x40 != 0 { // URL
		es.bytes(uint64(es.u8()))
	}
	if flags&0x20 != 0 { // clock
		es.u16()
	}
	decoder, err := descriptor(&es, tagDecoder)
	if err != nil {
		return nil, err
	}
	decoder.bytes(13) // object type, stream type, buffer size, bit rates
	config, err := descriptor(&decoder, tagSpecific)
	if err != nil {
		return nil, err
	}
	return config.b, nil
}

// descriptor is the content of the descriptor at r, which must have the tag.
func descriptor(r *fields, tag uint8) (fields, error) {
	got := r.u8()
	var size uint64
	for range 4 {
		b := r.u8()
		size = size<<7 | uint64(b&0x7f)
		if b&0x80 == 0 {
			break
		}
	}
	b := r.bytes(size)
	switch {
	case r.short:
		return fields{}, errShort
	case got != tag:
		return fields{}, fmt.Errorf("descriptor %d, not %d", got, tag)
	}
	return fields{b: b}, nil
}
