package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Once something was given up, acknowledgements stand still before the hole while the
// link carries all that it can: as measured on libsrt, and a trap for laws.
func TestAcknowledgementsStandStillBeforeWhatSRTGaveUp(t *testing.T) {
	w, c := srtWorld(t, named(t, "steps", 80*time.Second), 4_000_000)
	acked, since, longest := uint64(0), time.Duration(0), time.Duration(0)
	for at := 40 * time.Second; at < 80*time.Second; at += 20 * ms {
		w.clock.run(at)
		s := c.sample()
		if n := s.Written - s.Outstanding - s.Dropped; n > acked {
			acked, since = n, at
		}
		longest = max(longest, at-since)
	}
	require.Positive(t, c.dropped)
	require.Greater(t, longest, 500*ms)
}
