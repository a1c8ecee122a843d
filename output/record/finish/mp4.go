package finish

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
)

// movieScale is the number of ticks a second of edit lists and durations.
const movieScale = 90000

// writeMP4 writes ftyp, moov, mdat.
func (plan *Plan) writeMP4(ctx context.Context, w io.Writer, progress func(int64)) error {
	for _, t := range plan.tracks {
		t.exact()
	}
	head, moov, err := plan.header()
	if err != nil {
		return err
	}
	if err := head.Encode(w); err != nil {
		return err
	}
	if err := moov.Encode(w); err != nil {
		return err
	}
	mdat, err := mdatHeader(plan.payload)
	if err != nil {
		return err
	}
	if _, err := w.Write(mdat); err != nil {
		return err
	}
	return plan.copy(ctx, w, progress)
}

// header makes the boxes before the mdat, offsets of samples included.
func (plan *Plan) header() (*mp4.FtypBox, *mp4.MoovBox, error) {
	head := mp4.NewFtyp("isom", 512, []string{"isom", "iso2", "avc1", "mp41"})
	moov := mp4.NewMoovBox()
	mvhd := mp4.CreateMvhd()
	mvhd.Timescale, mvhd.NextTrackID = movieScale, uint32(len(plan.tracks)+1)
	moov.AddChild(mvhd)
	for i, t := range plan.tracks {
		trak, duration := t.box(uint32(i+1), plan.zero, plan.created)
		moov.AddChild(trak)
		mvhd.Duration = max(mvhd.Duration, duration)
	}
	mvhd.Version = version(mvhd.Duration)
	mvhd.CreationTime, mvhd.ModificationTime = mp4Time(plan.created), mp4Time(plan.created)
	mdat, err := mdatHeader(plan.payload)
	if err != nil {
		return nil, nil, err
	}
	// Tables of 32-bit offsets are half the size; which fits depends on the size.
	for _, wide := range []bool{false, true} {
		for i, t := range plan.tracks {
			t.place(moov.Traks[i].Mdia.Minf.Stbl, 0, wide)
		}
		start := head.Size() + moov.Size() + uint64(len(mdat))
		if !wide && start+uint64(plan.payload) > math.MaxUint32 {
			continue
		}
		for i, t := range plan.tracks {
			t.place(moov.Traks[i].Mdia.Minf.Stbl, start, wide)
		}
		break
	}
	return head, moov, nil
}

// size of the whole file.
func (plan *Plan) mp4Size() int64 {
	n := int64(64 << 10)
	for _, t := range plan.tracks {
		n += int64(4*len(t.sizes) + 8*(len(t.deltas)+len(t.comps)) + 4*len(t.keys) + 20*len(t.chunks))
	}
	return n + plan.payload
}

func mdatHeader(payload int64) ([]byte, error) {
	if payload < 0 {
		return nil, fmt.Errorf("payload of %d bytes", payload)
	}
	if payload+8 <= math.MaxUint32 {
		return append(binary.BigEndian.AppendUint32(nil, uint32(payload+8)), "mdat"...), nil
	}
	b := append(binary.BigEndian.AppendUint32(nil, 1), "mdat"...)
	return binary.BigEndian.AppendUint64(b, uint64(payload+16)), nil
}

// version of a box with a duration: 1 has 64 bits.
func version(duration uint64) byte {
	if duration > math.MaxUint32 {
		return 1
	}
	return 0
}

// mp4Time is seconds since 1904, 0 for a time that is not known or that 32 bits do not hold.
func mp4Time(t time.Time) uint64 {
	if s := t.Unix() + mp4.EpochDiffS; !t.IsZero() && s > 0 && s <= math.MaxUint32 {
		return uint64(s)
	}
	return 0
}

// box is the track's trak without its chunk offsets, and how long it is
// presented, from the start of the file, in ticks of the movie.
func (t *table) box(id uint32, zero time.Duration, created time.Time) (*mp4.TrakBox, uint64) {
	trak := mp4.CreateEmptyTrak(id, t.scale, t.kind.String(), "und")
	var length int64
	for _, r := range t.deltas {
		length += int64(r.n) * r.value
	}
	late := media.FromTimescale(t.early, int(t.timescale)) - zero
	unheard := max(0, media.ToTimescale(-late, int(t.scale)))
	shown := uint64(max(0, rescale(length-unheard, int64(t.scale))))
	empty := uint64(max(0, media.ToTimescale(late, movieScale)))
	duration := shown + empty

	tkhd, mdhd := trak.Tkhd, trak.Mdia.Mdhd
	tkhd.Width, tkhd.Height = t.trak.Tkhd.Width, t.trak.Tkhd.Height
	tkhd.Duration, tkhd.Version = duration, version(duration)
	mdhd.Duration, mdhd.Version = uint64(length), version(uint64(length))
	at := mp4Time(created)
	tkhd.CreationTime, tkhd.ModificationTime = at, at
	mdhd.CreationTime, mdhd.ModificationTime = at, at
	trak.Mdia.Hdlr.Name = map[media.Kind]string{media.Video: "VideoHandler", media.Audio: "SoundHandler"}[t.kind]

	elst := &mp4.ElstBox{Version: version(duration)}
	if empty > 0 {
		elst.Entries = append(elst.Entries, mp4.ElstEntry{SegmentDuration: empty, MediaTime: -1, MediaRateInteger: 1})
	}
	elst.Entries = append(elst.Entries, mp4.ElstEntry{SegmentDuration: shown, MediaTime: t.skip + unheard, MediaRateInteger: 1})
	edts := &mp4.EdtsBox{}
	edts.AddChild(elst)
	trak.Edts = edts
	trak.Children = []mp4.Box{tkhd, edts, trak.Mdia}

	t.fill(trak.Mdia.Minf.Stbl)
	return trak, duration
}

func rescale(ticks, scale int64) int64 {
	return ticks/scale*movieScale + (ticks%scale*movieScale+scale/2)/scale
}

// fill makes the sample table but for the chunk offsets.
func (t *table) fill(stbl *mp4.StblBox) {
	stsd := &mp4.StsdBox{}
	stsd.AddChild(t.trak.Mdia.Minf.Stbl.Stsd.Children[0])
	stbl.Children = nil
	stbl.AddChild(stsd)
	stts := &mp4.SttsBox{}
	for _, r := range t.deltas {
		stts.SampleCount = append(stts.SampleCount, r.n)
		stts.SampleTimeDelta = append(stts.SampleTimeDelta, uint32(r.value))
	}
	stbl.AddChild(stts)
	if len(t.comps) != 1 || t.comps[0].value != 0 {
		ctts := &mp4.CttsBox{EndSampleNr: []uint32{0}}
		for _, r := range t.comps {
			ctts.EndSampleNr = append(ctts.EndSampleNr, ctts.EndSampleNr[len(ctts.EndSampleNr)-1]+r.n)
			ctts.SampleOffset = append(ctts.SampleOffset, int32(r.value))
			if r.value < 0 {
				ctts.Version = 1
			}
		}
		stbl.AddChild(ctts)
	}
	if len(t.keys) != t.count {
		stbl.AddChild(&mp4.StssBox{SampleNumber: t.keys})
	}
	stsc := &mp4.StscBox{}
	stsc.SetSingleSampleDescriptionID(1)
	first := uint32(1)
	for i, c := range t.chunks {
		if i == 0 || c.samples != t.chunks[i-1].samples {
			stsc.Entries = append(stsc.Entries, mp4.StscEntry{FirstChunk: uint32(i + 1), SamplesPerChunk: c.samples, FirstSampleNr: first})
		}
		first += c.samples
	}
	stbl.AddChild(stsc)
	stbl.AddChild(&mp4.StszBox{SampleNumber: uint32(t.count), SampleSize: t.sizes})
}

// place adds the table of chunk offsets, or sets it anew.
func (t *table) place(stbl *mp4.StblBox, start uint64, wide bool) {
	kept := stbl.Children[:0]
	for _, b := range stbl.Children {
		if b.Type() != "stco" && b.Type() != "co64" {
			kept = append(kept, b)
		}
	}
	stbl.Children, stbl.Stco, stbl.Co64 = kept, nil, nil
	if wide {
		co64 := &mp4.Co64Box{ChunkOffset: make([]uint64, len(t.chunks))}
		for i, c := range t.chunks {
			co64.ChunkOffset[i] = start + uint64(c.offset)
		}
		stbl.AddChild(co64)
		return
	}
	stco := &mp4.StcoBox{ChunkOffset: make([]uint32, len(t.chunks))}
	for i, c := range t.chunks {
		stco.ChunkOffset[i] = uint32(start + uint64(c.offset))
	}
	stbl.AddChild(stco)
}
