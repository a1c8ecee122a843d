package trial

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/score"
)

func TestTheSimulatorsTrials(t *testing.T) {
	s := Simulator{Build: "1", Workers: 2, Scenarios: scenario.All()[:2]}
	all := s.Trials(3)
	want := 0
	for _, l := range law.All() {
		want += len(l.Transports)
	}
	require.Len(t, all, want*2*3)
	require.Equal(t, "steps: ours over srt, 1", all[0].String())
	require.Equal(t, "steps: ours over srt", all[2].Name())
	all[0].Scenario.Length = 20 * time.Second
	records, err := s.Run(t.Context(), all[0])
	require.NoError(t, err)
	o := NewOutcome(all[0], s.Version(Trial{}), records, true)
	require.Equal(t, []string{"1", "steps", "ours", "srt"}, []string{o.Version, o.Scenario, o.Law, o.Transport})
	require.Positive(t, o.OnTime)
	require.Len(t, o.Series.Target, 80)
	require.Nil(t, NewOutcome(all[0], s.Version(Trial{}), records, false).Series)
}

func TestLinesOfARun(t *testing.T) {
	r := &score.Record{To: time.Second, Base: 20 * time.Millisecond, Usable: []float64{5e6}}
	r.Points = []score.Point{{At: 0, Target: 1}, {At: 240 * time.Millisecond, Target: 2}, {At: 500 * time.Millisecond, Target: 3}}
	r.Frames = []score.Frame{
		{At: 10 * time.Millisecond, Bytes: 1000, Arrived: 60 * time.Millisecond},
		{At: 50 * time.Millisecond, Bytes: 500, Arrived: 200 * time.Millisecond},
		{At: 60 * time.Millisecond, Bytes: 500, Arrived: score.Never},
		{At: 900 * time.Millisecond, Bytes: 500, Arrived: 2 * time.Second},
	}
	require.Equal(t, &Series{
		Step: seriesStep, Usable: []float64{5e6, 5e6, 5e6, 5e6}, Target: []float64{2, 0, 3, 0}, Acked: []float64{48_000, 0, 0, 0},
		Delay: []float64{130, 0, 0, 0}, Arriving: []bool{true, false, false, false},
	}, newSeries(r))
}
