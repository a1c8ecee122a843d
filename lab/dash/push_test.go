package dash_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/dash"
	"github.com/encoderbox/encoderbox/output/forward"
	"github.com/encoderbox/encoderbox/output/origin"
	"github.com/encoderbox/encoderbox/output/segment"
)

// push uploads a stream to a web server, until the test ends.
func (s *stream) push(o *peer.Origin) {
	s.t.Helper()
	u, err := url.Parse("dash+" + o.URL())
	if err != nil {
		s.t.Fatal(err)
	}
	d := forward.New(forward.WindowOnly(s.seg), forward.Spec{
		Enabled: true, Kind: origin.DASH, Target: output.Target{Name: "web", URL: u, WriteTimeout: 5 * time.Second},
		Playlists: new(dash.Pushed).Playlists,
	}, nil, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Run(ctx, func() {}); err != nil {
			s.t.Errorf("push: %v", err)
		}
	})
	s.t.Cleanup(func() { cancel(); running.Wait() })
	late := time.Now().Add(60 * time.Second)
	for {
		if st := d.Status(); st.State == forward.Live && st.Segments >= 2 {
			return
		} else if time.Now().After(late) {
			s.t.Fatalf("nothing was uploaded: %+v", st)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Players follow what was uploaded to a plain web server of another origin.
func TestPlayersFollowAPushedStream(t *testing.T) {
	c := clip(t, footage.FlashMP4)
	s := start(t, segment.Config{}, nil)
	s.pace(c.Repeat(20))
	s.await(2)
	o := peer.StartOrigin(t, peer.OriginOptions{})
	s.push(o)
	if err := schema(t).Validate(t.Context(), filepath.Join(o.Dir(), "manifest.mpd")); err != nil {
		t.Error(err)
	}
	both(t, s, o.URL()+"manifest.mpd", func(t *testing.T, p *peer.Page) {
		begin := look(t, p)
		until(t, p, fmt.Sprintf("v.currentTime > %f", begin.Now+watch), patience)
		end := look(t, p)
		if len(end.Jumps) > 0 {
			t.Errorf("the player jumped: %v", end.Jumps)
		}
		if n := end.Frames - begin.Frames; n < watch*25/2 {
			t.Errorf("%d pictures in %d s", n, watch)
		}
	})
	read(t, o)
}

// read decodes all that was uploaded, as ffmpeg sees it.
func read(t *testing.T, o *peer.Origin) {
	t.Helper()
	args := []string{"ffmpeg", "-nostdin", "-v", "error", "-xerror"}
	for _, kind := range []string{"video", "audio"} {
		args = append(args, "-i", joined(t, o, kind))
	}
	log, err := peer.Run(t.Context(), peer.Command{Args: append(args, "-map", "0", "-map", "1", "-f", "null", "-")})
	if err != nil || strings.TrimSpace(log) != "" {
		t.Errorf("what was uploaded does not decode: %v: %s", err, log)
	}
}

// joined is one file of all that was uploaded of a track.
func joined(t *testing.T, o *peer.Origin, kind string) string {
	t.Helper()
	head, err := filepath.Glob(filepath.Join(o.Dir(), kind+"_*_init*.mp4"))
	if err != nil || len(head) != 1 {
		t.Fatalf("headers of %s: %q, %v", kind, head, err)
	}
	files, err := filepath.Glob(filepath.Join(o.Dir(), kind+"_*.m4s"))
	if err != nil || len(files) < 5 {
		t.Fatalf("segments of %s: %q, %v", kind, files, err)
	}
	slices.SortFunc(files, func(a, b string) int { return 2*(len(a)-len(b)) + strings.Compare(a, b) })
	var all []byte
	for _, name := range append(head, files...) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	path := filepath.Join(t.TempDir(), kind+".mp4")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
