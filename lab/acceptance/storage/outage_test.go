package storage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/flight"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// TestAnOriginThatIsAway has an nginx that is gone for a while, and a daemon that
// is killed meanwhile: afterwards the origin has the whole programme.
func TestAnOriginThatIsAway(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"live_first", "in_order"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			away(t, order)
		})
	}
}

func away(t *testing.T, order string) {
	down := long(25*time.Second, 10*time.Minute)
	origin := peer.StartOrigin(t, peer.OriginOptions{})
	begin := time.Now()
	b := newBox(t, fmt.Sprintf("[streams.main.destinations.origin]\nurl = %q\nstore = %q\nretry_timeout = \"200ms\"\nretry_max = \"1s\"\n"+
		"[streams.main.time_shift]\ndepth = \"24h\"\n", origin.URL(), order))
	b.forward("the origin to be served live", func(f status.Forward) bool { return f.State == "live" && f.Sent >= 2 })
	origin.Kill()
	gone := time.Now()
	b.forward("words for the outage", func(f status.Forward) bool {
		return f.State == "retrying" && strings.Contains(f.Text, "behind by ") && f.Lag > 4 && f.Bytes > 0
	})
	time.Sleep(time.Until(gone.Add(down / 2)))
	b.Kill()
	b.start()
	s := b.forward("the new daemon to know how far it was", func(f status.Forward) bool {
		return f.State == "retrying" && f.Lag > time.Since(gone).Seconds()/2
	})
	t.Logf("the restarted daemon says: %s", s.Text)
	time.Sleep(time.Until(gone.Add(down)))
	if f := b.forwarded(); f.Lag < (down - 8*time.Second).Seconds() {
		t.Errorf("after %v without the origin: %+v", down, f)
	}
	origin.Start()
	back := time.Now()
	catching := false
	for f := b.forwarded(); f.State != "live" || f.Segments > 1; f = b.forwarded() {
		catching = catching || f.State == "behind"
		if time.Since(back) > patience+10*down {
			t.Fatalf("%v after the origin came back: %+v", time.Since(back), f)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("caught up %v after the origin came back; skipped %d, verified %d", time.Since(back).Round(time.Second), b.forwarded().Skipped, b.forwarded().Verified)
	if !catching { // that it was behind was said above
		t.Log("it caught up between two looks")
	}
	if f := b.forwarded(); f.Skipped > 0 {
		t.Errorf("skipped: %+v", f)
	}
	b.segments(2)
	b.same(origin, begin)
	b.blamed(gone, down)
	_, err := peer.Decode(t.Context(), origin.URL()+"index.m3u8", 4*time.Second)
	if err != nil {
		t.Errorf("the origin's live playlist: %v", err)
	}
}

func (b *box) forwarded() status.Forward {
	b.t.Helper()
	if f := encoderd.Destination(encoderd.Stream(b.Status(), "main"), "origin").Forward; f != nil {
		return *f
	}
	return status.Forward{}
}

func (b *box) forward(what string, wanted func(status.Forward) bool) status.Forward {
	b.t.Helper()
	s := b.stream(what, func(s status.Stream) bool {
		f := encoderd.Destination(s, "origin").Forward
		return f != nil && wanted(*f)
	})
	return *encoderd.Destination(s, "origin").Forward
}

// same compares the origin with the box, file by file, by the time shift of all
// that there was since a time; and the origin's own log says how often each came.
func (b *box) same(origin *peer.Origin, since time.Time) {
	b.t.Helper()
	requests, err := origin.Requests()
	if err != nil {
		b.t.Fatal(err)
	}
	created, overwritten := map[string]int{}, map[string]int{}
	for _, r := range requests {
		if r.Method != http.MethodPut {
			continue
		}
		switch r.Status {
		case http.StatusCreated:
			created[path.Base(r.Path)]++
		case http.StatusNoContent:
			overwritten[path.Base(r.Path)]++
		default:
			b.t.Logf("%s: %d", r.Path, r.Status)
		}
	}
	newest := b.forwarded()
	compared := 0
	for _, name := range []string{"video.m3u8", "audio.m3u8"} {
		// What is made now is still to be sent.
		to := time.Now().Add(-time.Duration((newest.Lag + 5) * float64(time.Second)))
		runs := map[string]bool{}
		list := b.media(span("/hls/main/"+name, since, to)).Segments
		for i, s := range list {
			if s.Gap {
				// Sound of the chunk in which the daemon was killed may not have been there yet.
				killed := i+1 < len(list) && list[i+1].Discontinuity && s.Duration <= chunk+time.Millisecond
				if name != "audio.m3u8" || !killed {
					b.t.Errorf("the box has lost %s", s.URI)
				}
				continue
			}
			if i > 0 {
				runs[run(s)] = true
			}
			for _, file := range []string{s.URI, s.Map} {
				there, _, _ := strings.Cut(file, "?")
				got, err := os.ReadFile(filepath.Join(origin.Dir(), there))
				switch want := b.Get("/hls/main/" + file); {
				case err != nil:
					b.t.Error(err)
				case !bytes.Equal(got, want):
					b.t.Errorf("%s: the origin has %d bytes, the box %d, or others", there, len(got), len(want))
				case created[there] != 1 || overwritten[there] > 0:
					b.t.Errorf("%s was created %d times and overwritten %d times", there, created[there], overwritten[there])
				}
				compared++
			}
		}
		if len(runs) != 2 {
			b.t.Errorf("%s: %d runs of the daemon, want 2", name, len(runs))
		}
	}
	b.t.Logf("%d files are the same", compared)
}

// blamed looks for the outage in the flight recorder.
func (b *box) blamed(at time.Time, lasted time.Duration) {
	b.t.Helper()
	var page struct{ Incidents []flight.Incident }
	if err := json.Unmarshal(b.Get("/api/v1/incidents?stream=main&blame=server,link"), &page); err != nil {
		b.t.Fatal(err)
	}
	var whole time.Duration
	for _, i := range page.Incidents {
		if i.Subject == "destination origin" && i.Because != "" && !i.At.Before(at.Add(-5*time.Second)) {
			b.t.Logf("%s %s of %s blamed on %s: %s (%s), %.0f s", i.At.Format(time.TimeOnly), i.Kind, i.Subject, i.Blame, i.Detail, i.Because, i.Lasted)
			whole = max(whole, time.Duration(max(i.Lasted, i.Amount.Seconds)*float64(time.Second)))
		}
	}
	// The daemon's restart parts it.
	if whole < lasted/3 {
		b.t.Errorf("incidents %+v tell of %v, the origin was away for %v", page.Incidents, whole, lasted)
	}
}
