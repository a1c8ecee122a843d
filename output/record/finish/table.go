package finish

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/ts"
)

// maxSamples bounds the table of one MP4 file: some 15 hours of pictures at 50
// a second and their sound, and 40 MB of memory.
const maxSamples = 6_000_000

// table is one track of the finished file, as ISO/IEC 14496-12 §8.6 and §8.7
// keep it: in runs of what is equal.
type table struct {
	*track
	kind   media.Kind
	dts    int64 // decode time of the first sample, on the first part's time line
	early  int64 // presentation time of the track's first picture or sound
	end    int64 // decode time after the last
	count  int
	scale  uint32 // ticks a second of what follows
	skip   int64  // from the first decode time to the first presentation
	deltas []runLength
	comps  []runLength
	sizes  []uint32
	keys   []uint32 // numbers of the sync samples, from 1
	chunks []placed
	bytes  int64
}

// runLength is a value that so many samples in a row have.
type runLength struct {
	n     uint32
	value int64
}

// placed is a chunk in the finished file's mdat.
type placed struct {
	offset  int64 // of its first sample, from the mdat's payload
	samples uint32
}

// reorder is how many of a track's first samples may be presented before the
// first one: a decoded picture buffer holds no more.
const reorder = 16

// tables builds the tracks' tables from the chunks that were chosen.
func (plan *Plan) tables(ctx context.Context) error {
	var tracks [media.Audio + 1]*table
	size := int64(0)
	for _, p := range plan.parts {
		f, err := p.open()
		if err != nil {
			return err
		}
		for i := range p.chunks {
			c := &p.chunks[i]
			t := tracks[c.kind]
			if t == nil {
				t = &table{track: p.tracks[c.kind], kind: c.kind}
				tracks[c.kind] = t
			}
			frag, err := p.fragment(f, c.moof, c.moofSize)
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = t.add(p, c, frag, plan.payload, plan.format == MP4)
			}
			if err != nil {
				_ = f.r.Close()
				return fmt.Errorf("finish: read %s: %w", p.Name, err)
			}
			plan.payload += c.bytes
			size += transportSize(frag.samples[c.skip:][:c.take])
		}
		_ = f.r.Close()
	}
	samples := 0
	for _, t := range tracks {
		if t != nil {
			plan.tracks = append(plan.tracks, t)
			samples += t.count
		}
	}
	if plan.format == MP4 && samples > maxSamples {
		return fmt.Errorf("finish: %d pictures and sound frames are too many for the index of one MP4 file (%d): take fewer files or a shorter time, or ts", samples, maxSamples)
	}
	plan.tsSize = size + int64(plan.duration.Seconds()*tableRate)
	return nil
}

// tableRate is about what tables and clock references take, bytes a second.
const tableRate = 40 * ts.PacketSize

// transportSize is about what samples take in a transport stream.
func transportSize(samples []mp4.Sample) (n int64) {
	const header, payload = 40, ts.PacketSize - 4
	for _, s := range samples {
		n += (int64(s.Size) + header + payload - 1) / payload * ts.PacketSize
	}
	return n
}

var errTimes = errors.New("its decode times do not rise")

// add appends a chunk's samples; the payload lies at offset in the file.
func (t *table) add(p *part, c *chunk, frag *fragment, offset int64, full bool) error {
	shift := media.ToTimescale(p.shift, int(t.timescale))
	base := c.dts + shift
	if t.count == 0 {
		t.dts, t.early, t.end = base, c.pts+shift, base
	}
	if hole := base - t.end; hole != 0 {
		if err := t.stretch(hole); err != nil {
			return err
		}
	}
	if c.skip+c.take > len(frag.samples) {
		return errors.New("it has changed since it was looked at")
	}
	at := base
	for _, s := range frag.samples[c.skip:][:c.take] {
		if s.Dur == 0 || s.Dur > math.MaxInt32 {
			return errTimes
		}
		if t.count < reorder {
			t.early = min(t.early, at+int64(s.CompositionTimeOffset))
		}
		t.count++
		at += int64(s.Dur)
		t.bytes += int64(s.Size)
		if !full || t.count > maxSamples {
			continue
		}
		t.deltas = appendRun(t.deltas, int64(s.Dur))
		t.comps = appendRun(t.comps, int64(s.CompositionTimeOffset))
		t.sizes = append(t.sizes, s.Size)
		if sync(s) {
			t.keys = append(t.keys, uint32(t.count))
		}
	}
	t.end = at
	if full {
		t.chunks = append(t.chunks, placed{offset: offset, samples: uint32(c.take)})
	}
	return nil
}

// stretch makes the last sample last until the next one: something is missing.
func (t *table) stretch(by int64) error {
	t.end += by
	if len(t.deltas) == 0 { // no table is kept
		return nil
	}
	last := &t.deltas[len(t.deltas)-1]
	d := last.value + by
	if d <= 0 || d > math.MaxInt32 {
		return errTimes
	}
	if last.n--; last.n == 0 {
		t.deltas = t.deltas[:len(t.deltas)-1]
	}
	t.deltas = appendRun(t.deltas, d)
	return nil
}

func appendRun(runs []runLength, v int64) []runLength {
	if n := len(runs); n > 0 && runs[n-1].value == v && runs[n-1].n < math.MaxUint32 {
		runs[n-1].n++
		return runs
	}
	return append(runs, runLength{1, v})
}

// grids are the frame rates that 90 kHz cannot say exactly.
var grids = []media.Rational{{Num: 60000, Den: 1001}, {Num: 24000, Den: 1001}, {Num: 120000, Den: 1001}}

// exact puts the pictures on the grid of a frame rate whose period is no whole
// number of ticks, if all of them lie on it as well as ticks can say: then the
// file's rate is the exact one.
func (t *table) exact() {
	t.scale, t.skip = t.timescale, t.early-t.dts
	if t.kind != media.Video {
		return
	}
	rates := grids
	if v := t.media.Video; v != nil && !v.FrameRate.IsZero() {
		rates = append([]media.Rational{v.FrameRate}, grids...)
	}
	for _, r := range rates {
		if int64(t.timescale)*int64(r.Den)%int64(r.Num) != 0 && t.snap(r) {
			return
		}
	}
}

// snap does so for one rate.
func (t *table) snap(r media.Rational) bool {
	num, den, scale := int64(r.Num), int64(r.Den), int64(t.timescale)
	if num <= 0 || den <= 0 || num > 1_000_000 || den > 100_000 {
		return false
	}
	step := func(ticks int64) (n int64, ok bool) { // the grid's place of a time
		n = (ticks*num + scale*den/2) / (scale * den)
		off := ticks - n*scale*den/num
		return n, off >= -1 && off <= 1
	}
	var deltas []runLength
	var at, place int64
	for _, run := range t.deltas {
		for range run.n {
			at += run.value
			next, ok := step(at)
			if !ok || next <= place {
				return false
			}
			deltas = appendRun(deltas, (next-place)*den)
			place = next
		}
	}
	comps := make([]runLength, 0, len(t.comps))
	for _, run := range t.comps {
		n, ok := step(run.value)
		if !ok {
			return false
		}
		if l := len(comps); l > 0 && comps[l-1].value == n*den {
			comps[l-1].n += run.n
			continue
		}
		comps = append(comps, runLength{run.n, n * den})
	}
	n, _ := step(t.early - t.dts)
	t.deltas, t.comps = deltas, comps
	t.skip, t.scale = n*den, uint32(num)
	return true
}
