package dash

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Eyevinn/dash-mpd/mpd"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

var update = flag.Bool("update", false, "write what is, as the golden files")

// cases are windows of all sorts; testdata has a manifest of each, which
// lab/dash holds against the schema.
var cases = map[string]func() *segment.Window{
	"live":         func() *segment.Window { return both().more(6).window(6) },
	"live_picture": func() *segment.Window { return newReel(media.Video).more(6).window(6) },
	"live_sound":   func() *segment.Window { return newReel(media.Audio).more(6).window(6) },
	"live_without_frame_rate": func() *segment.Window {
		r := both()
		r.video.Video.FrameRate = media.Rational{}
		return r.more(6).window(6)
	},
	"live_ntsc": func() *segment.Window {
		r := both()
		r.video.Video.FrameRate = media.Rational{Num: 30000, Den: 1001}
		return r.more(6).window(6)
	},
	"live_discontinuity": func() *segment.Window {
		return both().more(3).skip(5*time.Second).more(1, broken).more(2).window(6)
	},
	"live_new_size": func() *segment.Window {
		r := both().more(3)
		r.init++
		return r.more(1, broken).more(2).window(6)
	},
	"live_lost_segment": func() *segment.Window {
		return both().more(3).more(1, lost(media.Video, media.Audio)).more(2).window(6)
	},
	"live_lost_sound": func() *segment.Window {
		return both().more(3).more(2, lost(media.Audio)).more(2).window(7)
	},
	"live_without_sound_from_now_on": func() *segment.Window {
		r := both().more(3)
		r.kinds = r.kinds[:1]
		return r.more(1, broken).more(2).window(6)
	},
	"live_lost_sound_about_to_leave": func() *segment.Window {
		return both().more(3).more(2, lost(media.Audio)).more(4).window(5)
	},
	"live_forced_cut": func() *segment.Window { return both().more(3).more(1, forced).more(2).window(6) },
	"live_restart":    func() *segment.Window { return restarted().window(6) },
	"live_hole_in_the_sound": func() *segment.Window {
		return both().more(2).more(1, func(s *segment.Segment) { s.Audio.Duration -= time.Second }).more(2).window(5)
	},
	"finished": func() *segment.Window {
		w := both().more(3).skip(time.Hour).more(1, broken).more(2).window(6)
		w.Ended = true
		return w
	},
	"finished_without_time_of_day": func() *segment.Window {
		r := both()
		r.zero = time.Time{}
		w := r.more(3).window(3)
		w.Ended = true
		return w
	},
}

func both() *reel { return newReel(media.Video, media.Audio) }

// restarted is a stream whose box was switched off and on within its window.
func restarted() *reel {
	r := both().skip(time.Hour).more(3)
	again := both()
	again.run, again.zero, again.number = "0f1e2d3c", zero.Add(r.at+20*time.Second), r.number+40
	again.list = r.list
	return again.more(1, broken).more(2)
}

func TestGoldenManifests(t *testing.T) {
	for name, window := range cases {
		t.Run(name, func(t *testing.T) {
			got, _, err := render(window(), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".mpd")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("not as in %s (go test -update writes it):\n%s", path, got)
			}
		})
	}
}

func parse(t *testing.T, body []byte) *mpd.MPD {
	t.Helper()
	m, err := mpd.MPDFromBytes(body)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// listed is a segment as a manifest gives it.
type listed struct {
	period string
	number uint32
	from   time.Duration // of the presentation
	to     time.Duration
}

// list reads what a manifest says of one kind of track.
func list(t *testing.T, m *mpd.MPD, k media.Kind) (out []listed) {
	t.Helper()
	for _, p := range m.Periods {
		for _, a := range p.AdaptationSets {
			if string(a.ContentType) != k.String() {
				continue
			}
			st := a.SegmentTemplate
			scale := int(*st.Timescale)
			var offset, at uint64
			if st.PresentationTimeOffset != nil {
				offset = *st.PresentationTimeOffset
			}
			number := *st.StartNumber
			for i, s := range st.SegmentTimeline.S {
				if s.T != nil {
					at = *s.T
				} else if i == 0 {
					t.Errorf("period %s: no time to begin with", p.Id)
				}
				for range s.R + 1 {
					place := func(ticks uint64) time.Duration {
						return time.Duration(*p.Start) + media.FromTimescale(int64(ticks)-int64(offset), scale)
					}
					out = append(out, listed{period: p.Id, number: number, from: place(at), to: place(at + s.D)})
					at += s.D
					number++
				}
			}
		}
	}
	return out
}

// shownFrom is the first segment listed where those before it are left out,
// since their Periods would have other tracks than the newest (see uniform).
var shownFrom = map[string]uint64{"live_without_sound_from_now_on": 103, "live_lost_sound_about_to_leave": 105}

// near allows for the rounding to ticks and, where a Period begins, to
// milliseconds.
func near(a, b time.Duration) bool { return (a - b).Abs() <= 25*time.Microsecond }

func TestEverySegmentLiesAtItsWallClockTime(t *testing.T) {
	for name, window := range cases {
		w := window()
		if w.Ended {
			continue
		}
		t.Run(name, func(t *testing.T) {
			body, _, err := render(w, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			m := parse(t, body)
			for _, k := range kinds {
				got := list(t, m, k)
				i := 0
				for _, s := range w.Segments {
					part := s.Media(k)
					if part == nil || part.Gap || s.Sequence < shownFrom[name] {
						continue
					}
					if i == len(got) {
						t.Fatalf("%v: %d segments, segment %d and those after it are missing", k, i, s.Sequence)
					}
					g := got[i]
					if want := time.Duration(part.Wall.UnixNano()); g.number != uint32(s.Sequence) || !near(g.from, want) || g.to-g.from < part.Duration-25*time.Microsecond {
						t.Errorf("%v: %+v, want %d at %v for %v", k, g, s.Sequence, want, part.Duration)
					}
					i++
				}
				if i != len(got) {
					t.Errorf("%v: %d segments, want %d", k, len(got), i)
				}
			}
		})
	}
}

// A player that stays sees every segment in the same place from manifest to
// manifest, in the same Period, which keeps its start.
func TestManifestsAgreeAsTheWindowSlides(t *testing.T) {
	r := both().skip(time.Hour).more(8).skip(3*time.Second).more(1, broken).more(4).more(1, lost(media.Video)).more(5)
	r.init++
	r.more(1, broken).more(9)
	all := r.list
	var known []origin
	places := map[string]listed{}
	starts := map[string]time.Duration{}
	for end := 1; end <= len(all); end++ {
		w := r.window(0)
		w.Segments = all[max(0, end-4):end]
		body, ps, err := render(w, known, 0)
		if err != nil {
			t.Fatal(err)
		}
		known = origins(ps)
		m := parse(t, body)
		for _, p := range m.Periods {
			start := time.Duration(*p.Start)
			if old, ok := starts[p.Id]; ok && old != start {
				t.Errorf("segments to %d: Period %s begins at %v, was %v", end, p.Id, start, old)
			}
			starts[p.Id] = start
		}
		for _, k := range kinds {
			for _, g := range list(t, m, k) {
				name := k.String() + string(rune(g.number))
				if old, ok := places[name]; ok && old != g {
					t.Errorf("%v: was %+v, is %+v", k, old, g)
				}
				places[name] = g
			}
		}
	}
	if len(starts) != 4 {
		t.Errorf("%d Periods, want 4: %v", len(starts), starts)
	}
}

// What a box forgets when it restarts must not move a stream that has run
// without a break: players are in the middle of it.
func TestAPeriodIsFoundAgainAfterARestart(t *testing.T) {
	r := restarted()
	before, after := r.window(6), r.window(6)
	before.Segments = before.Segments[:3]
	first, ps, err := render(before, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	kept, _, err := render(after, origins(ps), 0)
	if err != nil {
		t.Fatal(err)
	}
	forgotten, _, err := render(after, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != string(forgotten) {
		t.Errorf("the manifest depends on what was there before:\n%s\nwithout memory:\n%s", kept, forgotten)
	}
	a, b := parse(t, first).Periods[0], parse(t, kept).Periods
	if len(b) != 2 || a.Id != b[0].Id || *a.Start != *b[0].Start {
		t.Errorf("Period %s at %v became %d, first %s at %v", a.Id, *a.Start, len(b), b[0].Id, *b[0].Start)
	}
}

func TestAClockThatWasSetBackHidesWhatWasBefore(t *testing.T) {
	r := both().skip(time.Hour).more(3)
	again := both()
	again.run, again.zero, again.number, again.list = "0f1e2d3c", zero.Add(30*time.Minute), 200, r.list
	again.more(1, broken).more(2)
	body, _, err := render(again.window(6), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := parse(t, body)
	for i, p := range m.Periods[1:] {
		if *p.Start <= *m.Periods[i].Start {
			t.Errorf("Period %s does not begin after %s", p.Id, m.Periods[i].Id)
		}
	}
	if got := list(t, m, media.Video); len(got) != 3 || got[0].number != 200 {
		t.Errorf("listed: %+v", got)
	}
}

func TestWithoutTheTimeOfDayThereIsNoLiveManifest(t *testing.T) {
	r := both()
	r.zero = time.Time{}
	if _, _, err := render(r.more(3).window(3), nil, 0); err != errClock {
		t.Errorf("error %v, want %v", err, errClock)
	}
	r.zero = zero // it becomes known: that holds for what was before, too
	body, _, err := render(r.more(1).window(4), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := list(t, parse(t, body), media.Video)
	if len(got) != 4 || !near(got[0].from, time.Duration(zero.UnixNano())) {
		t.Errorf("listed: %+v", got)
	}
}
