package rate

import (
	"testing"
	"time"
)

// pausing is a link that stands still for a moment every four seconds, as between two
// masts, and is otherwise as fast as ever.
func pausing(rate float64, pause time.Duration) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		if since := t % (4 * time.Second); since < pause && t > 10*time.Second {
			return 0
		}
		return rate
	}
}

func TestControllerSitsOutALinkThatPauses(t *testing.T) {
	for _, c := range []struct {
		pause, budget time.Duration
		share         float64
	}{
		{60 * time.Millisecond, 2 * time.Second, 0.9},
		{90 * time.Millisecond, 2 * time.Second, 0.9},
		{120 * time.Millisecond, 2 * time.Second, 0.9},
		{180 * time.Millisecond, 2 * time.Second, 0.82},
		// A key picture alone takes most of this budget.
		{60 * time.Millisecond, 200 * time.Millisecond, 0.75},
		{90 * time.Millisecond, 200 * time.Millisecond, 0.75},
		{120 * time.Millisecond, 200 * time.Millisecond, 0.75},
	} {
		t.Run(c.pause.String()+" of "+c.budget.String(), func(t *testing.T) {
			m := func() model {
				return model{capacity: pausing(6e6, c.pause), budget: c.budget, length: time.Minute}
			}
			rounds(t, m, func(t *testing.T, seed uint64, r result) {
				low := 0
				for _, target := range r.targets[len(r.targets)/3:] {
					if target < 3e6 {
						low++
					}
				}
				t.Logf("seed %d: share %.3f, %d late, %.1f Mb/min, %d below half", seed, r.share, r.late, r.movement, low)
				most := len(r.targets) / 50
				if c.budget < time.Second {
					most = len(r.targets) / 20
				}
				if r.share < c.share || low > most || r.late > 0 && c.budget > time.Second {
					t.Errorf("seed %d: share %.3f, %d late, %d of %d below half", seed, r.share, r.late, low, len(r.targets))
				}
			})
		})
	}
}
