package finish_test

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/output/record/finish"
)

func TestMemoryDoesNotGrowWithTheRecording(t *testing.T) {
	source, err := footage.StreetMP4(t.Context())
	c := clip(t, source, err)
	b := reel(t, c.Tracks, c.Packets)
	parts := make([]finish.Part, 120) // an hour
	for i := range parts {
		parts[i] = part(fmt.Sprint(i), fmt.Sprint(i), b)
	}
	for _, format := range []finish.Format{finish.MP4, finish.TS} {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		base, peak := m.HeapAlloc, uint64(0)
		plan, err := finish.New(t.Context(), format, parts, finish.Cut{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		err = plan.Write(t.Context(), io.Discard, func(int64) {
			if n++; n%200 == 0 { // what is held, not what waits to be collected
				runtime.GC()
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		held := int64(peak) - int64(base)
		t.Logf("%s of %v and %d MB: %d kB held", format, plan.Duration(), plan.Payload()>>20, held>>10)
		if held > 24<<20 {
			t.Errorf("%s: %d MB are held for %v", format, held>>20, plan.Duration())
		}
	}
}
