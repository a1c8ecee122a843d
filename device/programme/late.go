package programme

import (
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

// ConditionSoundLate (a warning): the processor has no time for all of the sound.
const ConditionSoundLate = "encoder.sound_late"

// lateFor is how long the warning stands behind the last sound that was left out.
const lateFor = 30 * time.Second

// lateness tells of sound that was left out for want of processor time.
type lateness struct {
	leftOut func() time.Duration // of this run
	report  *status.StreamReporter

	told time.Duration
	at   time.Time
}

// tick is called once a second.
func (l *lateness) tick(now time.Time) {
	if n := l.leftOut(); n > l.told {
		l.told, l.at = n, now
		l.report.Raise(status.Condition{
			Code: ConditionSoundLate, Severity: status.Warning,
			Message: fmt.Sprintf("the processor has no time to encode all of the sound, %.0f s were left out so far: choose a smaller picture or frame rate, "+
				"or set audio.mode to \"silence\" where no sound is needed", n.Seconds()),
		})
	} else if !l.at.IsZero() && now.Sub(l.at) >= lateFor {
		l.end()
	}
}

// end takes the warning back.
func (l *lateness) end() {
	l.at = time.Time{}
	l.report.Clear(ConditionSoundLate)
}
