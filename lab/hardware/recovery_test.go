package hardware

import (
	"flag"
	"testing"
)

// Without arguments each fault is suffered once, and nothing is written. The
// table in the documentation is made by
//
//	go test -count=1 -timeout 60m -run TestRecovery ./lab/hardware -args -rounds 3 -docs ../../docs/hardware.md
var (
	recoveryDocs   = flag.String("docs", "", "a document: the table of recovery times in it is replaced")
	recoveryRounds = flag.Int("rounds", 1, "how often each fault is suffered")
)

// TestRecovery has the whole daemon go through every fault of the capture
// device and of the encoder that the virtual hardware can play, in mid-stream:
// no destination reconnects, HLS stays one stream, and all that was received
// decodes.
func TestRecovery(t *testing.T) {
	t.Parallel()
	table := &recoveries{}
	t.Run("faults", func(t *testing.T) {
		for _, g := range []struct {
			name   string
			suffer func(*testing.T, *recoveries)
		}{
			{"HDMI", sufferHDMI},
			{"camera", sufferCamera},
			{"hangs", func(t *testing.T, r *recoveries) { sufferEncoder(t, r, hangs()) }},
			{"failures", func(t *testing.T, r *recoveries) { sufferEncoder(t, r, failures()) }},
			{"habits", func(t *testing.T, r *recoveries) { sufferEncoder(t, r, habits()) }},
		} {
			t.Run(g.name, func(t *testing.T) {
				if *recoveryDocs == "" {
					t.Parallel() // who measures wants the machine for himself
				}
				g.suffer(t, table)
			})
		}
	})
	t.Logf("\n%s", table.markdown())
	if *recoveryDocs != "" && !t.Failed() {
		if err := table.write(*recoveryDocs); err != nil {
			t.Error(err)
		}
	}
}
