package real

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLadderHasTheSameGOPsOnEveryRung(t *testing.T) {
	dir, err := MakeLadder(t.Context())
	require.NoError(t, err)
	l, err := OpenLadder(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	require.Len(t, l.Rungs, len(rungs))
	for i, r := range l.Rungs {
		require.Len(t, r.Pictures, perSecond*seconds)
		bytes := 0
		for i, p := range r.Pictures {
			require.Equal(t, i%gop == 0, p.Key)
			require.Len(t, l.Data(p), p.Size)
			bytes += p.Size
		}
		require.InEpsilon(t, rungs[i], bytes*8/seconds, 0.25)
		require.Equal(t, bytes*8/seconds, r.Bitrate)
	}
	track, err := l.Track()
	require.NoError(t, err)
	require.Equal(t, width, track.Video.Width)
}
