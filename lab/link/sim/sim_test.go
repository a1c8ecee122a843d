package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/score"
)

const ms = time.Millisecond

// named is a scenario of the bench, of another length.
func named(t *testing.T, name string, length time.Duration) scenario.Scenario {
	t.Helper()
	s, ok := scenario.ByName(name)
	require.True(t, ok, name)
	s.Length = length
	return s
}

// constant is a law that never changes.
func constant(bitrate int) law.Spec {
	return law.Spec{Name: "constant", New: func(rate.Limits) rate.Law { return law.Fixed(bitrate) }}
}

func run(t *testing.T, s scenario.Scenario, l law.Spec, transport string) *score.Record {
	t.Helper()
	all, err := Run(s, l, transport, 1)
	require.NoError(t, err)
	return all[0]
}

func TestEveryScenarioRunsUnderEveryLaw(t *testing.T) {
	for _, s := range scenario.All() {
		s.Length = 15 * time.Second
		for _, transport := range []string{law.SRT, law.RTMP, law.HTTP} {
			for _, l := range law.All() {
				if !l.Over(transport) {
					continue
				}
				all, err := Run(s, l, transport, 1)
				require.NoError(t, err)
				require.Len(t, all, (1+s.Destination)*(1+len(s.Flows)))
				r := all[0]
				require.Len(t, r.Usable, 15)
				pictures := 451 // those at the first and at the last moment with them
				if transport == law.HTTP {
					// Those of the segment that was being made do not count. It is half as long again
					// where the key picture that would have ended it was due while none was coded.
					require.GreaterOrEqual(t, len(r.Frames), pictures-segmentPictures*3/2, "%s, %s over %s", s.Name, l.Name, transport)
					require.LessOrEqual(t, len(r.Frames), pictures, "%s, %s over %s", s.Name, l.Name, transport)
				} else {
					require.Len(t, r.Frames, pictures, "%s, %s over %s", s.Name, l.Name, transport)
				}
				require.InDelta(t, 750, len(r.Points)-int(after/rate.Interval), 2)
				arrived := 0
				for _, f := range r.Frames {
					if f.Arrived != score.Never {
						arrived++
						require.Greater(t, f.Arrived, f.At)
					}
				}
				require.Positive(t, arrived, "%s, %s over %s", s.Name, l.Name, transport)
			}
		}
	}
}

func TestASeedGivesTheSameAgain(t *testing.T) {
	s := named(t, "lte", 20*time.Second)
	ours, _ := law.ByName(law.Ours)
	for _, transport := range []string{law.SRT, law.RTMP} {
		once, again := run(t, s, ours, transport), run(t, s, ours, transport)
		require.Equal(t, once, again)
		other, err := Run(s, ours, transport, 2)
		require.NoError(t, err)
		require.NotEqual(t, once.Frames, other[0].Frames)
	}
}

// On an empty link a picture takes what its packets take, and no longer.
func TestAPicturesDelayIsReckonable(t *testing.T) {
	s := named(t, "rtt-20", 20*time.Second)
	for transport, header := range map[string]int{law.SRT: srtPayload + srtHeader, law.RTMP: segment + tcpHeader} {
		r := run(t, s, constant(2_000_000), transport)
		bytes := 0
		for i, f := range r.Frames[60:] {
			bytes += f.Bytes
			if f.Key || r.Frames[60+i-1].Key || r.Frames[60+i-2].Key { // these wait for others
				continue
			}
			payload := header - srtHeader
			if transport == law.RTMP {
				payload = segment
			}
			packets := (f.Bytes + payload - 1) / payload
			want := time.Duration(float64(f.Bytes+packets*(header-payload)) * 8 / 6e6 * 1e9)
			require.InDelta(t, float64(want), float64(f.Arrived-f.At-r.Base), float64(5*ms), "%s, picture at %v", transport, f.At)
		}
		require.InEpsilon(t, 2e6, float64(bytes)*8/(20-2), .03)
	}
}

func TestBudgetAndUsableAreTheTransports(t *testing.T) {
	s := named(t, "low", 12*time.Second)
	for transport, want := range map[string]struct {
		budget time.Duration
		usable float64
	}{law.SRT: {2 * time.Second, 1.5e6 * 1316 / 1360}, law.RTMP: {2 * time.Second, 1.5e6 * 1448 / 1500}, law.HTTP: {4 * time.Second, 1.5e6 * 1448 / 1500}} {
		r := run(t, s, constant(500_000), transport)
		require.Equal(t, want.budget, r.Budget)
		require.InEpsilon(t, want.usable, r.Usable[5], .01)
		require.Equal(t, transport != law.SRT, r.Patient)
	}
}

func TestTheLogIsOfOurFlowAlone(t *testing.T) {
	s := named(t, "cubic", 40*time.Second)
	r := run(t, s, constant(1_000_000), law.SRT)
	bytes := 0
	for _, f := range r.Frames {
		bytes += f.Bytes
	}
	// Each picture ends in a packet of its own; acknowledgements are acknowledged.
	packets := bytes/srtPayload + len(r.Frames) + int(s.Length/ackEvery)
	require.Greater(t, len(r.Waits), packets/2)
	require.Less(t, len(r.Waits), packets*5/4)
}

func TestSegmentsArePushedWhole(t *testing.T) {
	r := run(t, named(t, "rtt-20", 15*time.Second), constant(1_000_000), law.HTTP)
	at, sizes := time.Duration(-1), map[time.Duration]int{}
	for _, f := range r.Frames {
		require.GreaterOrEqual(t, f.At, at)
		at = f.At
		if f.Arrived != score.Never {
			sizes[f.At]++
		}
	}
	require.GreaterOrEqual(t, len(sizes), 6)
	for _, n := range sizes {
		require.Equal(t, segmentPictures, n)
	}
}

func TestTwoDestinationsHaveOneEncoder(t *testing.T) {
	s := named(t, "two", 20*time.Second)
	for _, name := range []string{law.Ours, "belacoder"} {
		l, _ := law.ByName(name)
		all, err := Run(s, l, law.SRT, 1)
		require.NoError(t, err)
		require.Len(t, all, 2)
		for i, p := range all[0].Points {
			require.Equal(t, p.Target, all[1].Points[i].Target)
		}
		for i, f := range all[0].Frames {
			if g := all[1].Frames[i]; !f.Skipped && !g.Skipped {
				require.Equal(t, f.Bytes, g.Bytes)
			}
		}
	}
}
