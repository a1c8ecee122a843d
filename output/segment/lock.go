package segment

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// Epoch-locked segments (Config.EpochLocked) make redundant encoders of boxes
// that know no more of each other than the time:
//   - Time is cut into cells of Duration from the Unix epoch. A segment begins
//     with the first picture of a cell and has the cell's number:
//     floor(unix time / Duration). Names have the number and the duration, not
//     the run; a header's name has a hash of what is in it.
//   - Media times are wall-clock times of capture: tfdt is the time since the
//     epoch in ticks. TimeOffset is what the stream's clock is behind that.
//   - The encoder has to make key pictures where cells begin. Where it does not,
//     segments begin with the first key picture of their cell (ConditionGrid), and
//     without one at the cell's end.
//   - Each number is used once. What begins anew within a cell that has a segment
//     (a new track, a restart) waits for the next cell; and it begins in the first
//     half of a cell, so that the stump of a box that was restarted does not take
//     the place of the other box's whole segment.
//   - Cells without a segment are listed as gaps, so that numbers stay aligned.
//   - Nothing is cut before the wall clock is known (ConditionClock): segments of
//     other numbers and times in the same playlist would not be what was asked for.

// chunkBits is room for the chunks of a segment in mfhd sequence numbers, which
// are made of the segment's number, so that they too are the same at every box.
const chunkBits = 8

// cellSlack is how much before a cell a picture may lie to begin it: the same
// that encode.Cadence gives key pictures, and some nanoseconds of rounding. Sound
// alone is cut at the nearest access unit.
func (c *cutter) cellSlack() time.Duration {
	if l := c.lead(); c.leadKind == media.Audio && l.init != nil {
		return l.nominal() / 2
	}
	return 3 * time.Millisecond
}

// cell is the number of the cell a picture lies in.
func (c *cutter) cell(pts time.Duration) uint64 {
	return uint64(max(0, pts+c.offset+c.cellSlack()) / c.cfg.Duration)
}

// into is how far in its cell a picture lies.
func (c *cutter) into(pts time.Duration) time.Duration {
	return (pts + c.offset + c.cellSlack()) % c.cfg.Duration
}

// phase is what is known of a source whose pictures do not begin with a cell.
type phase struct {
	waiting bool
	since   time.Duration // PTS of the first key picture that was not begun with
}

// mayBegin says whether a segment that continues none may begin with p.
func (c *cutter) mayBegin(p media.Packet) bool {
	switch {
	case !c.cfg.EpochLocked:
		return true
	case c.cell(p.PTS) < c.sequence:
		return false
	case c.into(p.PTS) < c.cfg.Duration/2:
	case !c.phase.waiting || p.PTS < c.phase.since:
		c.phase = phase{true, p.PTS}
		return false
	case p.PTS-c.phase.since < c.cfg.Duration*9/10: // that is where this source has its key pictures
		return false
	}
	c.phase.waiting = false
	return true
}

// lastChance says that p is the last picture to begin the next cell's segment.
func (c *cutter) lastChance(pts time.Duration) bool {
	return c.cfg.EpochLocked && c.cell(pts) == c.sequence && c.cell(pts+2*c.lead().nominal()) > c.sequence
}

// lockGrid makes the number of the segment that begins with p that of its cell,
// and returns how many were missed.
func (c *cutter) lockGrid(p media.Packet) (missed uint64) {
	n := c.cell(p.PTS)
	if c.sequence > 0 {
		missed = n - min(n, c.sequence)
	}
	c.sequence = n
	c.grid = time.Duration(n+1)*c.cfg.Duration - c.offset
	return missed
}

// initName is the name of a header's file. c.inits counts it.
func (c *cutter) initName(k media.Kind, data []byte) string {
	if c.cfg.EpochLocked {
		sum := sha256.Sum256(data)
		return fmt.Sprintf("%v_%s_init%x.mp4", k, c.naming, sum[:6])
	}
	return fmt.Sprintf("%v_%s_init%d.mp4", k, c.naming, c.inits)
}

// naming is what stands in file names before the number.
func (s *Segmenter) naming() string {
	if s.cfg.EpochLocked {
		return fmt.Sprintf("e%d", s.cfg.Duration/time.Millisecond)
	}
	return s.run
}

// timeOffset is what media times of this run are more than the stream's clock,
// once that is known.
func (s *Segmenter) timeOffset() (time.Duration, bool) {
	if !s.cfg.EpochLocked {
		return TimeOffset, true
	}
	zero, ok := s.hub.Clock().Wall(0)
	return time.Duration(zero.UnixNano()), ok
}

// anotherGrid is how far numbers may have been ahead of the clock before they are
// taken for those of another duration, or of segments that were not locked.
const anotherGrid = 24 * time.Hour

// lock waits for the wall clock to be known and past the numbers given, packet
// by packet: it says whether p may be cut.
func (s *Segmenter) lock(p media.Packet) bool {
	if s.locked {
		return true
	}
	offset, ok := s.timeOffset()
	if !ok {
		s.reporter.Raise(ConditionClock, "segments locked to the epoch wait for the time of day: let the box reach a time server, set its clock, or switch segment.epoch_locked off")
		return false
	}
	s.cut.offset = offset
	ahead := seconds(float64(s.last+1)*s.cfg.Duration.Seconds() - (p.PTS + offset).Seconds())
	if s.last > 0 && ahead > s.cfg.Duration && ahead < anotherGrid {
		s.reporter.Raise(ConditionClock, fmt.Sprintf(
			"the clock is %v behind the newest segment, number %d: segments go on when it has passed that; check the box's clock", ahead.Round(time.Second), s.last))
		return false
	}
	s.reporter.Clear(ConditionClock)
	s.locked = true
	if s.last > 0 && ahead >= anotherGrid {
		s.renumber()
	}
	s.cut.sequence = 0
	if s.last > 0 {
		s.cut.sequence = s.last + 1
	}
	s.rebase(offset)
	return true
}

// seconds saturates.
func seconds(f float64) time.Duration {
	return time.Duration(min(max(f, -1e9), 1e9) * float64(time.Second))
}

// renumber begins with numbers that are lower than those before.
func (s *Segmenter) renumber() {
	w := *s.Window()
	s.dismiss(&w, len(w.Segments))
	w.Version++
	s.last = 0
	s.index.rewrite(&w, s.last, s.leftAt)
	s.live.publish(&w)
	s.incident(output.Incident{
		Kind: output.Gap, Symptom: output.SymptomDiscontinuity, Blame: output.BlameClock, Subject: "segments",
		Detail: "segments are numbered by another duration from now on: the playlist begins anew with lower numbers",
	})
}

// rebase moves the window to the time line of this run.
func (s *Segmenter) rebase(offset time.Duration) {
	old := s.Window()
	if old.TimeOffset == offset {
		return
	}
	w := *old
	w.TimeOffset = offset
	w.Version++
	move := func(list []*Segment) (out []*Segment) {
		for _, seg := range list {
			out = append(out, seg.moved(offset))
		}
		return out
	}
	w.Segments, w.Expired = move(old.Segments), move(old.Expired)
	s.live.publish(&w)
}

// reportGrid tells of key pictures that do not lie where cells begin.
func (s *Segmenter) reportGrid(seg *Segment) {
	if !s.cfg.EpochLocked || seg.Gap() {
		return
	}
	into := s.cut.into(seg.Start)
	if into < 150*time.Millisecond && seg.Independent {
		s.offGrid = 0
		s.reporter.Clear(ConditionGrid)
	} else if s.offGrid++; s.offGrid == 2 { // one may be late: a picture was left out
		s.reporter.Raise(ConditionGrid, fmt.Sprintf(
			"segments begin %v after multiples of %v: the source's key pictures lie there; another box's may not",
			into.Round(time.Millisecond), s.cfg.Duration))
	}
}
