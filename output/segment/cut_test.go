package segment

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func TestCutsAtKeyPictures(t *testing.T) {
	cases := []struct {
		name        string
		passthrough bool
		key         func(int) bool
		want        string
	}{
		{"our encoder keys at the target", false, every(50), "2s 2s 2s 2s"},
		{"key pictures asked for by viewers do not shift the cuts", false, func(i int) bool { return i%50 == 0 || i == 20 || i == 97 || i == 146 }, "2s 2s 2s 2s"},
		{"a key picture that comes late, for a lack of time, shifts only its own cut", false, at(0, 55, 100, 150, 189, 200), "2.2s 1.8s 2s 2s"},
		{"an encoder that moves its key pictures is followed after one forced cut", false, at(0, 43, 93, 143, 193), "2.4s 1.32s! 2s 2s"},
		{"our encoder keys less often than the target", false, every(60), "2.4s 2.4s 2.4s"},
		{"passthrough takes the first from 0.8 × the target on", true, at(0, 39, 40, 80, 120, 160, 200), "1.6s 1.6s 1.6s 1.6s 1.6s"},
		{"passthrough with short groups", true, every(30), "2.4s 2.4s 2.4s"},
		{"passthrough with groups just below 1.5 × the target", true, every(74), "2.96s 2.96s"},
		{"forced cuts, and a late key picture that ends one early", true, every(100), "3s 1s! 3s 1s!"},
		{"a key picture just after a forced cut waits for a quarter of the target", true, at(0, 80, 88, 160), "3s 520ms! 2.88s"},
		{"no key picture ever again", true, at(0), "3s 3s!"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, Config{}, videoOnly, func(r *rig) {
				if c.passthrough {
					r.hub.OnKeyRequest(nil)
				}
				r.write(pictures(segmenttest.Video(), time.Second, 211, c.key)...)
				r.expect(c.want)
			})
		})
	}
}

// What every player relies on: each packet once, in its segment, at its time,
// and no hole between segments; however sound and picture arrive.
func TestSoundIsCutWithThePicture(t *testing.T) {
	for _, lag := range []time.Duration{0, 300 * time.Millisecond, 1500 * time.Millisecond, -300 * time.Millisecond, -1500 * time.Millisecond} {
		t.Run(fmt.Sprint("sound later by ", lag), func(t *testing.T) {
			bubble(t, Config{}, both, func(r *rig) {
				video, audio := segmenttest.Video(), segmenttest.Audio()
				start := 5*time.Second + 7*time.Millisecond
				ps := pictures(video, start, 300, every(50))
				ss := sounds(audio, start+3*time.Millisecond, 12*time.Second)
				r.write(mixed(lag, ps, ss)...)
				segs := r.segments()
				if len(segs) < 4 {
					t.Fatalf("%d segments", len(segs))
				}
				for _, s := range segs {
					if s.Duration != 2*time.Second || s.Video.Gap || s.Audio.Gap || s.Discontinuity {
						t.Errorf("segment %d: %+v", s.Sequence, s)
					}
				}
				checkPlaced(t, r, media.Video, ps, lag)
				checkPlaced(t, r, media.Audio, ss, lag)
				if r.ready != 1 {
					t.Errorf("ready was called %d times", r.ready)
				}
			})
		})
	}
}

// checkPlaced compares the samples read back with the packets written.
func checkPlaced(t *testing.T, r *rig, k media.Kind, written []media.Packet, lag time.Duration) {
	t.Helper()
	scale := fmp4.Timescale(written[0].Track)
	i, end := 0, uint64(0) // sound that comes before the first key picture is not kept
	for n, samples := range r.samples(k) {
		s := r.segments()[n]
		m := s.Media(k)
		for _, got := range samples {
			if n == 0 && end == 0 {
				for media.ToTimescale(written[i].DTS+TimeOffset, scale) < int64(got.DecodeTime) {
					i++
				}
				if lag >= 0 && i > 0 || written[i].PTS > s.Start-min(lag, 0)+2*frame {
					t.Errorf("%v begins with packet %d", k, i)
				}
			} else if got.DecodeTime != end {
				t.Errorf("%v segment %d: sample at %d, the one before ends at %d", k, n, got.DecodeTime, end)
			}
			end = got.DecodeTime + uint64(got.Dur)
			p := written[i]
			i++
			if !bytes.Equal(got.Data, p.Data) || got.PresentationTime() != media.ToTimescale(p.PTS+TimeOffset, scale) {
				t.Fatalf("%v segment %d: sample at %d is not the packet of %v", k, n, got.DecodeTime, p.PTS)
			}
			if p.PTS < s.Start || p.PTS >= s.Start+s.Duration {
				t.Errorf("%v packet of %v in the segment from %v for %v", k, p.PTS, s.Start, s.Duration)
			}
		}
		var sum time.Duration
		var bytes int64
		for _, c := range m.Chunks {
			if c.Offset != bytes || c.Start != m.Chunks[0].Start+sum {
				t.Errorf("chunk %+v does not follow", c)
			}
			sum += c.Duration
			bytes += c.Bytes
		}
		if sum != m.Duration || bytes != m.Bytes {
			t.Errorf("%v segment %d: chunks of %v and %d bytes, segment of %v and %d", k, n, sum, bytes, m.Duration, m.Bytes)
		}
		if n > 0 && len(m.Chunks) != 2 {
			t.Errorf("%v segment %d has %d chunks of a second", k, n, len(m.Chunks))
		}
	}
}

// Most players join three target durations behind live: a second in
// EXT-X-TARGETDURATION that no segment needs is three of latency.
func TestTargetDurationIsNoLongerThanItHasToBe(t *testing.T) {
	cases := []struct {
		duration    time.Duration
		kinds       []media.Kind
		passthrough bool
		want        time.Duration
	}{
		{500 * time.Millisecond, videoOnly, false, time.Second},
		{time.Second, videoOnly, false, time.Second},
		{1500 * time.Millisecond, both, false, 2 * time.Second},
		{2 * time.Second, both, false, 2 * time.Second},
		{6 * time.Second, videoOnly, false, 6 * time.Second},
		{2 * time.Second, audioOnly, true, 2 * time.Second},
		{time.Second, videoOnly, true, 2 * time.Second}, // key pictures may come up to half a segment late
		{2 * time.Second, both, true, 3 * time.Second},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%v %v passthrough=%v", c.duration, c.kinds, c.passthrough), func(t *testing.T) {
			bubble(t, Config{Duration: c.duration}, c.kinds, func(r *rig) {
				if c.passthrough {
					r.hub.OnKeyRequest(nil)
				}
				var ps, ss []media.Packet
				if c.kinds[0] == media.Video {
					ps = pictures(segmenttest.Video(), 0, 500, every(int(c.duration/frame)))
				}
				if c.kinds[len(c.kinds)-1] == media.Audio {
					ss = sounds(segmenttest.Audio(), 0, 20*time.Second)
				}
				r.write(mixed(0, ps, ss)...)
				if w := r.seg.Window(); len(w.Segments) < 3 || w.TargetDuration != c.want {
					t.Fatalf("%d segments, a target duration of %v, want %v", len(w.Segments), w.TargetDuration, c.want)
				}
				r.hub.OnKeyRequest(map[bool]func(){true: func() {}}[c.passthrough])
				r.write(mixed(0, pictures(segmenttest.Video(), 20*time.Second, 500, every(300)), nil)...)
				if w := r.seg.Window(); w.TargetDuration != c.want {
					t.Errorf("the target duration changes to %v", w.TargetDuration)
				}
			})
		})
	}
}

// Sound ends with the access unit that its picture's end falls into.
func TestSoundDoesNotRoundToMoreThanTheTargetDuration(t *testing.T) {
	for _, late := range []time.Duration{400, 440, 470, 490, 499, 510} {
		t.Run(fmt.Sprint("a key picture late by ms ", int(late)), func(t *testing.T) {
			bubble(t, Config{}, both, func(r *rig) {
				video := segmenttest.Video()
				ps := pictures(video, 0, 50, every(50))
				ps = append(ps, pictures(video, 2*time.Second+late*time.Millisecond, 200, every(50))...)
				r.write(mixed(0, ps, sounds(segmenttest.Audio(), 0, 10*time.Second))...)
				limit := r.seg.Window().TargetDuration
				for _, s := range r.segments() {
					for _, m := range []*Media{s.Video, s.Audio} {
						if m.Duration.Round(time.Second) > limit {
							t.Errorf("%s lasts %v, target duration %v", m.Name, m.Duration, limit)
						}
					}
				}
			})
		})
	}
}

// EXTINF, rounded, must never exceed EXT-X-TARGETDURATION.
func TestNoSegmentRoundsToMoreThanTheTargetDuration(t *testing.T) {
	for _, target := range []time.Duration{time.Second, 1500 * time.Millisecond, 2 * time.Second, 3 * time.Second, 5 * time.Second} {
		for i, fps := range []float64{0.4, 0.7, 1, 1.3, 2.2, 10, 29.97, 0.4, 0.7, 1, 1.3, 2.2, 10, 29.97} {
			asked := i >= 7 // of an encoder that makes no key pictures all the same
			t.Run(fmt.Sprint(target, " at ", fps, asked), func(t *testing.T) {
				bubble(t, Config{Duration: target}, videoOnly, func(r *rig) {
					if !asked {
						r.hub.OnKeyRequest(nil)
					}
					track := segmenttest.Video()
					track.Video.FrameRate = media.Rational{}
					for i := range int(20 * fps * target.Seconds()) {
						pts := time.Duration(float64(i) / fps * float64(time.Second))
						r.write(segmenttest.Picture(track, pts, i == 0, 20))
					}
					if len(r.all) < 3 {
						t.Fatalf("%d segments", len(r.all))
					}
					limit := r.seg.Window().TargetDuration.Seconds()
					for _, s := range r.segments() {
						if math.Round(s.Duration.Seconds()) > limit {
							t.Errorf("segment of %v, target duration %v s", s.Duration, limit)
						}
					}
				})
			})
		}
	}
}

func TestForcedCutsAreAConditionUntilSegmentsAreWell(t *testing.T) {
	bubble(t, Config{}, videoOnly, func(r *rig) {
		r.hub.OnKeyRequest(nil)
		track := segmenttest.Video()
		r.write(pictures(track, 0, 100, at(0))...)
		msg := r.rep.message(ConditionForcedCut)
		if msg == "" {
			t.Fatal("no condition after a forced cut")
		}
		r.write(pictures(track, 4*time.Second, 110, every(50))...)
		r.expect("3s 1s! 2s 2s")
		if r.rep.message(ConditionForcedCut) == "" {
			t.Error("condition gone after two good segments")
		}
		r.write(pictures(track, 8400*time.Millisecond, 60, at(40))...)
		if got := fmt.Sprint(r.rep.history); got != "[+segment.forced_cut -segment.forced_cut]" {
			t.Errorf("conditions %s", got)
		}
		if r.rep.stats.ForcedCuts != 1 {
			t.Errorf("%d forced cuts counted", r.rep.stats.ForcedCuts)
		}
	})
}

func TestAudioOnlyProgrammeIsCutByDurationWithoutDrift(t *testing.T) {
	bubble(t, Config{Segments: 1000}, audioOnly, func(r *rig) {
		r.write(sounds(segmenttest.Audio(), 100*time.Millisecond, 61*time.Second)...)
		segs := r.segments()
		if len(segs) != 30 {
			t.Fatalf("%d segments in 60 s, want 30", len(segs))
		}
		for i, s := range segs {
			if s.Video != nil || s.Audio.Gap || !s.Independent || s.Discontinuity {
				t.Errorf("segment %+v", s)
			}
			ideal := 100*time.Millisecond + time.Duration(i)*2*time.Second
			if d := (s.Start - ideal).Abs(); d > 11*time.Millisecond {
				t.Errorf("segment %d begins %v off the grid", i, d)
			}
		}
	})
}

// Reordered pictures: DTS before PTS, DTS below the clock's zero at the start.
func TestReorderedPicturesKeepTheirTimes(t *testing.T) {
	bubble(t, Config{}, videoOnly, func(r *rig) {
		track := segmenttest.Video()
		var ps []media.Packet
		for i := range 210 {
			p := segmenttest.Picture(track, time.Duration(i)*frame, i%50 == 0, 50)
			switch i % 50 % 2 { // I B P B P …, in decoding order I P B P B
			case 1:
				p.PTS += frame
			case 0:
				if i%50 != 0 {
					p.PTS -= frame
				}
			}
			p.DTS -= 2 * frame
			ps = append(ps, p)
		}
		ps[49].PTS = 49 * frame
		r.write(ps...)
		r.expect("2s 2s 2s 2s")
		for i, samples := range r.samples(media.Video) {
			for j, got := range samples {
				if want := media.ToTimescale(ps[i*50+j].PTS+TimeOffset, 90000); got.PresentationTime() != want {
					t.Errorf("picture %d of segment %d at %d, want %d", j, i, got.PresentationTime(), want)
				}
			}
		}
	})
}
