package segment

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func TestNewTrackBeginsADiscontinuityWithItsOwnHeader(t *testing.T) {
	bubble(t, Config{}, both, func(r *rig) {
		a, b, audio := segmenttest.Video(), segmenttest.Video(), segmenttest.Audio()
		b.Video.Color.Matrix = 1
		r.write(mixed(0, pictures(a, 0, 120, every(50)), pictures(b, 4800*time.Millisecond, 110, every(50)),
			sounds(audio, 0, 10*time.Second))...)
		r.expect("2s 2s 800ms |2s 2s")
		segs := r.segments()
		if segs[2].Video.Init.Track != a || segs[3].Video.Init.Track != b || segs[2].Video.Init.Name == segs[3].Video.Init.Name {
			t.Error("headers do not follow the track")
		}
		if segs[2].Audio.Init != segs[3].Audio.Init {
			t.Error("sound got a new header without a new track")
		}
	})
}

func TestRestartedSourceKeepsTheHeader(t *testing.T) {
	bubble(t, Config{}, videoOnly, func(r *rig) {
		r.write(pictures(segmenttest.Video(), 0, 60, every(50))...)
		b := segmenttest.Video()
		b.Video.FrameRate.Num++ // a header does not say it
		r.write(pictures(b, 5*time.Second, 60, every(50))...)
		r.expect("2s 400ms |2s")
		segs := r.segments()
		if old, now := segs[0].Video.Init, segs[2].Video.Init; old.Name != now.Name || old.ID != now.ID || now.Track != b {
			t.Errorf("header %+v, then %+v", old, now)
		}
	})
}

func TestParameterSetsThatChangeWithinATrackChangeNothing(t *testing.T) {
	bubble(t, Config{}, videoOnly, func(r *rig) {
		track := segmenttest.Video()
		ps := pictures(track, 0, 210, every(50))
		for i := range ps {
			if ps[i].Key { // a picture parameter set in band
				ps[i].Data = append([]byte{0, 0, 0, 2, 0x68, byte(i)}, ps[i].Data...)
			}
		}
		r.write(ps...)
		r.expect("2s 2s 2s 2s")
		for _, s := range r.segments() {
			if s.Video.Init != r.segments()[0].Video.Init {
				t.Error("a new header")
			}
		}
	})
}

func TestGaps(t *testing.T) {
	bubble(t, Config{}, both, func(r *rig) {
		video, audio := segmenttest.Video(), segmenttest.Audio()
		// Lost from 5 s on; the stream goes on at the key picture of 8 s.
		r.write(mixed(0, pictures(video, 0, 125, every(50)), sounds(audio, 0, 5*time.Second))...)
		ps, ss := pictures(video, 8*time.Second, 125, every(50)), sounds(audio, 7990*time.Millisecond, 5*time.Second)
		ps[0].Gap, ss[0].Gap = true, true
		// Pictures an encoder skipped: no sign, the one before is shown longer.
		ps[70].Gap = true
		ps = append(ps[:60], ps[70:]...)
		r.write(mixed(0, ps, ss)...)
		r.expect("2s 2s 1s |2s 2s")
		if n := len(r.samples(media.Video)[4]); n != 40 {
			t.Errorf("%d pictures in the segment with the hole, want 40", n)
		}
		if s := r.samples(media.Video)[4][9]; s.Dur != 11*3600 {
			t.Errorf("picture before the hole is shown for %d ticks, want 11 pictures' time", s.Dur)
		}
		if r.rep.stats.Discontinuities != 1 {
			t.Errorf("%d discontinuities counted", r.rep.stats.Discontinuities)
		}
	})
}

func TestHoleLongerThanASegmentIsADiscontinuity(t *testing.T) {
	bubble(t, Config{}, videoOnly, func(r *rig) {
		track := segmenttest.Video()
		r.write(pictures(track, 0, 60, every(50))...)
		r.write(pictures(track, 60*time.Second, 120, at(25, 75))...)
		r.expect("2s 400ms |1s! 2s")
	})
}

// The encoder's key pictures stay where they were when pictures were left out for
// longer than a segment: so do the cuts.
func TestCutsStayWhereTheyWereThroughAHole(t *testing.T) {
	bubble(t, Config{}, videoOnly, func(r *rig) {
		track := segmenttest.Video()
		r.write(pictures(track, 0, 40, every(50))...)
		r.write(pictures(track, 4280*time.Millisecond, 200, func(i int) bool { return i == 0 || i%50 == 43 })...)
		r.write(pictures(track, 15800*time.Millisecond, 160, func(i int) bool { return i == 0 || i%50 == 5 })...)
		r.expect("1.6s |1.72s 2s 2s 2s 280ms |2.2s 2s 2s")
	})
}

func TestPacketsThatFitNowhereAreCounted(t *testing.T) {
	bubble(t, Config{}, videoOnly, func(r *rig) {
		track := segmenttest.Video()
		ps := pictures(track, 0, 170, every(50))
		ps[20].DTS, ps[20].PTS = ps[19].DTS, ps[19].PTS // without it the rest of the group cannot be decoded
		ps[60].PTS -= time.Second                       // shown before it is decoded
		r.write(ps...)
		r.expect("800ms |400ms |2s") // up to the refused picture; from the next key picture on
		if n := r.rep.stats.Unplaced; n != 30+40 {
			t.Errorf("%d packets counted, want what is left of two broken groups", n)
		}
	})
}

func TestSoundThatStopsDoesNotHoldThePictureUp(t *testing.T) {
	bubble(t, Config{}, both, func(r *rig) {
		video, audio := segmenttest.Video(), segmenttest.Audio()
		ss := append(sounds(audio, 0, 3*time.Second), sounds(audio, 9*time.Second, 7*time.Second)...)
		r.write(mixed(0, pictures(video, 0, 400, every(50)), ss)...)
		var got []string
		for _, s := range r.segments() {
			got = append(got, fmt.Sprint(s.Audio.Gap, s.Audio.Duration.Round(time.Second)))
		}
		if want := "[false 2s false 1s true 2s true 2s false 1s false 2s false 2s]"; fmt.Sprint(got) != want {
			t.Errorf("sound %v, want %v", got, want)
		}
		r.expect("2s 2s 2s 2s 2s 2s 2s")
	})
}

func TestPictureThatStopsDoesNotFillTheMemoryWithSound(t *testing.T) {
	bubble(t, Config{}, both, func(r *rig) {
		video, audio := segmenttest.Video(), segmenttest.Audio()
		r.write(mixed(0, pictures(video, 0, 60, every(50)), sounds(audio, 0, time.Hour/10))...)
		if n := len(r.seg.cut.queue); n > 6*47+2 {
			t.Errorf("%d frames of sound wait for a picture", n)
		}
		r.write(mixed(0, pictures(video, time.Hour/10, 160, every(50)), sounds(audio, time.Hour/10, 6400*time.Millisecond))...)
		r.expect("2s 400ms |2s 2s 2s")
	})
}

func TestProgrammeThatGetsSoundOrLosesThePicture(t *testing.T) {
	bubble(t, Config{}, videoOnly, func(r *rig) {
		r.write(pictures(segmenttest.Video(), 0, 120, every(50))...)
		r.hub.Announce(both...)
		r.write(mixed(0, pictures(segmenttest.Video(), 6*time.Second, 120, every(50)), sounds(segmenttest.Audio(), 6*time.Second, 4800*time.Millisecond))...)
		r.hub.Announce(audioOnly...)
		r.write(sounds(segmenttest.Audio(), 12*time.Second, 4200*time.Millisecond)...)
		var got []string
		for _, s := range r.segments() {
			got = append(got, fmt.Sprint(s.Discontinuity, s.Video != nil, s.Audio != nil, s.Duration.Round(100*time.Millisecond)))
		}
		want := "false true false 2s,false true false 2s,false true false 800ms," +
			"true true true 2s,false true true 2s,false true true 800ms,true false true 2s,false false true 2s"
		if strings.Join(got, ",") != want {
			t.Errorf("segments %v\nwant     %v", strings.Join(got, ","), want)
		}
		if w := r.seg.Window(); w.Video != nil || w.Audio == nil {
			t.Error("the window's tracks are not the programme's")
		}
	})
}

func TestTrackWithoutAHeaderIsACondition(t *testing.T) {
	bubble(t, Config{}, videoOnly, func(r *rig) {
		bad := segmenttest.Video()
		bad.Video.PPS = nil
		r.write(pictures(bad, 0, 120, every(50))...)
		if msg := r.rep.message(ConditionTrack); !strings.Contains(msg, "no parameter sets") {
			t.Errorf("condition %q", msg)
		}
		r.write(pictures(segmenttest.Video(), 5*time.Second, 60, every(50))...)
		r.expect("2s")
		if msg := r.rep.message(ConditionTrack); msg != "" {
			t.Errorf("condition stays: %q", msg)
		}
	})
}

func TestWindowSlidesAndExpiredSegmentsStayForTheGraceTime(t *testing.T) {
	bubble(t, Config{Segments: 5, Grace: 7 * time.Second}, both, func(r *rig) {
		first := r.seg.Window()
		for i := range 20 {
			from := time.Duration(i) * 2 * time.Second
			video, audio := segmenttest.Video(), segmenttest.Audio()
			video.Video.Color.Matrix = uint8(i) // another track, and so a discontinuity, each time
			r.write(mixed(0, pictures(video, from, 50, every(50)), sounds(audio, from, 2*time.Second))...)
			checkFolder(t, r)
		}
		w := r.seg.Window()
		if len(w.Segments) != 5 || len(w.Expired) != 4 {
			t.Errorf("%d listed, %d kept", len(w.Segments), len(w.Expired))
		}
		if got := w.Segments[0].Sequence; got != 14 {
			t.Errorf("first listed %d, want 14", got)
		}
		if w.Discontinuities != 13 { // all but the run's first begin with one
			t.Errorf("%d discontinuities have left, want 13", w.Discontinuities)
		}
		if s := r.rep.stats; s.Segments != 5 || s.FirstSequence != 14 || s.LastSequence != 18 || s.WindowDuration != w.Duration() ||
			s.WindowBytes != w.Bytes() || s.WindowBytes == 0 || s.LastDuration != 2*time.Second {
			t.Errorf("stats %+v", s)
		}
		select {
		case <-first.Next():
		default:
			t.Error("nobody was told of the first window's successor")
		}
		if len(first.Segments) != 0 {
			t.Error("a published window was changed")
		}
	})
}

func TestWindowListsThreeTargetDurations(t *testing.T) {
	bubble(t, Config{Segments: 1}, videoOnly, func(r *rig) {
		r.hub.OnKeyRequest(nil)
		r.write(pictures(segmenttest.Video(), 0, 1000, every(50))...)
		if w := r.seg.Window(); len(w.Segments) != 5 || w.TargetDuration != 3*time.Second {
			t.Errorf("%d segments of 2 s listed with a target duration of %v", len(w.Segments), w.TargetDuration)
		}
	})
}

// Access units do not divide a segment, so the sound of three segments may be
// shorter than three target durations, when their pictures are not.
func TestNoPlaylistGetsShorterThanThreeTargetDurations(t *testing.T) {
	bubble(t, Config{Segments: 3}, both, func(r *rig) {
		window := r.seg.Window()
		for _, p := range mixed(0, pictures(segmenttest.Video(), time.Second, 1000, every(50)), sounds(segmenttest.Audio(), time.Second, 40*time.Second)) {
			r.write(p)
			w := r.seg.Window()
			if len(w.Expired) > len(window.Expired) {
				var sound time.Duration
				for _, s := range w.Segments {
					sound += s.Audio.Duration
				}
				if sound < 3*w.TargetDuration {
					t.Fatalf("%v of sound are listed, %d segments; the target duration is %v", sound, len(w.Segments), w.TargetDuration)
				}
			}
			window = w
		}
		if len(window.Segments) > 4 || len(window.Expired) == 0 {
			t.Errorf("%d segments listed, %d expired", len(window.Segments), len(window.Expired))
		}
	})
}

func TestUpdate(t *testing.T) {
	bubble(t, Config{Segments: 6}, videoOnly, func(r *rig) {
		track := segmenttest.Video()
		cfg := r.seg.cfg
		r.write(pictures(track, 0, 1000, every(50))...)
		cfg.Segments, cfg.Window = 1, 19*time.Second
		if err := r.seg.Update(cfg); err != nil {
			t.Fatal(err)
		}
		r.write(pictures(track, 40*time.Second, 1000, every(50))...)
		if n := len(r.seg.Window().Segments); n != 10 {
			t.Errorf("%d segments in a window of 19 s", n)
		}
		cfg.After, cfg.Live = 7, NewLive()
		if err := r.seg.Update(cfg); err != nil {
			t.Errorf("what holds for the beginning only: %v", err)
		}
		other := cfg
		other.Duration = 4 * time.Second
		if err := r.seg.Update(other); !errors.Is(err, ErrRestart) {
			t.Errorf("a new duration: %v", err)
		}
		other.Duration = time.Hour
		if err := r.seg.Update(other); err == nil || errors.Is(err, ErrRestart) {
			t.Errorf("an impossible duration: %v", err)
		}
	})
}

func TestRunEndsWithTheHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(media.NewClock())
		h.Announce(media.Video)
		s, err := New(Config{Dir: t.TempDir() + "/live"}, h, &recorder{})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- s.Run(t.Context(), func() {}) }()
		h.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestTimesOfDayAndSequenceNumbersRiseFromRunToRun(t *testing.T) {
	var last uint64
	for run := range 2 {
		dir := t.TempDir() + "/live"
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Date(2027, 3, 1, 0, run, 0, 0, time.UTC)))
			h := hub.New(media.NewClock())
			h.Announce(media.Video)
			s, err := New(Config{Dir: dir, ProducerTime: true}, h, &recorder{})
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = s.Run(t.Context(), func() {}) }()
			synctest.Wait()
			for _, p := range pictures(segmenttest.Video(), time.Second, 110, every(50)) {
				h.Write(p)
			}
			synctest.Wait()
			segs := s.Window().Segments
			if len(segs) != 2 || segs[0].Sequence <= last {
				t.Fatalf("%d segments from %d on, the run before was at %d", len(segs), segs[0].Sequence, last)
			}
			last = segs[1].Sequence
			want := time.Date(2027, 3, 1, 0, run, 3, 0, time.UTC)
			if got := segs[1].Video.Wall; !got.Equal(want) {
				t.Errorf("segment at %v, want %v", got, want)
			}
			b, err := readAll(segs[1].Video)
			if err != nil || strings.Count(string(b), "prft") != 2 {
				t.Errorf("a prft for each of two chunks is missing (%v)", err)
			}
			h.Close()
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{}, {Dir: "x", Duration: time.Millisecond}, {Dir: "x", Segments: -1}, {Dir: "x", Grace: -1}} {
		if _, err := New(c, hub.New(media.NewClock()), &recorder{}); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}
