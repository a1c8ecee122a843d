package dash_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/dash"
	"github.com/encoderbox/encoderbox/output/segment"
)

const (
	patience = 60 * time.Second
	watch    = 20 // seconds that a player is watched
)

// both runs a test in both players, side by side.
func both(t *testing.T, s *stream, manifest string, check func(*testing.T, *peer.Page)) {
	t.Helper()
	b := peer.StartBrowser(t)
	t.Run("players", func(t *testing.T) {
		for _, player := range players {
			t.Run(player, func(t *testing.T) {
				t.Parallel()
				p := s.open(b, player, manifest)
				until(t, p, "v.readyState >= 3 && v.currentTime > 0", patience)
				check(t, p)
				content(t, p)
			})
		}
	})
}

func TestPlayersFollowALiveStream(t *testing.T) {
	c := clip(t, footage.FlashMP4)
	s := start(t, segment.Config{}, nil)
	s.pace(c.Repeat(20))
	s.await(2)
	s.valid()
	both(t, s, s.manifest(), func(t *testing.T, p *peer.Page) {
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
}

// valid holds the manifest of now against the schema.
func (s *stream) valid() {
	s.t.Helper()
	r, err := http.Get(s.manifest())
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		s.t.Fatalf("manifest: %s, %v: %s", r.Status, err, body)
	}
	file := filepath.Join(s.t.TempDir(), "live.mpd")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := schema(s.t).Validate(s.t.Context(), file); err != nil {
		s.t.Errorf("%v\n%s", err, body)
	}
}

// A source that was away for some seconds, and one that comes back with another
// size of picture: players go on by themselves.
func TestPlayersGoOnAfterBreaks(t *testing.T) {
	first, second := clip(t, footage.FlashMP4), clip(t, footage.StreetMP4)
	s := start(t, segment.Config{}, nil)
	const away, back, other = 20 * time.Second, 24 * time.Second, 34 * time.Second
	packets := upTo(first.Repeat(3), away)
	packets = append(packets, at(upTo(first.Repeat(3), other-back), back, true)...)
	packets = append(packets, at(second.Repeat(3), other, true)...)
	s.pace(packets)
	s.await(2)
	both(t, s, s.manifest(), func(t *testing.T, p *peer.Page) {
		zero, ok := s.clock.Wall(0)
		if !ok {
			t.Fatal("no time of day")
		}
		till := func(at time.Duration) {
			until(t, p, fmt.Sprintf("v.currentTime > %f", float64(zero.Add(at).UnixMilli())/1000), patience)
		}
		till(back + 3*time.Second)
		before := look(t, p)
		if before.Now > float64(zero.Add(other).Unix()) {
			t.Error("looked too late to see the second break")
		}
		till(other + 5*time.Second)
		if now := look(t, p); now.Frames <= before.Frames {
			t.Errorf("no picture after the second break: %+v", now)
		}
		var width int
		if err := p.Eval("v.videoWidth", &width); err != nil || width != 768 {
			t.Errorf("picture %d wide, error %v", width, err)
		}
	})
}

// losing is a source of which some segments could not be stored.
type losing struct {
	dash.Source
	lost map[uint64][]media.Kind
}

func (l losing) Window() *segment.Window {
	w := *l.Source.Window()
	list := w.Segments
	w.Segments = nil
	for _, s := range list {
		one := *s
		for _, k := range l.lost[s.Sequence-list[0].Sequence+w.Version-uint64(len(list))] {
			gap := *one.Media(k)
			gap.Gap, gap.Content, gap.Bytes, gap.Chunks = true, nil, 0, nil
			if k == media.Video {
				one.Video = &gap
			} else {
				one.Audio = &gap
			}
		}
		w.Segments = append(w.Segments, &one)
	}
	return &w
}

func TestPlayersBridgeLostSegments(t *testing.T) {
	c := clip(t, footage.FlashMP4)
	s := start(t, segment.Config{}, func(source dash.Source) dash.Source {
		return losing{source, map[uint64][]media.Kind{8: {media.Video, media.Audio}, 12: {media.Audio}, 16: {media.Video}}}
	})
	s.pace(c.Repeat(20))
	s.await(2)
	both(t, s, s.manifest(), func(t *testing.T, p *peer.Page) {
		zero, _ := s.clock.Wall(0)
		until(t, p, fmt.Sprintf("v.currentTime > %f", float64(zero.UnixMilli())/1000+40), patience)
	})
}

// The daemon ends in the middle of a stream and another takes it up, with a
// clock that begins anew and nothing remembered: players stay.
func TestPlayersStayThroughARestart(t *testing.T) {
	c := clip(t, footage.FlashMP4)
	s := start(t, segment.Config{}, nil)
	s.pace(c.Repeat(20))
	s.await(2)
	playing := make(chan struct{}, len(players))
	var restarting sync.WaitGroup
	defer restarting.Wait()
	restarting.Go(func() {
		for range players {
			select {
			case <-playing:
			case <-time.After(2 * patience):
				return // the player's own test tells
			}
		}
		s.stop()
		time.Sleep(time.Second)
		if err := s.run(); err != nil {
			t.Error(err)
			return
		}
		s.pace(c.Repeat(20))
	})
	both(t, s, s.manifest(), func(t *testing.T, p *peer.Page) {
		before := look(t, p)
		playing <- struct{}{}
		until(t, p, fmt.Sprintf("v.currentTime > %f", before.Now+25), patience)
		if now := look(t, p); now.Frames < before.Frames+25*15 {
			t.Errorf("%d pictures, then %d", before.Frames, now.Frames)
		}
	})
}
