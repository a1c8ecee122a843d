package flight

import (
	"github.com/encoderbox/encoderbox/output"
)

// startIncident is that the daemon has come up again: what was on the air has
// a hole. clean is how the run before ended, nil where it did not end in order.
func startIncident(clean *stopped, boot string) output.Incident {
	i := output.Incident{Subject: "box", Kind: output.Restart, Symptom: output.SymptomStart}
	switch {
	case clean == nil:
		i.Detail = "started again after an end without warning: power was cut, or the daemon was killed or crashed"
	case clean.Boot == boot:
		i.Detail = "the daemon was stopped and started again"
	default:
		i.Detail = "the box was switched off, or restarted, and has come up"
	}
	return i
}
