package file

import (
	"fmt"
	"io"

	"github.com/Eyevinn/mp4ff/mp4"
)

// fragments indexes a fragmented file: where each movie fragment lies and when
// it begins. A fragment's own table is read when it is reached.
type fragments struct {
	f     io.ReaderAt
	moov  *mp4.MoovBox
	boxes []box
	start map[uint32][]place // by track
	err   error              // why an index ended early
}

// place is one fragment of one track.
type place struct {
	box int32
	dts int64
}

// scanFragments reads every fragment's header once.
func scanFragments(f io.ReaderAt, moov *mp4.MoovBox, boxes []box) (*fragments, error) {
	fr := &fragments{f: f, moov: moov, boxes: boxes, start: make(map[uint32][]place)}
	next := make(map[uint32]int64) // where the track's last fragment ended
	for i, b := range boxes {
		moof, err := fr.moof(b)
		if err != nil {
			return nil, err
		}
		for _, traf := range moof.Trafs {
			if traf.Tfhd == nil {
				continue
			}
			id := traf.Tfhd.TrackID
			if traf.Tfdt != nil {
				next[id] = int64(traf.Tfdt.BaseMediaDecodeTime())
			}
			if p := fr.start[id]; len(p) == 0 || p[len(p)-1].box != int32(i) {
				fr.start[id] = append(p, place{int32(i), next[id]})
			}
			for _, run := range traf.Truns {
				next[id] += int64(run.AddSampleDefaultValues(traf.Tfhd, fr.trex(id)))
			}
		}
	}
	return fr, nil
}

func (fr *fragments) moof(b box) (*mp4.MoofBox, error) {
	decoded, err := readBox(fr.f, b, maxMoof)
	if err != nil {
		return nil, fmt.Errorf("damaged MP4 file at byte %d: %w", b.offset, err)
	}
	moof, ok := decoded.(*mp4.MoofBox)
	if !ok {
		return nil, fmt.Errorf("damaged MP4 file at byte %d: its moof box cannot be read", b.offset)
	}
	return moof, nil
}

// trex holds the track's defaults, nil if the file has none.
func (fr *fragments) trex(id uint32) *mp4.TrexBox {
	if fr.moov.Mvex == nil {
		return nil
	}
	for _, x := range fr.moov.Mvex.Trexs {
		if x.TrackID == id {
			return x
		}
	}
	return nil
}

// samples appends the samples of the n-th fragment of a track.
func (fr *fragments) samples(dst []sample, id uint32, n int) ([]sample, error) {
	p := fr.start[id][n]
	b := fr.boxes[p.box]
	moof, err := fr.moof(b)
	if err != nil {
		return dst, err
	}
	dts, end := p.dts, b.offset // end: of the data of the track before (ISO/IEC 14496-12 §8.8.7)
	for _, traf := range moof.Trafs {
		if traf.Tfhd == nil {
			continue
		}
		base := end
		switch {
		case traf.Tfhd.HasBaseDataOffset():
			base = int64(traf.Tfhd.BaseDataOffset)
		case traf.Tfhd.DefaultBaseIfMoof():
			base = b.offset
		}
		end = base
		for _, run := range traf.Truns {
			run.AddSampleDefaultValues(traf.Tfhd, fr.trex(traf.Tfhd.TrackID))
			if run.HasDataOffset() {
				end = base + int64(run.DataOffset)
			}
			for _, s := range run.Samples {
				if traf.Tfhd.TrackID == id {
					dst = append(dst, sample{offset: end, size: s.Size, dts: dts, cts: dts + int64(s.CompositionTimeOffset),
						dur: s.Dur, sync: mp4.IsSyncSampleFlags(s.Flags)})
					dts += int64(s.Dur)
				}
				end += int64(s.Size)
			}
		}
	}
	return dst, nil
}

func (fr *fragments) index(id uint32) *fragmentIndex { return &fragmentIndex{fr: fr, id: id} }

// fragmentIndex lists the samples of one track, one fragment in memory.
type fragmentIndex struct {
	fr   *fragments
	id   uint32
	n    int // the fragment to read next
	now  []sample
	left []sample
}

func (x *fragmentIndex) rewind() { x.n, x.left = 0, nil }

// next implements index. A fragment that can no longer be read, though it could
// when the file was opened, ends the index and is kept as fragments.err.
func (x *fragmentIndex) next() (sample, bool) {
	for len(x.left) == 0 {
		if x.n >= len(x.fr.start[x.id]) {
			return sample{}, false
		}
		err := guard("fragment", func() (err error) {
			x.now, err = x.fr.samples(x.now[:0], x.id, x.n)
			return err
		})
		if err != nil {
			x.fr.err = err
			return sample{}, false
		}
		x.n++
		x.left = x.now
	}
	s := x.left[0]
	x.left = x.left[1:]
	return s, true
}
