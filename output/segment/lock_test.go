package segment

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// noon is a multiple of all durations here since the epoch.
var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// cells is the number of the cell of 2 s that begins at noon.
var cells = uint64(noon.Unix() / 2)

// box is a process that segments a signal which any number of boxes see: pictures
// at the same moments, of the same bytes.
type box struct {
	*process
	t     *testing.T
	zero  time.Time // of its clock
	video *media.Track
	v     *viewer
	seen  map[uint64]string // listed segments
	files map[string][]byte
}

func newBox(t *testing.T, cfg Config, dir string) *box {
	t.Helper()
	cfg.Dir, cfg.EpochLocked = dir, true
	b := &box{
		process: newProcess(t, cfg, folder(dir)), t: t, zero: time.Now(), video: segmenttest.Video(),
		v: newViewer(t), seen: map[uint64]string{}, files: map[string][]byte{},
	}
	b.begin()
	b.programme([]*media.Track{b.video})
	return b
}

// show sends the signal's pictures from one moment to another after noon, key
// pictures at every multiple of gop and shift after it.
func (b *box) show(from, to, gop, shift time.Duration) {
	b.t.Helper()
	for at := from; at < to; at += frame {
		p := segmenttest.Picture(b.video, noon.Add(at).Sub(b.zero), (at-shift)%gop == 0, 100)
		time.Sleep(p.DTS - b.now())
		p.At = b.now()
		b.add(p)
		b.look()
	}
}

func (b *box) look() {
	b.t.Helper()
	w := b.Window()
	b.v.see(w)
	for _, s := range w.Segments {
		if b.seen[s.Sequence] != "" {
			continue
		}
		start := noon.Sub(b.zero)
		d := fmt.Sprintf("%d:%v+%v", int64(s.Sequence-cells), s.Start-start, s.Duration)
		if !s.Independent {
			d += "!"
		}
		if s.Discontinuity {
			d = "|" + d
		}
		if s.Gap() {
			d += "x"
		} else {
			data, err := readAll(s.Video)
			if err != nil {
				b.t.Fatal(err)
			}
			b.files[s.Video.Name] = data
		}
		b.seen[s.Sequence] = d
	}
}

func (b *box) expect(want string) {
	b.t.Helper()
	var got []string
	for _, s := range b.Window().Segments {
		got = append(got, b.seen[s.Sequence])
	}
	if s := strings.Join(got, " "); s != want {
		b.t.Errorf("cells %s\nwant  %s", s, want)
	}
}

func atNoon(t *testing.T, before time.Duration, test func(t *testing.T, dir string)) {
	t.Helper()
	dir := t.TempDir() + "/live"
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon.Add(-before)))
		test(t, dir)
	})
}

func TestTwoBoxesOnOneSignalMakeTheSameFiles(t *testing.T) {
	var boxes []*box
	for _, began := range []time.Duration{7*time.Second + 123456789, 3*time.Second + 1} {
		atNoon(t, began, func(t *testing.T, dir string) {
			b := newBox(t, Config{Segments: 10}, dir)
			b.show(-began.Truncate(frame)+frame, 9*time.Second, 2*time.Second, 0)
			boxes = append(boxes, b)
		})
	}
	one, two := boxes[0], boxes[1]
	if len(two.files) < 5 {
		t.Fatalf("%d files", len(two.files))
	}
	for name, data := range two.files {
		if !strings.HasPrefix(name, "video_e2000_") || !bytes.Equal(one.files[name], data) {
			t.Errorf("%s is of %d bytes at one box, of %d at the other", name, len(one.files[name]), len(data))
		}
	}
	a, b := one.Window(), two.Window()
	if a.Video.Name != b.Video.Name || !strings.HasPrefix(a.Video.Name, "video_e2000_init") || a.Run == b.Run {
		t.Errorf("headers %s and %s, runs %s and %s", a.Video.Name, b.Video.Name, a.Run, b.Run)
	}
	ps, err := fmp4.ReadChunk(nil, two.video, two.files[fmt.Sprintf("video_e2000_%d.m4s", cells)], 0)
	if err != nil || ps[0].DTS != time.Duration(noon.UnixNano()) {
		t.Errorf("noon's picture is at %v of the epoch (%v)", ps[0].DTS, err)
	}
	if seg := b.Segments[1]; seg.Start+b.TimeOffset != time.Duration(seg.Sequence)*2*time.Second || !seg.Video.Wall.Equal(noon) {
		t.Errorf("segment %d begins at %v of its clock, %v", seg.Sequence, seg.Start, seg.Video.Wall)
	}
}

func TestCellsOfTheGrid(t *testing.T) {
	const s = time.Second
	cases := []struct {
		name string
		run  func(*box)
		want string
	}{
		{"a start within the first half of a cell", func(b *box) {
			b.show(400*time.Millisecond, 5*s, s, 400*time.Millisecond)
		}, "0:400ms+2s 1:2.4s+2s"},
		{"a start within the second half waits", func(b *box) {
			b.show(1200*time.Millisecond, 7*s, 400*time.Millisecond, 0)
		}, "1:2s+2s 2:4s+2s"},
		{"keys that always lie in the second half are taken", func(b *box) {
			b.show(0, 10*s, 2*s, 1400*time.Millisecond)
		}, "1:3.4s+2s 2:5.4s+2s 3:7.4s+2s"},
		{"keys asked for by viewers change nothing", func(b *box) {
			b.show(0, 7*s, 40*time.Millisecond, 0)
		}, "0:0s+2s 1:2s+2s 2:4s+2s"},
		{"no key for three cells: cut without", func(b *box) {
			b.show(0, 17*s, 60*s, 0)
		}, "0:0s+2.4s 1:2.4s+2.4s! 2:4.8s+2.4s! 3:7.2s+2.4s! 4:9.6s+2.32s! 5:11.92s+2s! 6:13.92s+2s!"},
		{"a new track waits for the next cell", func(b *box) {
			b.show(0, 4600*time.Millisecond, 200*time.Millisecond, 0)
			b.video = segmenttest.Video()
			b.video.Video.Color.Matrix = 1
			b.show(4600*time.Millisecond, 9*s, 200*time.Millisecond, 0)
		}, "0:0s+2s 1:2s+2s 2:4s+600ms |3:6s+2s"},
		{"missed cells are gaps", func(b *box) {
			b.show(0, 5*s, 200*time.Millisecond, 0)
			b.show(11*s, 15*s, 200*time.Millisecond, 0)
		}, "0:0s+2s 1:2s+2s 2:4s+1s 3:6s+2sx 4:8s+2sx 5:10s+2sx |6:12s+2s"},
		{"too many missed cells", func(b *box) {
			b.show(0, 5*s, 200*time.Millisecond, 0)
			b.show(100*s, 103*s, 200*time.Millisecond, 0)
		}, "|50:1m40s+2s"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			atNoon(t, time.Second, func(t *testing.T, dir string) {
				b := newBox(t, Config{Segments: 10}, dir)
				b.t = t
				c.run(b)
				b.expect(c.want)
			})
		})
	}
}

func TestRestartKeepsToTheGrid(t *testing.T) {
	atNoon(t, time.Second, func(t *testing.T, dir string) {
		const s = time.Second
		b := newBox(t, Config{Segments: 10}, dir)
		b.show(0, 4400*time.Millisecond, 200*time.Millisecond, 0)
		b.cut.finish()
		again := newBox(t, Config{Segments: 10}, dir)
		again.show(4600*time.Millisecond, 9*s, 200*time.Millisecond, 0)
		again.expect("0:0s+2s 1:2s+2s 2:4s+400ms |3:6s+2s")
		again.cut.finish()
		again = newBox(t, Config{Segments: 10}, dir)
		again.show(13*s, 17*s, 200*time.Millisecond, 0)
		again.expect("0:0s+2s 1:2s+2s 2:4s+400ms |3:6s+2s 4:8s+1s 5:10s+2sx 6:12s+2sx |7:14s+2s")
		again.cut.finish()
		// Another duration is another grid, with lower numbers.
		again = newBox(t, Config{Segments: 10, Duration: 4 * s}, dir)
		again.show(20*s, 26*s, 4*s, 0)
		if w := again.Window(); len(w.Segments) != 1 || w.Segments[0].Sequence != uint64(noon.Unix()/4+5) || !w.Segments[0].Discontinuity {
			t.Errorf("on another grid: %s", listing(w))
		}
		if told := again.rep.told; told[len(told)-1].Blame != output.BlameClock {
			t.Errorf("incidents %+v", told)
		}
	})
}

func TestLockedSegmentsWaitForTheClock(t *testing.T) {
	dir := t.TempDir() + "/live"
	synctest.Test(t, func(t *testing.T) { // begins in 2000: not set
		b := newBox(t, Config{}, dir)
		feed := func(d time.Duration) {
			for _, p := range pictures(b.video, b.now(), int(d/frame), every(50)) {
				time.Sleep(p.DTS - b.now())
				b.add(p)
			}
		}
		feed(5 * time.Second)
		if msg := b.rep.message(ConditionClock); !strings.Contains(msg, "time server") || len(b.Window().Segments)+len(b.Window().Open) > 0 {
			t.Errorf("condition %q, window %+v", msg, b.Window())
		}
		time.Sleep(time.Until(noon))
		feed(5 * time.Second)
		if w := b.Window(); b.rep.message(ConditionClock) != "" || len(w.Segments) != 2 || w.Segments[0].Sequence != cells {
			t.Errorf("condition %q, segments %s", b.rep.message(ConditionClock), listing(w))
		}
	})
}

func TestWindowMovesToTheEpochsTimeLineOnceTheClockIsKnown(t *testing.T) {
	dir := t.TempDir() + "/live"
	synctest.Test(t, func(t *testing.T) { // begins in 2000: not set
		live := NewLive()
		newProcess(t, Config{Dir: dir, Live: live}, folder(dir)).live(newViewer(t), 6*time.Second, func(*Window) {})
		b := newBox(t, Config{Live: live}, dir)
		b.v.see(b.Window())
		if w := b.Window(); w.TimeOffset != TimeOffset || len(w.Segments) != 3 {
			t.Errorf("before: offset %v, %s", w.TimeOffset, listing(w))
		}
		before := b.Window()
		time.Sleep(time.Until(noon))
		p := segmenttest.Picture(b.video, b.now(), true, 100)
		b.add(p)
		b.v.see(b.Window()) // compares the files' times with the window's
		w := b.Window()
		if w.TimeOffset != time.Duration(b.zero.UnixNano()) || len(w.Segments) != 3 || w.Version <= before.Version || w.Segments[2].TimeOffset != w.TimeOffset {
			t.Errorf("after: offset %v, %s", w.TimeOffset, listing(w))
		}
		if before.Segments[2].TimeOffset != TimeOffset {
			t.Error("a published window was changed")
		}
		live.Retract()
		select {
		case <-w.Next():
		default:
			t.Error("nobody was told that all is gone")
		}
		if w := live.Window(); len(w.Segments)+len(w.Expired)+len(w.Open) > 0 {
			t.Errorf("retracted: %+v", w)
		}
	})
}

func TestClockThatFellBehindTheNumbers(t *testing.T) {
	atNoon(t, time.Second, func(t *testing.T, dir string) {
		b := newBox(t, Config{After: cells + 4}, dir)
		b.show(0, 4*time.Second, 2*time.Second, 0)
		if msg := b.rep.message(ConditionClock); !strings.Contains(msg, "behind") {
			t.Errorf("condition %q", msg)
		}
		b.show(4*time.Second, 15*time.Second, 2*time.Second, 0)
		b.expect("5:10s+2s 6:12s+2s")
		if msg := b.rep.message(ConditionClock); msg != "" {
			t.Errorf("condition stays: %q", msg)
		}
	})
}

func TestKeysBesideTheGridAreACondition(t *testing.T) {
	atNoon(t, time.Second, func(t *testing.T, dir string) {
		b := newBox(t, Config{}, dir)
		b.show(0, 9*time.Second, 2*time.Second, 520*time.Millisecond)
		if msg := b.rep.message(ConditionGrid); !strings.Contains(msg, "52") {
			t.Errorf("condition %q", msg)
		}
		b.show(9*time.Second, 15*time.Second, 2*time.Second, 0)
		if msg := b.rep.message(ConditionGrid); msg != "" {
			t.Errorf("condition stays: %q", msg)
		}
	})
}
