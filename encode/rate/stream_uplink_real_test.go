package rate

import (
	"testing"
	"time"
)

// Round trips in milliseconds, each tenth of a second, as two destinations of a daemon had
// them behind emulated links that become too narrow: what of acknowledgements that are
// smoothed, late, or stand still looks like one queue, or two.
func TestObservedRoundTrips(t *testing.T) {
	for _, c := range []struct {
		name string
		trip [2][]int
		want bool
	}{
		{"srt and rtmp over one link", [2][]int{
			{43, 44, 44, 44, 44, 44, 45, 52, 69, 87, 187, 210, 268, 322, 334, 295, 269, 202, 167, 111, 75, 64, 56, 54, 51},
			{53, 55, 54, 53, 54, 54, 54, 70, 119, 176, 241, 303, 345, 363, 341, 288, 255, 202, 158, 99, 64, 57, 53, 52, 52},
		}, true},
		{"srt and srt over one link, both of which hear nothing for a while", [2][]int{
			{45, 45, 59, 76, 99, 127, 161, 161, 161, 161, 361, 361, 361, 361, 365, 365, 365, 365, 365, 365, 365, 375, 341, 220, 158, 96, 69, 59},
			{45, 45, 49, 78, 99, 156, 185, 185, 185, 185, 369, 369, 369, 369, 369, 369, 369, 369, 369, 369, 372, 318, 160, 108, 92, 65, 54, 50},
		}, true},
		{"srt and srt over links of 1.3 and 0.8 Mb/s", [2][]int{
			{42, 42, 51, 82, 121, 120, 109, 90, 78, 64, 57, 52, 51, 49, 50, 49, 48, 51, 51, 51, 59, 88, 122, 135, 159, 201, 209, 190, 174, 160},
			{46, 45, 46, 46, 45, 46, 45, 45, 45, 45, 45, 46, 45, 45, 46, 46, 45, 45, 45, 45, 55, 55, 78, 157, 229, 251, 276, 333, 457, 516},
		}, false},
		{"srt and srt over two links of 0.65 Mb/s", [2][]int{
			{45, 45, 95, 102, 108, 117, 125, 135, 153, 167, 191, 207, 230, 242, 247, 248, 275, 280, 269, 285, 261, 244, 229, 220, 207, 197, 190, 184, 179, 177, 170, 165, 164},
			{45, 45, 51, 55, 57, 56, 56, 57, 54, 54, 60, 68, 80, 91, 107, 122, 135, 152, 188, 214, 243, 275, 302, 328, 348, 353, 350, 343, 339, 334, 335, 330, 325},
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			const tick = 100 * time.Millisecond
			g := newStage(testConfig, 2)
			began := g.state.At
			for {
				at := g.state.At - began
				i, part := int(at/tick), at%tick
				if i+1 >= len(c.trip[0]) {
					break
				}
				for p, trip := range c.trip {
					s := &g.states[p].Sample
					s.RTT = time.Duration(trip[i])*time.Millisecond + part*time.Duration(trip[i+1]-trip[i])/100
					s.Outstanding = 5000
				}
				g.step()
			}
			if got := len(g.last.Paths[0].Shares) > 0; got != c.want {
				t.Errorf("one uplink %v: %+v", got, *g.uplinks.pair(g.paths[0], g.paths[1]))
			}
		})
	}
}
