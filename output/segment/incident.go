package segment

import (
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

func (s *Segmenter) incident(i output.Incident) {
	if s.incidents != nil {
		s.incidents.Report(i)
	}
}

func subject(seg *Segment) string { return fmt.Sprintf("segment %d", seg.Sequence) }

// dropped tells of packets that the segmenter was too slow for: writing took the
// time.
func (s *Segmenter) dropped(n uint64) {
	if n > s.stats.Dropped {
		s.incident(output.Incident{
			Kind: output.Drop, Symptom: output.SymptomQueue, Blame: output.BlameDisk, Subject: "segments",
			Packets: n - s.stats.Dropped, Detail: "writing segments to " + s.cfg.Dir + " is too slow",
		})
	}
	s.stats.Dropped = n
}

// reportLate tells, once a segment, of a chunk that is complete later than half a
// segment after its last sample was captured.
func (s *Segmenter) reportLate(l *lane) {
	sample, cause := l.samples[len(l.samples)-1], s.packet
	now := s.hub.Clock().Now()
	late := now - sample.PTS
	if late <= s.cfg.Duration/2 || l.part.late || cause.At < s.began || s.cut.leftOut(sample.PTS) {
		return
	}
	l.part.late = true
	i := output.Incident{Kind: output.Late, Subject: subject(l.part.seg), Symptom: output.SymptomLate, Duration: late}
	switch limit := s.cfg.Duration / 2; {
	case now-cause.At > limit/2:
		i.Blame, i.Detail = output.BlameDisk, "writing to "+s.cfg.Dir+" took long"
	case sample.At-sample.PTS > limit/2:
		i.Blame, i.Detail = output.BlameEncoder, fmt.Sprintf("the %v came from the encoder %v after its capture", l.kind, (sample.At-sample.PTS).Round(time.Millisecond))
	default:
		i.Blame, i.Detail = output.BlameInput, fmt.Sprintf("the %v after it came late", l.kind)
	}
	s.incident(i)
}

// reportLoss tells what is missing in a segment or before it. A track that has
// nothing is told of once, until it is there again.
func (s *Segmenter) reportLoss(b *building) {
	seg := b.seg
	for _, err := range b.errs {
		i := output.Incident{
			Kind: output.Gap, Symptom: output.SymptomStorage, Blame: output.BlameDisk,
			Subject: subject(seg), Err: err, Segments: 1, Duration: seg.Duration,
		}
		if isTrackError(err) {
			i.Symptom, i.Blame = output.SymptomEncoder, output.BlameEncoder
		}
		s.incident(i)
	}
	if seg.Discontinuity && !s.resumed {
		s.incident(output.Incident{Kind: output.Gap, Symptom: output.SymptomDiscontinuity, Subject: subject(seg)})
	}
	s.resumed = false
	for _, k := range []media.Kind{media.Video, media.Audio} {
		m := seg.Media(k)
		nothing := m != nil && m.Gap && len(b.errs) == 0
		if nothing && !s.missing[k] {
			s.incident(output.Incident{
				Kind: output.Gap, Symptom: output.SymptomInput, Blame: output.BlameInput, Subject: subject(seg),
				Duration: seg.Duration, Detail: fmt.Sprintf("there is no %v from here on", k),
			})
		}
		s.missing[k] = nothing
	}
}
