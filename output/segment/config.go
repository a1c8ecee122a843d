package segment

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Defaults of Config.
const (
	DefaultDuration = 2 * time.Second
	DefaultSegments = 6
	// DefaultChunk halves the memory that a segment of the default duration
	// holds before it is written, for one more write a segment; more chunks buy
	// no more until players ask for parts.
	DefaultChunk = time.Second
)

// Config of a Segmenter. Zero fields take the defaults.
type Config struct {
	// Dir is the stream's own folder, on tmpfs: only files the segmenter named
	// are ever deleted in it, and the folder when nothing else is in it.
	Dir string
	// Duration is the target duration of a segment.
	Duration time.Duration
	// Segments is how many are listed in the playlists, at least; more are where
	// they are needed to list three times the target duration.
	Segments int
	// Window lists as many more segments as fill this time.
	Window time.Duration
	// Grace is how long a segment stays on disk after it left the playlists.
	// Default: the playlists' duration and one segment, which RFC 8216bis §6.2.2
	// asks for. Storage that fails cuts it short.
	Grace time.Duration
	// Chunk is the duration of a CMAF chunk; at most Duration.
	Chunk time.Duration
	// ProducerTime adds a prft to every chunk while wall-clock time is known.
	ProducerTime bool
	// EpochLocked cuts at multiples of Duration from the Unix epoch and numbers
	// segments by them; see lock.go for what that means.
	EpochLocked bool
	// After is a number that segments' numbers begin above: that of the newest
	// segment kept elsewhere.
	After uint64
	// Live is where windows are published; nil for the Segmenter alone.
	Live *Live
}

// ErrRestart says that a change needs a new Segmenter.
var ErrRestart = errors.New("segment: change needs a restart")

func (c Config) withDefaults() Config {
	if c.Duration == 0 {
		c.Duration = DefaultDuration
	}
	if c.Segments == 0 {
		c.Segments = DefaultSegments
	}
	if c.Chunk == 0 {
		c.Chunk = DefaultChunk
	}
	c.Chunk = min(c.Chunk, c.Duration)
	return c
}

// check names what is wrong with a configuration that has its defaults.
func (c Config) check() error {
	switch {
	case c.Dir == "":
		return errors.New("segment: no folder given")
	case c.Duration < 500*time.Millisecond || c.Duration > time.Minute:
		return fmt.Errorf("segment: duration %v is not between 0.5 s and 60 s", c.Duration)
	case c.Segments < 1 || c.Segments > 100_000:
		return fmt.Errorf("segment: %d segments in the playlist are not between 1 and 100000", c.Segments)
	case c.Window < 0 || c.Grace < 0 || c.Chunk < 0:
		return errors.New("segment: a time is negative")
	case c.EpochLocked && c.Duration%time.Millisecond != 0:
		return fmt.Errorf("segment: duration %v is not of whole milliseconds, as epoch-locked segments need", c.Duration)
	}
	return nil
}

// limits bound the segments of a run.
type limits struct {
	// target is EXT-X-TARGETDURATION: no segment's duration rounds to more.
	target time.Duration
	// forced is the duration at which a segment ends without a key picture.
	forced time.Duration
}

// limits are chosen by the programme a run begins with, and stay: players are
// promised a constant target duration. Most of them join three target durations
// behind live, so it is no longer than it has to be: where cuts are ours to
// choose, segments are one picture longer than Duration at most, and pictures
// left out may add what the rounding of EXTINF allows. A source that makes key
// pictures when it likes gets half of Duration more.
func (c Config) limits(cutsAreOurs bool) limits {
	l := limits{target: wholeSeconds(c.Duration), forced: c.Duration * 3 / 2}
	if !cutsAreOurs {
		l.target = wholeSeconds(l.forced)
	}
	l.forced = min(l.forced, l.target+400*time.Millisecond)
	return l
}

// longest is what the pictures of a segment must stay below so that neither
// they nor their sound, which ends up to an access unit later, round to more
// than the target duration.
func (l limits) longest() time.Duration { return l.target + 450*time.Millisecond }

func wholeSeconds(d time.Duration) time.Duration {
	return time.Duration(math.Ceil(d.Seconds())) * time.Second
}

// earliest is the duration from which on a key picture ends a segment of a
// source that makes them when it likes.
func (c Config) earliest() time.Duration { return c.Duration * 4 / 5 }

// slack is how much before its time a key picture of our encoder ends a
// segment, for capture times that jitter. One that a joining viewer asked for
// must not shift the cuts.
func (c Config) slack() time.Duration { return min(100*time.Millisecond, c.Duration/10) }

// Codes of the conditions a Segmenter reports.
const (
	// ConditionForcedCut (a warning): segments begin without a key picture.
	ConditionForcedCut = "segment.forced_cut"
	// ConditionStorage (an error): segments are lost because they cannot be stored.
	ConditionStorage = "segment.storage"
	// ConditionTrack (an error): a track cannot be written to segments.
	ConditionTrack = "segment.track"
	// ConditionClock (an error): epoch-locked segments wait for the clock.
	ConditionClock = "segment.clock"
	// ConditionGrid (a warning): key pictures do not lie where epoch-locked
	// segments begin.
	ConditionGrid = "segment.grid"
)

// Reporter is told about conditions and counters, on the goroutine of Run. It
// must not block. One that is an output.Incidents too is told of every segment
// that is late or lost, of losses within, and of restarts.
type Reporter interface {
	// Raise says that a condition holds. Called again, it replaces the message.
	Raise(code, message string)
	// Clear says that it does not hold any more; also of one that did not hold.
	Clear(code string)
	// Stats is called after every segment.
	Stats(Stats)
}

// Stats are the counters of a run and the state of its window.
type Stats struct {
	Segments        int
	FirstSequence   uint64
	LastSequence    uint64
	LastDuration    time.Duration
	TargetDuration  time.Duration // as configured
	WindowBytes     int64
	WindowDuration  time.Duration
	Dropped         uint64 // packets lost before the segmenter, for slowness
	Unplaced        uint64 // packets that fit into no segment: late, out of order, before a key picture
	Lost            uint64 // segments that could not be stored
	ForcedCuts      uint64
	Discontinuities uint64
}

// clock maps stream times to wall-clock time. *media.Clock is one.
type clock interface {
	Wall(time.Duration) (time.Time, bool)
}

var _ clock = (*media.Clock)(nil)
