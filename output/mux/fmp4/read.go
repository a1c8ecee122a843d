package fmp4

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// ReadChunk appends the samples of CMAF chunks (moof and mdat; what else lies
// at the top level is passed over) to dst, as packets of t; offset is what was
// added to every time. Data aliases chunk. Of chunks in one piece all are read,
// a whole segment too. On an error nothing is appended.
//
// Chunks are read as AppendHeader writes them: one traf, of the track number
// that t's kind has here, defaults within the moof, offsets from the moof.
func ReadChunk(dst []media.Packet, t *media.Track, chunk []byte, offset time.Duration) ([]media.Packet, error) {
	out, err := readChunks(dst, t, chunk, offset)
	if err != nil {
		return dst, fmt.Errorf("fmp4: read chunk of %v: %w", t, err)
	}
	return out, nil
}

func readChunks(out []media.Packet, t *media.Track, data []byte, offset time.Duration) ([]media.Packet, error) {
	if scale := Timescale(t); scale <= 0 || scale > maxTimescale {
		return nil, fmt.Errorf("%d ticks a second", scale)
	}
	var moof box
	chunks := 0
	for top := (boxes{b: data}); ; {
		b, ok, err := top.next()
		switch {
		case err != nil:
			return nil, err
		case !ok && (moof.body != nil || chunks == 0):
			return nil, errors.New("no moof with its mdat")
		case !ok:
			return out, nil
		}
		switch string(b.name[:]) {
		case "moof":
			if moof.body != nil {
				return nil, errors.New("two moof for one mdat")
			}
			moof = b
		case "mdat":
			if moof.body == nil {
				return nil, errors.New("mdat without moof")
			}
			f := fragment{track: t, offset: offset, scale: Timescale(t), data: data[:b.to], moof: moof.offset, from: b.from}
			if out, err = f.read(out, moof.body); err != nil {
				return nil, err
			}
			moof = box{}
			chunks++
		}
	}
}

// maxTimescale keeps times in ticks within 64 bits.
const maxTimescale = 1 << 24

// fragment reads one moof.
type fragment struct {
	track  *media.Track
	offset time.Duration
	scale  int
	data   []byte // up to the end of the mdat
	moof   int    // where it begins in data
	from   int    // where the mdat's content does

	given                 uint32 // flags of tfhd
	duration, size, flags uint32 // its defaults
	at                    uint64 // decode time of the next sample, ticks
	next                  uint64 // where its data begins
}

func (f *fragment) read(out []media.Packet, moof []byte) ([]media.Packet, error) {
	traf, err := find(moof, "traf")
	if err != nil {
		return nil, err
	}
	tfhd, err := find(traf, "tfhd")
	if err != nil {
		return nil, err
	}
	if err := f.header(tfhd); err != nil {
		return nil, err
	}
	tfdt, err := find(traf, "tfdt")
	if err != nil {
		return nil, err
	}
	if err := f.time(tfdt); err != nil {
		return nil, err
	}
	f.next = uint64(f.from)
	runs := 0
	for r := (boxes{b: traf}); ; {
		b, ok, err := r.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if string(b.name[:]) != "trun" {
			continue
		}
		if out, err = f.run(out, fields{b: b.body}); err != nil {
			return nil, err
		}
		runs++
	}
	if runs == 0 {
		return nil, errors.New("no trun")
	}
	return out, nil
}

// header reads the tfhd.
func (f *fragment) header(tfhd []byte) error {
	r := fields{b: tfhd}
	_, f.given = r.versioned()
	id := r.u32()
	if f.given&tfhdBaseOffset != 0 {
		return errors.New("offsets from the start of a file")
	}
	if f.given&tfhdDescription != 0 {
		r.u32()
	}
	if f.given&tfhdDuration != 0 {
		f.duration = r.u32()
	}
	if f.given&tfhdSize != 0 {
		f.size = r.u32()
	}
	if f.given&tfhdSampleFlags != 0 {
		f.flags = r.u32()
	}
	switch want := trackID(f.track.Kind()); {
	case r.short:
		return fmt.Errorf("tfhd: %w", errShort)
	case id != want:
		return fmt.Errorf("it is of track %d, and %v is track %d", id, f.track.Kind(), want)
	}
	return nil
}

// time reads the tfdt.
func (f *fragment) time(tfdt []byte) error {
	r := fields{b: tfdt}
	if version, _ := r.versioned(); version == 0 {
		f.at = uint64(r.u32())
	} else {
		f.at = r.u64()
	}
	if r.short {
		return fmt.Errorf("tfdt: %w", errShort)
	}
	return f.check(f.at)
}

// check says that a time of so many ticks is too long.
func (f *fragment) check(ticks uint64) error {
	if ticks >= maxSeconds*uint64(f.scale) {
		return fmt.Errorf("a time of %d ticks: %w", ticks, ErrTime)
	}
	return nil
}

// entry is what a trun says of its samples, one by one.
type entry struct{ duration, size, flags, composition bool }

// run reads a trun.
func (f *fragment) run(out []media.Packet, r fields) ([]media.Packet, error) {
	version, flags := r.versioned()
	count := uint64(r.u32())
	if flags&trunDataOffset != 0 {
		f.next = uint64(int64(f.moof) + int64(int32(r.u32())))
	}
	firstFlags := f.flags
	if flags&trunFirstFlags != 0 {
		firstFlags = r.u32()
	}
	e := entry{
		duration: flags&trunDuration != 0, size: flags&trunSize != 0,
		flags: flags&trunFlags != 0, composition: flags&trunCompOffset != 0,
	}
	if err := f.complete(e); err != nil {
		return nil, err
	}
	// No more room is made than the box has entries; the size is one of them.
	if room := uint64(len(r.b)) / 4; r.short || count > room {
		return nil, fmt.Errorf("trun of %d samples: %w", count, errShort)
	}
	out = slices.Grow(out, int(count))
	for i := range count {
		p, err := f.sample(&r, e, version, i == 0, firstFlags)
		if err != nil {
			return nil, fmt.Errorf("sample %d: %w", i, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// complete says that nothing is left to the defaults of a header (trex) that
// is not at hand.
func (f *fragment) complete(e entry) error {
	switch {
	case !e.size:
		return errors.New("trun without sizes")
	case !e.duration && f.given&tfhdDuration == 0:
		return errors.New("no durations: neither in tfhd nor in trun")
	case !e.flags && f.given&tfhdSampleFlags == 0:
		return errors.New("no sample flags: neither in tfhd nor in trun")
	}
	return nil
}

func (f *fragment) sample(r *fields, e entry, version byte, first bool, firstFlags uint32) (media.Packet, error) {
	duration, flags := f.duration, f.flags
	if e.duration {
		duration = r.u32()
	}
	size := uint64(r.u32())
	if first {
		flags = firstFlags
	}
	if e.flags {
		flags = r.u32()
	}
	shown := f.at
	if e.composition {
		switch c := r.u32(); {
		case version == 0:
			shown += uint64(c)
		case int32(c) < 0:
			return media.Packet{}, fmt.Errorf("shown before it is decoded: %w", ErrTime)
		default:
			shown += uint64(c)
		}
	}
	switch {
	case r.short:
		return media.Packet{}, fmt.Errorf("trun: %w", errShort)
	case f.next < uint64(f.from) || f.next > uint64(len(f.data)) || size > uint64(len(f.data))-f.next:
		return media.Packet{}, fmt.Errorf("%d bytes at %d are not within the mdat, %d to %d", size, f.next, f.from, len(f.data))
	case duration == 0:
		return media.Packet{}, fmt.Errorf("lasts no time: %w", ErrTime)
	}
	if err := f.check(shown + uint64(duration)); err != nil {
		return media.Packet{}, err
	}
	p := media.Packet{
		Track: f.track,
		PTS:   media.FromTimescale(int64(shown), f.scale) - f.offset,
		DTS:   media.FromTimescale(int64(f.at), f.scale) - f.offset,
		Key:   flags&flagNonSync == 0,
		Data:  f.data[f.next : f.next+size : f.next+size],
	}
	f.at += uint64(duration)
	f.next += size
	return p, nil
}
