package segment

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// BenchmarkPassthrough segments a minute of 1080p30 at 8 Mb/s with sound onto
// tmpfs. "%core" is the CPU time, kernel included, of a stream in real time.
func BenchmarkPassthrough(b *testing.B) {
	path, _, err := footage.Bench(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	clip, err := segmenttest.ReadMP4(path)
	if err != nil {
		b.Fatal(err)
	}
	dir := fmt.Sprintf("/dev/shm/segment-bench-%d", os.Getpid())
	s, err := New(Config{Dir: dir}, hub.New(media.NewClock()), &recorder{})
	if err != nil {
		b.Fatal(err)
	}
	s.begin()
	s.cut.report = func(_, m string) { b.Error(m) }
	s.programme(clip.Tracks)
	b.ReportAllocs()
	var streamed time.Duration
	begin := cpu(b)
	for b.Loop() {
		for _, p := range clip.Packets {
			p.PTS += streamed
			p.DTS += streamed
			s.cut.add(p)
		}
		streamed += clip.Duration
	}
	b.ReportMetric(100*(cpu(b)-begin).Seconds()/streamed.Seconds(), "%core")
	// The clip's sound is a frame longer than its picture: one overlaps a round.
	rounds := uint64(streamed / clip.Duration)
	if w := s.Window(); len(w.Segments) < DefaultSegments || s.stats.Lost > 0 || s.stats.Unplaced > rounds {
		b.Errorf("%d segments, %+v", len(w.Segments), s.stats)
	}
	s.cut.finish()
	if err := s.store.clear(); err != nil {
		b.Error(err)
	}
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
