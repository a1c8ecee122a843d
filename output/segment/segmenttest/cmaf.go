package segmenttest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"
)

// Header checks a CMAF header (ISO/IEC 23000-19 §7.3.1): one track, no samples,
// the brand, what a fragmented track needs and nothing that shifts its times.
func Header(data []byte) (*mp4.InitSegment, error) {
	f, err := mp4.DecodeFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	moov := f.Moov
	switch {
	case f.Ftyp == nil || !slices.Contains(f.Ftyp.CompatibleBrands(), "cmfc"):
		return nil, fmt.Errorf("header: no brand cmfc")
	case len(moov.Traks) != 1 || moov.Mvex == nil || moov.Mvex.Trex == nil || moov.Mvex.Trex.TrackID != moov.Trak.Tkhd.TrackID:
		return nil, fmt.Errorf("header: not one track with its trex")
	case moov.Trak.Edts != nil:
		return nil, fmt.Errorf("header: has an edit list")
	case moov.Mvhd.Duration != 0 || moov.Trak.Mdia.Mdhd.Duration != 0:
		return nil, fmt.Errorf("header: has a duration")
	}
	stbl := moov.Trak.Mdia.Minf.Stbl
	if stbl.Stsz.GetNrSamples() != 0 || stbl.Stts.GetTimeCode(1, 1) != 0 || len(stbl.Stsd.Children) != 1 {
		return nil, fmt.Errorf("header: has samples, or not one sample entry")
	}
	return f.Init, nil
}

// Segment checks a CMAF segment (§7.3.3) of the track of init and returns its
// samples: chunk after chunk of one moof and one mdat, offsets and sizes that
// agree, decode times without a hole.
func Segment(init *mp4.InitSegment, data []byte) ([]mp4.FullSample, error) {
	f, err := mp4.DecodeFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	if f.Ftyp != nil || f.Moov != nil || len(f.Segments) != 1 {
		return nil, fmt.Errorf("segment: not media data alone, in one segment")
	}
	seg := f.Segments[0]
	if seg.Styp == nil || !slices.Contains(seg.Styp.CompatibleBrands(), "cmfs") {
		return nil, fmt.Errorf("segment: no styp with the brand cmfs")
	}
	trex := init.Moov.Mvex.Trex
	var all []mp4.FullSample
	var end uint64
	for i, frag := range seg.Fragments {
		if err := checkChunk(frag, trex.TrackID); err != nil {
			return nil, fmt.Errorf("chunk %d: %w", i, err)
		}
		base := frag.Moof.Traf.Tfdt.BaseMediaDecodeTime()
		if i > 0 && base != end {
			return nil, fmt.Errorf("chunk %d: begins at %d, the one before ends at %d", i, base, end)
		}
		samples, err := frag.GetFullSamples(trex)
		if err != nil {
			return nil, fmt.Errorf("chunk %d: %w", i, err)
		}
		var size uint64
		end = base
		for _, s := range samples {
			size += uint64(s.Size)
			end += uint64(s.Dur)
		}
		if size != frag.Mdat.DataLength() {
			return nil, fmt.Errorf("chunk %d: samples of %d bytes in an mdat of %d", i, size, frag.Mdat.DataLength())
		}
		all = append(all, samples...)
	}
	return all, nil
}

func checkChunk(frag *mp4.Fragment, track uint32) error {
	moof := frag.Moof
	if len(moof.Trafs) != 1 || len(moof.Traf.Truns) != 1 {
		return fmt.Errorf("not one traf with one trun")
	}
	traf := moof.Traf
	switch {
	case traf.Tfhd.TrackID != track:
		return fmt.Errorf("track %d", traf.Tfhd.TrackID)
	case !traf.Tfhd.DefaultBaseIfMoof() || traf.Tfhd.HasBaseDataOffset():
		return fmt.Errorf("offsets do not count from the moof")
	case traf.Tfdt == nil || traf.Tfdt.Version != 1:
		return fmt.Errorf("no 64-bit tfdt")
	case !traf.Trun.HasDataOffset() || traf.Trun.DataOffset != int32(moof.Size())+8:
		return fmt.Errorf("data offset %d, moof of %d bytes", traf.Trun.DataOffset, moof.Size())
	}
	names := make([]string, 0, 3)
	for _, b := range frag.Children {
		names = append(names, b.Type())
	}
	if n := len(names); n < 2 || names[n-2] != "moof" || names[n-1] != "mdat" {
		return fmt.Errorf("boxes %v", names)
	}
	return nil
}
