package dash

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

func TestGoldenPushedManifests(t *testing.T) {
	for _, name := range []string{"live", "live_picture", "live_sound", "live_discontinuity", "live_lost_segment", "live_restart"} {
		files, err := new(Pushed).Playlists(cases[name]())
		if err != nil {
			t.Fatal(err)
		}
		got := files[manifestName]
		path := filepath.Join("testdata", "pushed_"+name+".mpd")
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
		if strings.Contains(string(got), ":http-") || strings.Contains(string(got), "://box") {
			t.Errorf("%s asks the box: %s", name, got)
		}
	}
}

// The time in the manifest is the end of its newest segment: that is never in
// the future of a player that goes by it.
func TestAPushedManifestHasItsOwnTime(t *testing.T) {
	files, err := new(Pushed).Playlists(both().more(6).window(6))
	if err != nil {
		t.Fatal(err)
	}
	m := parse(t, files[manifestName])
	if len(m.UTCTimings) != 1 || string(m.UTCTimings[0].SchemeIdUri) != schemeTimeDirect {
		t.Fatalf("timing %+v", m.UTCTimings)
	}
	now, err := time.Parse(time.RFC3339, m.UTCTimings[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	all := list(t, m, media.Video)
	end := time.Unix(0, int64(all[len(all)-1].to))
	if d := now.Sub(end); d < 0 || d > 30*time.Millisecond { // its last sound ends later
		t.Errorf("it is %v, the newest segment ends at %v", now, end)
	}
}

// As the window slides, and in the list of the past beside it, Periods keep
// their names and their segments' times.
func TestPushedPeriodsStay(t *testing.T) {
	p := new(Pushed)
	r := both().more(2)
	where := map[uint32]listed{}
	for i := range 12 {
		if i == 3 {
			r.skip(5*time.Second).more(1, broken)
		}
		r.more(1)
		for _, w := range []*segment.Window{r.window(6), r.window(10)} {
			files, err := p.Playlists(w)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range list(t, parse(t, files[manifestName]), media.Video) {
				if old, ok := where[s.number]; ok && (old.period != s.period || !near(old.from, s.from)) {
					t.Errorf("segment %d was %+v and is %+v", s.number, old, s)
				}
				where[s.number] = s
			}
		}
	}
}

func TestNothingIsPushedWithoutATimeOfDay(t *testing.T) {
	r := both()
	r.zero = time.Time{}
	if _, err := new(Pushed).Playlists(r.more(3).window(3)); !errors.Is(err, errClock) {
		t.Errorf("got %v", err)
	}
	if _, err := new(Pushed).Playlists(&segment.Window{}); !errors.Is(err, errNothing) {
		t.Errorf("got %v", err)
	}
}
