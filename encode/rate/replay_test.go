package rate

import (
	"encoding/csv"
	"os"
	"strconv"
	"testing"
	"time"
)

// testdata/starved.csv is what SRT told with a latency of 200 ms, over the loopback, on a
// box with far more to do than it can: in the end nothing ran for a tenth of a second.
func TestControllerStaysWhereABoxWasStarved(t *testing.T) {
	f, err := os.Open("testdata/starved.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	c := New(Limits{Min: 16_000, Start: 1_500_000, Max: 1_843_800})
	for _, row := range rows[1:] {
		var v [3]uint64
		for i := range v {
			if v[i], err = strconv.ParseUint(row[i], 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		a := c.Step(Sample{
			At: time.Duration(v[0]) * time.Millisecond, Written: v[1], Outstanding: v[2],
			RTT: 200 * time.Microsecond, MinRTT: 6 * time.Microsecond, Budget: 200 * time.Millisecond,
		})
		if a.Target < 700_000 || a.Pace < 1_000_000 {
			t.Fatalf("at %d ms: %+v", v[0], a)
		}
	}
}
