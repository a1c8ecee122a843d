//go:build box

package m2m

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/encodetest"
	"github.com/encoderbox/encoderbox/encode/resize"
	"github.com/encoderbox/encoderbox/media"
)

// boxStage is what a rate controller wants for some seconds of the pictures' time.
type boxStage struct {
	name           string
	bitrate        int
	divider, scale int
	stop           bool
	width          int
	key            bool // the first picture is a key picture
}

var boxStages = []boxStage{
	{"begin", 2_000_000, 1, 1, false, 192, true},
	{"down", 500_000, 1, 1, false, 192, false},
	{"up", 2_000_000, 1, 1, false, 192, false},
	{"half the pictures", 750_000, 2, 1, false, 192, false},
	{"half the size", 500_000, 2, 2, false, 96, true},
	{"sound alone", 500_000, 2, 2, true, 0, false},
	{"pictures again", 400_000, 1, 2, false, 96, true},
	{"full size", 1_000_000, 1, 1, false, 192, true},
}

// Every step of a rate controller through the hardware: bits per second of the
// pictures' time, how fast the encoder follows, tracks, keys, and a decoder.
func TestBoxEveryStepOfTheRate(t *testing.T) {
	const fps, hold, gop = 25, 3 * time.Second, 2300 * time.Millisecond
	f := boxFormat
	f.Width, f.Height = 192, 128 // 295 kbit a key picture
	settings := encode.Settings{Format: f, Bitrate: boxStages[0].bitrate, MaxBitrate: 4_000_000}
	full := openBox(t, settings, Quirks{})
	footage := encodetest.NewFootage(f)
	footage.Still = true
	sizes := resize.New(resize.Config{
		Settings: settings, Failed: func(_ int, err error) { t.Error(err) },
		Open: func(scale int, s encode.Settings) (resize.Opened, error) {
			if scale == 1 {
				return resize.Opened{Encoder: full, Settings: settings}, full.Update(s)
			}
			small, err := New(Config{Settings: s, Device: "vh264", Quirks: Quirks{Deadline: 3 * time.Second}})
			if err != nil {
				return resize.Opened{}, err
			}
			return resize.Opened{Encoder: small, Settings: s, Close: small.Close}, nil
		},
	})
	feed := encode.NewFeed(gop)
	var got []media.Packet
	came, done := make(chan struct{}, 1000), make(chan error, 1)
	go func() {
		done <- sizes.Run(t.Context(), feed, media.WriterFunc(func(p media.Packet) {
			got = append(got, p)
			came <- struct{}{}
		}))
	}()
	var ends []int
	for i, s := range boxStages {
		sizes.Set(s.bitrate, s.divider, s.scale)
		feed.Thin(encode.Thinning{Divider: s.divider, FrameTime: time.Second / fps, Stop: s.stop})
		for n := range int(hold.Seconds() * fps) {
			was := feed.Stats()
			feed.Put(footage.Frame(i*int(hold.Seconds()*fps) + n))
			if now := feed.Stats(); now.Divided == was.Divided && now.Skipped == was.Skipped {
				select {
				case <-came:
				case <-time.After(30 * time.Second):
					t.Fatalf("%s: picture %d does not come out: %+v", s.name, n, feed.Stats())
				case err := <-done:
					t.Fatalf("%s: Run ended with picture %d: %v", s.name, n, err)
				}
			}
		}
		ends = append(ends, len(got))
	}
	feed.Close()
	require.NoError(t, <-done)
	require.Zero(t, footage.Alive())

	start, from := got[0].PTS, 0
	for i, s := range boxStages {
		checkBoxStage(t, s, got[from:ends[i]], start+time.Duration(i)*hold, hold)
		from = ends[i]
	}
	for first := 0; first < len(got); {
		last := first
		for last < len(got) && got[last].Track == got[first].Track {
			last++
		}
		require.True(t, got[first].Key)
		require.Len(t, encodetest.Decode(t, got[first:last]), last-first)
		first = last
	}
	require.NotContains(t, full.Stats().LiveBitrate, "restarts")
	require.Zero(t, full.Stats().Restarts)
}

func checkBoxStage(t *testing.T, s boxStage, packets []media.Packet, from, hold time.Duration) {
	t.Helper()
	if s.stop {
		require.Empty(t, packets, s.name)
		return
	}
	require.InDelta(t, hold.Seconds()*25/float64(s.divider), len(packets), 3, s.name)
	require.Equal(t, s.width, packets[0].Track.Video.Width, s.name)
	require.Equal(t, s.key, packets[0].Key, s.name)
	bits, follows := 0, time.Duration(-1)
	const settled, window = 500 * time.Millisecond, 250 * time.Millisecond
	for i, p := range packets {
		if p.PTS >= from+settled {
			bits += 8 * len(p.Data)
		}
		sum := 0
		for _, q := range packets[:i] {
			if q.PTS >= p.PTS-window {
				sum += 8 * len(q.Data)
			}
		}
		is := float64(sum) / window.Seconds() / float64(s.bitrate)
		if follows < 0 && p.PTS >= from+window && is > 0.85 && is < 1.15 {
			follows = p.PTS - from
		}
	}
	is := float64(bits) / (hold - settled).Seconds()
	t.Logf("%-18s asked for %4d kbit/s, got %.0f; follows after %v", s.name, s.bitrate/1000, is/1000, follows)
	require.InEpsilon(t, s.bitrate, is, 0.25, s.name)
}
