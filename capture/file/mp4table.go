package file

import (
	"errors"
	"fmt"

	"github.com/Eyevinn/mp4ff/mp4"
)

// table indexes the samples of a progressive file: the sample tables as they
// stand in the file, and a place in each that moves on with every sample.
type table struct {
	stts  *mp4.SttsBox
	ctts  *mp4.CttsBox // nil: composition is decoding order
	stsz  *mp4.StszBox
	stsc  *mp4.StscBox
	stss  *mp4.StssBox // nil: every sample is a sync sample
	stco  []uint32
	co64  []uint64
	count int

	at       int // sample
	dts      int64
	timeRun  int // entry of stts, and how many of it have gone by
	timeUsed uint32
	compRun  int
	chunk    int    // that of the next sample
	inChunk  uint32 // samples of it that have gone by
	chunkRun int
	offset   int64
	syncAt   int
}

func newTable(moov *mp4.MoovBox, id uint32) (*table, error) {
	for _, trak := range moov.Traks {
		if trak.Tkhd == nil || trak.Tkhd.TrackID != id {
			continue
		}
		s := trak.Mdia.Minf.Stbl
		if s.Stts == nil || s.Stsz == nil || s.Stsc == nil || s.Stco == nil && s.Co64 == nil {
			return nil, errors.New("damaged MP4 file: sample tables are missing; ffmpeg -i FILE -c copy fixed.mp4 may repair it")
		}
		t := &table{stts: s.Stts, ctts: s.Ctts, stsz: s.Stsz, stsc: s.Stsc, stss: s.Stss, count: int(s.Stsz.GetNrSamples())}
		if s.Stco != nil {
			t.stco = s.Stco.ChunkOffset
		} else {
			t.co64 = s.Co64.ChunkOffset
		}
		if t.ctts != nil && t.ctts.NrSampleCount() == 0 {
			t.ctts = nil
		}
		t.rewind()
		return t, nil
	}
	return nil, fmt.Errorf("damaged MP4 file: no track %d", id)
}

func (t *table) rewind() {
	t.at, t.dts, t.timeRun, t.timeUsed, t.compRun = 0, 0, 0, 0, 0
	t.chunk, t.inChunk, t.chunkRun, t.offset, t.syncAt = 0, 0, 0, 0, 0
}

func (t *table) chunks() int { return len(t.stco) + len(t.co64) }

func (t *table) chunkOffset(i int) int64 {
	if t.stco != nil {
		return int64(t.stco[i])
	}
	return int64(t.co64[i])
}

// next implements index. A table that ends before the others ends them all.
func (t *table) next() (sample, bool) {
	if t.at >= t.count || !t.findChunk() || !t.findTime() {
		return sample{}, false
	}
	s := sample{dts: t.dts, dur: t.stts.SampleTimeDelta[t.timeRun], sync: t.stss == nil}
	if s.size = t.stsz.SampleUniformSize; s.size == 0 {
		s.size = t.stsz.SampleSize[t.at]
	}
	if t.inChunk == 0 {
		t.offset = t.chunkOffset(t.chunk)
	}
	s.offset = t.offset
	s.cts = s.dts + t.composition()
	if t.stss != nil {
		for t.syncAt < len(t.stss.SampleNumber) && int(t.stss.SampleNumber[t.syncAt]) < t.at+1 {
			t.syncAt++
		}
		s.sync = t.syncAt < len(t.stss.SampleNumber) && int(t.stss.SampleNumber[t.syncAt]) == t.at+1
	}
	t.at++
	t.dts += int64(s.dur)
	t.timeUsed++
	t.offset += int64(s.size)
	t.inChunk++
	return s, true
}

// findChunk moves to the chunk of the next sample.
func (t *table) findChunk() bool {
	for {
		e := t.stsc.Entries
		for t.chunkRun+1 < len(e) && int(e[t.chunkRun+1].FirstChunk) <= t.chunk+1 {
			t.chunkRun++
		}
		if t.chunk >= t.chunks() || t.chunkRun >= len(e) {
			return false
		}
		if t.inChunk < e[t.chunkRun].SamplesPerChunk {
			return true
		}
		t.chunk, t.inChunk = t.chunk+1, 0
	}
}

// findTime moves to the entry of the next sample's duration.
func (t *table) findTime() bool {
	for t.timeRun < len(t.stts.SampleCount) {
		if t.timeUsed < t.stts.SampleCount[t.timeRun] {
			return true
		}
		t.timeRun, t.timeUsed = t.timeRun+1, 0
	}
	return false
}

// composition is the next sample's offset from decoding to composition time.
func (t *table) composition() int64 {
	if t.ctts == nil {
		return 0
	}
	for t.compRun+1 < t.ctts.NrSampleCount() && int(t.ctts.EndSampleNr[t.compRun+1]) <= t.at {
		t.compRun++
	}
	if int(t.ctts.EndSampleNr[t.compRun+1]) <= t.at {
		return 0
	}
	return int64(t.ctts.SampleOffset[t.compRun])
}
