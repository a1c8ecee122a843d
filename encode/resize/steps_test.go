package resize

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/encodetest"
	"github.com/encoderbox/encoderbox/media"
)

// stage is what a rate controller wants for some seconds.
type stage struct {
	name             string
	bitrate          int
	divider, scale   int
	skip, stop       bool
	wantFPS          float64
	wantWidth        int
	wantKey          bool // the first picture is a key picture
	skipped, divided uint64
}

const (
	stageTime = 3 * time.Second
	fps       = 30
)

var stages = []stage{
	{name: "begin", bitrate: 1_200_000, divider: 1, scale: 1, wantFPS: 30, wantWidth: 640, wantKey: true},
	{name: "a third", bitrate: 400_000, divider: 1, scale: 1, wantFPS: 30, wantWidth: 640},
	{name: "half the pictures", bitrate: 400_000, divider: 2, scale: 1, wantFPS: 15, wantWidth: 640, divided: 45},
	{name: "half the pictures, and less", bitrate: 320_000, divider: 2, scale: 1, wantFPS: 15, wantWidth: 640, divided: 45},
	{name: "half the size", bitrate: 200_000, divider: 2, scale: 2, wantFPS: 15, wantWidth: 320, wantKey: true, divided: 45},
	{name: "sound alone", bitrate: 200_000, divider: 2, scale: 2, stop: true, skipped: 90},
	{name: "pictures again", bitrate: 200_000, divider: 2, scale: 2, wantFPS: 15, wantWidth: 320, wantKey: true, divided: 45},
	{name: "all pictures", bitrate: 300_000, divider: 1, scale: 2, wantFPS: 30, wantWidth: 320},
	{name: "full size", bitrate: 600_000, divider: 1, scale: 1, wantFPS: 30, wantWidth: 640, wantKey: true},
	{name: "skipped", bitrate: 600_000, divider: 1, scale: 1, skip: true, skipped: 90},
	{name: "as before", bitrate: 600_000, divider: 1, scale: 1, wantFPS: 30, wantWidth: 640, wantKey: true}, // one was due
	{name: "four times", bitrate: 2_000_000, divider: 1, scale: 1, wantFPS: 30, wantWidth: 640},
}

// Every step that a controller may take, through the real encoder: bits per second
// of the pictures' time, numbers of pictures, tracks and keys, and what a decoder of
// another project says.
func TestEveryStepThroughTheSoftwareEncoder(t *testing.T) {
	settings := whole
	settings.Bitrate = stages[0].bitrate
	p := play(t.Context(), t, Config{Settings: settings, Open: openSoftware, Failed: func(_ int, err error) { t.Error(err) }})
	feed := p.feed
	start := p.footage.Frame(0)
	start.Release()
	var before encode.FeedStats
	ends := make([]int, len(stages)) // packets by then
	for i, s := range stages {
		p.runner.Set(s.bitrate, s.divider, s.scale)
		feed.Thin(encode.Thinning{Divider: s.divider, FrameTime: time.Second / fps, Skip: s.skip, Stop: s.stop})
		for range int(stageTime.Seconds() * fps) {
			was := feed.Stats()
			feed.Put(p.footage.Frame(p.put))
			p.put++
			if now := feed.Stats(); now.Divided == was.Divided && now.Skipped == was.Skipped {
				<-p.came
			}
		}
		now := feed.Stats()
		require.InDelta(t, s.divided, now.Divided-before.Divided, 4, "%s: divided", s.name)
		require.Equal(t, s.skipped, now.Skipped-before.Skipped, "%s: skipped", s.name)
		before = now
		ends[i] = len(p.packets)
	}
	require.Zero(t, before.Dropped, "pictures that were lost")
	feed.Close()
	require.NoError(t, <-p.done)
	require.Zero(t, p.footage.Alive())

	from := 0
	for i, s := range stages {
		check(t, s, p.packets[from:ends[i]], start.PTS+time.Duration(i)*stageTime)
		from = ends[i]
	}
	for i, run := range runs(t, p.packets) {
		require.Len(t, encodetest.Decode(t, run), len(run), "track %d", i)
	}
}

// check looks at what was coded in a stage.
func check(t *testing.T, s stage, packets []media.Packet, from time.Duration) {
	t.Helper()
	require.InDelta(t, s.wantFPS*stageTime.Seconds(), len(packets), 4, "%s: pictures", s.name)
	if len(packets) == 0 {
		return
	}
	require.Equal(t, s.wantWidth, packets[0].Track.Video.Width, s.name)
	require.Same(t, packets[0].Track, packets[len(packets)-1].Track, s.name)
	require.Equal(t, s.wantKey, packets[0].Key, "%s: begins with a key picture", s.name)
	const settled = 500 * time.Millisecond
	bits := 0
	for _, p := range packets {
		if p.PTS >= from+settled {
			bits += 8 * len(p.Data)
		}
	}
	is := float64(bits) / (stageTime - settled).Seconds()
	t.Logf("%-28s asked for %4d kbit/s, got %.0f", s.name, s.bitrate/1000, is/1000)
	require.InEpsilon(t, s.bitrate, is, 0.2, "%s: bit rate", s.name)
}
