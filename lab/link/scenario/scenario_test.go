package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

func TestEveryScenarioIsALink(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		require.False(t, seen[s.Name], s.Name)
		seen[s.Name] = true
		c, err := s.Link(1)
		require.NoError(t, err)
		_, err = bottleneck.New(c)
		require.NoError(t, err, s.Name)
		require.NotEmpty(t, s.Title)
		require.Zero(t, s.Length%time.Second)
		require.Less(t, s.Warm, s.Length)
		require.LessOrEqual(t, s.Limits.Min, s.Limits.Start)
		require.LessOrEqual(t, s.Limits.Start, s.Limits.Max)
		got, ok := ByName(s.Name)
		require.True(t, ok)
		require.Equal(t, s.Title, got.Title)
	}
	for _, name := range []string{
		"steps", "rfc8867-5.1", "rfc8867-5.2", "rfc8867-5.3", "rfc8867-5.4", "outage-3s", "outage-20s", "loss-1", "loss-2", "loss-5",
		"rtt-20", "rtt-100", "rtt-250", "jitter", "cubic", "bbr", "two", "lte", "5g",
	} {
		require.True(t, seen[name], name)
	}
	_, ok := ByName("none")
	require.False(t, ok)
}

func TestWhatIsUsable(t *testing.T) {
	usable := func(name string) []float64 {
		s, ok := ByName(name)
		require.True(t, ok)
		tr, err := s.Trace(1)
		require.NoError(t, err)
		all := s.Usable(tr, .9)
		require.Len(t, all, int(s.Length/time.Second))
		return all
	}
	steps := usable("steps")
	require.InDelta(t, 5.4e6, steps[39], 12000)
	require.InDelta(t, 1.8e6, steps[40], 12000)
	require.InDelta(t, 5.4e6, steps[80], 12000)
	out := usable("outage-3s")
	require.Equal(t, []float64{0, 0, 0}, out[40:43])
	require.InDelta(t, 5.4e6, out[39], 12000)
	require.InDelta(t, 5.4e6, out[43], 12000)
	require.InDelta(t, 8e6, usable("high")[5], 0, "no more than the highest bit rate")
	cubic := usable("cubic")
	require.InDelta(t, 7.2e6, cubic[29], 12000)
	require.InDelta(t, 3.6e6, cubic[30], 12000, "half with another")
	require.InDelta(t, 7.2e6, cubic[60], 12000)
	three := usable("rfc8867-5.4")
	require.InDelta(t, 14e6*.9/3, three[50], 12000)
}

func TestARecordedTraceIsAScenario(t *testing.T) {
	tr, err := trace.LTE().Generate(5, 400*time.Second)
	require.NoError(t, err)
	s, err := Recorded("train", tr, 4e6)
	require.NoError(t, err)
	require.Equal(t, 300*time.Second, s.Length)
	c, err := s.Link(1)
	require.NoError(t, err)
	require.InEpsilon(t, 4e6, c.Trace.Bitrate(), .01)
	_, err = bottleneck.New(c)
	require.NoError(t, err)
	short, err := Recorded("short", trace.Constant(5e6), 0)
	require.NoError(t, err)
	require.Equal(t, 60*time.Second, short.Length, "it is run through more than once")
}
