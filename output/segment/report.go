package segment

import (
	"errors"
	"fmt"
)

// wellAgain is how many good segments in a row end the forced-cut condition. A
// source with too few key pictures has good segments now and then.
const wellAgain = 3

func (s *Segmenter) reportCut(b *building) {
	switch {
	case b.forced:
		s.good = 0
		s.reporter.Raise(ConditionForcedCut, fmt.Sprintf(
			"no key picture for %.1f s, so a segment was cut without one: set the source's key frame interval to %v or less, or raise segment.duration",
			b.seg.Duration.Seconds(), s.cfg.Duration))
	case b.seg.Independent:
		if s.good++; s.good == wellAgain {
			s.reporter.Clear(ConditionForcedCut)
		}
	}
}

func isTrackError(err error) bool {
	var t trackError
	return errors.As(err, &t)
}

// reportErrors tells of a segment's parts that could not be written, or that
// all is well again.
func (s *Segmenter) reportErrors(seg *Segment, errs []error) {
	var storage, track error
	for _, err := range errs {
		if isTrackError(err) {
			track = err
		} else {
			storage = err
		}
	}
	if len(errs) > 0 {
		s.stats.Lost++
	}
	if storage != nil {
		s.raiseStorage(storage)
		s.keep = min(s.keep, len(s.Window().Expired)) / 2 // what no playlist lists goes first
	} else if s.index.broken != nil {
		s.raiseStorage(s.index.broken)
	} else {
		s.reporter.Clear(ConditionStorage)
	}
	if track != nil {
		s.reporter.Raise(ConditionTrack, fmt.Sprintf("segment %d is lost: %v", seg.Sequence, track))
	} else if seg.Video == nil || !seg.Video.Gap {
		s.reporter.Clear(ConditionTrack)
	}
}

func (s *Segmenter) raiseStorage(err error) {
	s.reporter.Raise(ConditionStorage, fmt.Sprintf(
		"segments cannot be stored in %s: %v; free space there, list fewer segments or give it another folder (the stream goes on, the next segment is tried again)",
		s.cfg.Dir, err))
}
