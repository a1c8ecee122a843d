package dash_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output/dash"
	"github.com/encoderbox/encoderbox/output/segment"
)

// newest has the last six segments of a source as the live window.
type newest struct{ dash.Source }

func (n newest) Window() *segment.Window {
	w := *n.Source.Window()
	w.Segments = w.Segments[max(0, len(w.Segments)-6):]
	return &w
}

// A delayed stream is a live one that is late: players stay that far behind, and
// do not catch up.
func TestPlayersFollowADelayedStream(t *testing.T) {
	const late = 8 * time.Second
	c := clip(t, footage.FlashMP4)
	s := start(t, segment.Config{Segments: 1000}, func(s dash.Source) dash.Source { return newest{s} })
	s.pace(c.Repeat(20))
	s.await(9)
	both(t, s, s.manifest()+"?offset=8s", func(t *testing.T, p *peer.Page) {
		begin := look(t, p)
		until(t, p, fmt.Sprintf("v.currentTime > %f", begin.Now+watch), patience)
		end := look(t, p)
		if len(end.Jumps) > 0 {
			t.Errorf("the player jumped: %v", end.Jumps)
		}
		if n := end.Frames - begin.Frames; n < watch*25/2 {
			t.Errorf("%d pictures in %d s", n, watch)
		}
		now, ok := s.clock.Wall(s.clock.Now())
		if !ok {
			t.Fatal("no time of day")
		}
		behind := now.Sub(time.UnixMilli(int64(end.Now * 1000)))
		t.Logf("%v behind", behind)
		if behind < late || behind > late+30*time.Second {
			t.Errorf("the player is %v behind the box, want %v and what it holds in hand", behind, late)
		}
	})
}
