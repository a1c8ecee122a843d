package realtime

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/trace"
	"github.com/encoderbox/encoderbox/lab/link/trial"
)

// Every transport carries every picture over a link with room to spare, and the record
// says so.
func TestPicturesArriveOverRealTransports(t *testing.T) {
	b := NewBench(Bench{Ladder: ladder(t), Dir: t.TempDir(), Samples: t.TempDir(), Log: io.Discard})
	s, ok := scenario.ByName("rtt-20")
	require.True(t, ok)
	s.Length, s.Warm, s.Queue = 6*time.Second, 2*time.Second, 1<<20
	s.Trace = func(uint64) (*trace.Trace, error) { return trace.Constant(30e6), nil }
	s.Limits.Max = 2_000_000
	s.Limits.Start = 1_000_000
	for _, c := range []struct{ law, transport string }{{law.Ours, law.SRT}, {"obs", law.RTMP}, {law.Ours, law.HTTP}} {
		t.Run(c.transport, func(t *testing.T) {
			t.Parallel()
			spec, ok := law.ByName(c.law)
			require.True(t, ok)
			o, err := b.once(t.Context(), trial.Trial{Scenario: s, Law: spec, Transport: c.transport, Seed: 1})
			require.NoError(t, err)
			r := o.record
			require.InDelta(t, 6*perSecond, len(r.Frames), perSecond)
			require.NotEmpty(t, r.Points)
			require.NotEmpty(t, r.Waits)
			missing := 0
			for _, f := range r.Frames[:len(r.Frames)-3*perSecond] { // the last segment is not closed
				if f.Arrived == score.Never && !f.Skipped {
					missing++
				}
			}
			require.Zero(t, missing)
			require.Greater(t, score.Judge(r).PSNR, 25.)
		})
	}
}
