package storage

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/box/disk"
)

// cuts is how often power is cut.
func cuts() int {
	if *soak {
		return 20
	}
	return 2
}

// rounding is that of times in playlists.
const rounding = 2 * time.Millisecond

// chunk is what a power cut may cost: the stream's CMAF chunk.
const chunk = time.Second

// before is what the world had seen of the stream when power was cut.
type before struct {
	run      string    // of the segmenter
	sequence uint64    // the newest segment in the live playlist
	end      time.Time // of it
	box      time.Time // the box's clock, at most some 100 ms before the cut
}

// TestPowerCuts cuts the power of box and disk at random moments. Of what the
// disk was sent and not told to flush, a part is lost at random, by units of
// 4 KiB, as from a real disk's cache.
func TestPowerCuts(t *testing.T) {
	d, image := newDisk(t, 256)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	done := shelf{}
	var seen *before
	for i := range cuts() {
		if !t.Run(fmt.Sprintf("cut %d", i+1), func(t *testing.T) {
			dm := boot(t, d)
			dm.survived(seen, done)
			seen = dm.cut(d, dice, i%2 == 0)
		}) {
			t.Fatal("the rounds after it would begin with what it left")
		}
	}
	t.Run("after all", func(t *testing.T) {
		dm := boot(t, d)
		dm.survived(seen, done)
		dm.stop()
		dm.box.Must("umount", mounted)
		if err := dm.box.PowerOff(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	// All of it, not only what the journal of the file system says.
	host(t, "e2fsck", "-f", "-n", image)
}

// boot starts a box with the disk, mounts it and starts the daemon.
func boot(t *testing.T, d *disk.Disk) *daemon {
	t.Helper()
	b := box.Start(t, box.Options{Disks: []box.Disk{{Socket: d.Socket()}}})
	b.LoadModule("virtio_blk")
	b.LoadModule("ext4")
	b.Must("mkdir", mounted)
	b.Must("mount", "-t", "ext4", "/dev/vda", mounted)
	return start(t, b, pattern)
}

// cardSpeed makes the disk as busy as a slow SD card: bytes per second.
const cardSpeed = 400 << 10

// cut lets the stream be recorded for a while, and then takes the power from box
// and disk; amid a write, as soon as there is one.
func (d *daemon) cut(on *disk.Disk, dice *rand.Rand, amid bool) *before {
	d.t.Helper()
	d.awaitRecording()
	list := d.recordings()
	on.Limit(cardSpeed)
	defer on.Limit(0)
	v := watch(d.t, d)
	wait := 3*time.Second + time.Duration(dice.Int64N(int64(12*time.Second)))
	d.await("a segment", func() bool {
		_, some := v.shown()
		return some
	})
	offset := d.clock()
	time.Sleep(wait)
	for amid && on.Unflushed() == 0 {
		time.Sleep(time.Millisecond)
	}
	cut := time.Now()
	d.box.PowerCut()
	risked := 0
	// Sometimes all of it is lost or kept, more often a part.
	keeps := min(1, max(0, dice.Float64()*1.5-0.25))
	lost, err := on.PowerCut(func(int64) bool {
		risked++
		return dice.Float64() < keeps
	})
	if err != nil {
		d.t.Fatal(err)
	}
	v.stop()
	v.wellFormed(d.t)
	s, _ := v.shown()
	d.t.Logf("cut %v after the first segment; %d of %d units that were not flushed are lost; the playlist had shown %d, to %v before the cut",
		wait.Round(time.Millisecond), lost, risked, s.Sequence, cut.Add(offset).Sub(end(s)).Round(time.Millisecond))
	return &before{run: list[len(list)-1].Run, sequence: s.Sequence, end: end(s), box: cut.Add(offset)}
}

// clock is how far the box's clock is ahead of this machine's.
func (d *daemon) clock() time.Duration {
	d.t.Helper()
	var s struct{ Time time.Time }
	d.read("/api/v1/status", &s)
	return time.Until(s.Time)
}

// survived fails the test if what there was before the power cut, if any, is not
// there now, but for a chunk, or if the stream does not go on.
func (d *daemon) survived(was *before, done shelf) {
	d.t.Helper()
	begin := time.Now()
	d.awaitRecording()
	uris := d.playlists("")
	d.t.Logf("%d playlists parse, and recording goes on, %v after the page answered", len(uris), time.Since(begin).Round(time.Millisecond))
	if log := d.box.Must("dmesg"); strings.Contains(log, "EXT4-fs error") || strings.Contains(log, "EXT4-fs warning") {
		d.t.Errorf("the file system suffered:\n%s", log)
	}
	done.check(d)
	if was == nil {
		return
	}
	list := d.recordings()
	var last, next *recording
	for i := range list {
		r := &list[i]
		switch {
		case r.Run == was.run:
			d.follows(last, r)
			last = r
		case last != nil && next == nil:
			next = r
		}
	}
	if last == nil || next == nil {
		d.t.Fatalf("recordings before and after the cut at sequence %d: %+v", was.sequence, list)
	}
	d.t.Logf("%s ends %v after what the live playlist had shown, %v before the cut", last.Name,
		last.End.Sub(was.end).Round(time.Millisecond), was.box.Sub(last.End).Round(time.Millisecond))
	if lost := was.end.Sub(last.End); lost > chunk+rounding {
		d.t.Errorf("%v of what was shown is lost, more than a chunk: %+v", lost, last)
	}
	if next.First <= max(last.Last, was.sequence) {
		d.t.Errorf("the stream goes on as %+v after %+v", next, last)
	}
	d.timeShifted(was, last, next)
}

// follows fails the test if a recording of a run does not begin where the
// one before it ends.
func (d *daemon) follows(a, b *recording) {
	d.t.Helper()
	if a != nil && (b.First != a.Last+1 || b.Begin.Sub(a.End).Abs() > rounding) {
		d.t.Errorf("a hole from %+v to %+v", a, b)
	}
}

// timeShifted fails the test if the time around the cut cannot be played, or the
// cut is not the one gap in it.
func (d *daemon) timeShifted(was *before, last, next *recording) {
	d.t.Helper()
	from, to := last.Begin.Add(rounding), next.Begin.Add(2*time.Second)
	d.await("two seconds after the cut", func() bool {
		var list struct{ To time.Time }
		d.read("/hls/main/gaps.json"+span(from, to.Add(time.Minute)), &list)
		return !list.To.Before(to)
	})
	d.playlists(span(from, to))
	gaps := d.gaps(from, to)
	if len(gaps) != 1 || gaps[0].From.Sub(last.End).Abs() > 10*time.Millisecond || gaps[0].To.Sub(next.Begin).Abs() > 10*time.Millisecond {
		d.t.Errorf("gaps %+v, want one from %v to %v", gaps, last.End, next.Begin)
	}
	d.t.Logf("gaps: %+v", gaps)
	log := host(d.t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-xerror",
		"-i", d.url+"/hls/main/index.m3u8"+span(from, last.End), "-map", "0:v", "-map", "0:a", "-f", "null", "-")
	if strings.TrimSpace(log) != "" {
		d.t.Errorf("what is held does not play: %s", log)
	}
}
