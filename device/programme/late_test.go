package programme

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/status"
)

func TestSoundLeftOutIsToldForAWhile(t *testing.T) {
	store := status.NewStore("")
	var leftOut time.Duration
	l := &lateness{leftOut: func() time.Duration { return leftOut }, report: store.Stream("main")}
	codes := func() (list []string) {
		for _, c := range store.Load().Streams[0].Conditions {
			list = append(list, c.Code+": "+c.Message)
		}
		return list
	}
	store.Stream("main").SetMedia(nil, nil)
	now := time.Unix(1000, 0)
	l.tick(now)
	require.Empty(t, codes())
	leftOut = 3 * time.Second
	l.tick(now)
	require.Len(t, codes(), 1)
	require.Contains(t, codes()[0], ConditionSoundLate+": the processor has no time to encode all of the sound, 3 s were left out")
	leftOut = 4 * time.Second
	l.tick(now.Add(lateFor - time.Second))
	require.Contains(t, codes()[0], "4 s were")
	l.tick(now.Add(2*lateFor - 2*time.Second))
	require.Len(t, codes(), 1, "not as long behind the last loss yet")
	l.tick(now.Add(2*lateFor - time.Second))
	require.Empty(t, codes())
	leftOut = 5 * time.Second
	l.tick(now)
	l.end()
	require.Empty(t, codes())
}
