package resize

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/encodetest"
	"github.com/encoderbox/encoderbox/encode/software"
	"github.com/encoderbox/encoderbox/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var whole = encode.Settings{
	Format:  media.VideoFormat{Width: 640, Height: 362, FrameRate: media.Rational{Num: 30, Den: 1}, Pixel: media.NV12},
	Bitrate: 800_000, MaxBitrate: 2_000_000,
}

func openSoftware(_ int, s encode.Settings) (Opened, error) {
	e, err := software.New(s)
	return Opened{Encoder: e, Settings: s}, err
}

// gop never ends where a stage of the test of every step does.
const gop = 2300 * time.Millisecond

// player puts footage into a feed and waits for each picture to be coded.
type player struct {
	t       *testing.T
	feed    *encode.Feed
	runner  *Runner
	footage *encodetest.Footage
	done    chan error
	put     int

	mu      sync.Mutex // guards packets
	packets []media.Packet
	came    chan struct{}
}

func play(ctx context.Context, t *testing.T, c Config) *player {
	p := &player{
		t: t, feed: encode.NewFeed(gop), runner: New(c), footage: encodetest.NewFootage(c.Settings.Format),
		done: make(chan error, 1), came: make(chan struct{}, 1000),
	}
	go func() {
		p.done <- p.runner.Run(ctx, p.feed, media.WriterFunc(func(packet media.Packet) {
			p.mu.Lock()
			p.packets = append(p.packets, packet)
			p.mu.Unlock()
			p.came <- struct{}{}
		}))
	}()
	return p
}

// send puts the next n pictures, each after the one before was coded.
func (p *player) send(n int) {
	p.t.Helper()
	for range n {
		p.feed.Put(p.footage.Frame(p.put))
		p.put++
		select {
		case <-p.came:
		case err := <-p.done:
			p.t.Fatalf("Run ended with picture %d: %v", p.put-1, err)
		}
	}
}

func (p *player) end() []media.Packet {
	p.t.Helper()
	p.feed.Close()
	require.NoError(p.t, <-p.done)
	require.Zero(p.t, p.footage.Alive(), "pictures that were not released")
	return p.packets
}

// runs are the packets of each track in turn.
func runs(t *testing.T, packets []media.Packet) (list [][]media.Packet) {
	t.Helper()
	for i, p := range packets {
		if i > 0 {
			require.Greater(t, p.PTS, packets[i-1].PTS, "packet %d", i)
		}
		if i == 0 || p.Track != packets[i-1].Track {
			require.True(t, p.Key, "packet %d is the first of its track", i)
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], p)
	}
	return list
}

// pulling is an encoder that takes its pictures out of the feed, as the hardware's do.
type pulling struct{ encode.Encoder }

func (p pulling) RunFeed(ctx context.Context, feed *encode.Feed, w media.Writer) error {
	wake := make(chan struct{}, 1)
	feed.Pull(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	defer feed.Stop()
	frames, done := make(chan media.Frame), make(chan error, 1)
	go func() { done <- p.Run(ctx, frames, w) }()
	for {
		frame, ok, end := feed.Take()
		switch {
		case end:
			close(frames)
			return <-done
		case ok:
			frames <- frame
			continue
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return <-done
		}
	}
}

func TestDownAndUpAgainLosesAndDoublesNothing(t *testing.T) {
	for name, open := range map[string]func(int, encode.Settings) (Opened, error){
		"software": openSoftware,
		"pulling": func(scale int, s encode.Settings) (Opened, error) {
			o, err := openSoftware(scale, s)
			if scale == 1 {
				o.Encoder = pulling{o.Encoder}
			}
			return o, err
		},
	} {
		t.Run(name, func(t *testing.T) { downAndUp(t, open) })
	}
}

func downAndUp(t *testing.T, open func(int, encode.Settings) (Opened, error)) {
	p := play(t.Context(), t, Config{Settings: whole, Open: open, Failed: func(_ int, err error) { t.Error(err) }})
	p.send(20)
	p.runner.Set(300_000, 1, 2)
	p.send(20)
	p.runner.Set(300_000, 1, 2) // the same again
	p.send(20)
	p.runner.Set(900_000, 1, 1)
	p.send(20)
	packets := p.end()
	require.Len(t, packets, 80, "one packet for each picture")
	list := runs(t, packets)
	require.Len(t, list, 3)
	for i, size := range []struct{ width, height, n int }{{640, 362, 20}, {320, 180, 40}, {640, 362, 20}} {
		v := list[i][0].Track.Video
		require.Equal(t, []int{size.width, size.height}, []int{v.Width, v.Height}, "track %d", i)
		require.Len(t, list[i], size.n, "track %d", i)
		require.Len(t, encodetest.Decode(t, list[i]), size.n, "track %d", i)
		for j, packet := range list[i] {
			require.Equal(t, j == 0, packet.Key, "packet %d of track %d: the cadence begins anew", j, i)
		}
	}
}

// What is wanted while an encoder is opened, or ends, holds for the next.
func TestSetWhileOpening(t *testing.T) {
	opening, open := make(chan int), make(chan struct{})
	p := play(t.Context(), t, Config{
		Settings: whole, Failed: func(_ int, err error) { t.Error(err) },
		Open: func(scale int, s encode.Settings) (Opened, error) {
			opening <- scale
			<-open
			return openSoftware(scale, s)
		},
	})
	require.Equal(t, 1, <-opening)
	p.runner.Set(500_000, 1, 2)
	open <- struct{}{}
	require.Equal(t, 2, <-opening)
	p.runner.Set(500_000, 1, 1)
	p.runner.Set(500_000, 1, 2)
	open <- struct{}{}
	require.Equal(t, 2, <-opening)
	p.runner.Set(600_000, 1, 2)
	open <- struct{}{}
	p.send(3)
	packets := p.end()
	require.Len(t, runs(t, packets), 1)
	require.Equal(t, 320, packets[0].Track.Video.Width)
}

func TestSmallEncoderThatFailsIsReplacedAndThenGivenUp(t *testing.T) {
	var failed []int
	var opened []int
	second := false
	p := play(t.Context(), t, Config{
		Settings: whole,
		Failed:   func(scale int, err error) { require.Error(t, err); failed = append(failed, scale) },
		Open: func(scale int, s encode.Settings) (Opened, error) {
			opened = append(opened, scale)
			switch {
			case scale == 4:
				return Opened{}, errors.New("busy")
			case scale == 2 && !second:
				second = true
				return Opened{Encoder: broken{}, Settings: s}, nil
			}
			return openSoftware(scale, s)
		},
	})
	p.send(5)
	p.runner.Set(300_000, 1, 2)
	p.send(1) // the picture is lost in the broken encoder, or comes from the next
	p.send(4)
	p.runner.Set(300_000, 1, 4)
	p.send(5)
	p.runner.Set(300_000, 1, 2)
	p.send(5)
	list := runs(t, p.end())
	require.Equal(t, []int{2, 4, 4}, failed)
	require.Equal(t, []int{1, 2, 2, 4, 4, 1, 2}, opened)
	var widths []int
	for _, packets := range list {
		widths = append(widths, packets[0].Track.Video.Width)
	}
	require.Equal(t, []int{640, 320, 640, 320}, widths)
}

// broken is an encoder that fails before it takes a picture.
type broken struct{ encode.Encoder }

func (broken) Run(context.Context, <-chan media.Frame, media.Writer) error {
	return errors.New("no second instance")
}
func (broken) Update(encode.Settings) error { return nil }

func TestAPictureThatCannotBeConvertedIsTold(t *testing.T) {
	failed := make(chan error, 1)
	p := play(t.Context(), t, Config{Settings: whole, Open: openSoftware, Failed: func(_ int, err error) { failed <- err }})
	p.send(3)
	p.runner.Set(300_000, 1, 2)
	p.send(3)
	bad := p.footage.Frame(p.put)
	bad.Planes[0].Data = nil
	p.feed.Put(bad)
	p.put++
	require.ErrorContains(t, <-failed, "resize")
	p.send(5)
	list := runs(t, p.end())
	require.Len(t, list, 3)
	require.Len(t, list[2], 5)
	require.Equal(t, 320, list[2][0].Track.Video.Width)
}

func TestFullSizeThatFailsEndsTheRun(t *testing.T) {
	footage := encodetest.NewFootage(whole.Format)
	feed := encode.NewFeed(time.Second)
	feed.Put(footage.Frame(0))
	r := New(Config{Settings: whole, Open: func(_ int, s encode.Settings) (Opened, error) {
		return Opened{Encoder: broken{}, Settings: s}, nil
	}})
	require.ErrorContains(t, r.Run(t.Context(), feed, nil), "no second instance")
	feed.Put(footage.Frame(1))
	require.Zero(t, footage.Alive())
}

func TestEndOfContextInBothSizes(t *testing.T) {
	for _, scale := range []int{1, 2} {
		ctx, cancel := context.WithCancel(t.Context())
		closed := 0
		p := play(ctx, t, Config{Settings: whole, Open: func(scale int, s encode.Settings) (Opened, error) {
			o, err := openSoftware(scale, s)
			o.Close = func() error { closed++; return nil }
			return o, err
		}})
		p.send(3)
		p.runner.Set(300_000, 1, scale)
		p.send(3)
		p.feed.Put(p.footage.Frame(6))
		cancel()
		require.ErrorIs(t, <-p.done, context.Canceled)
		require.Zero(t, p.footage.Alive())
		require.Equal(t, scale, closed, "every encoder is closed")
	}
}

func TestSetBringsIntoBounds(t *testing.T) {
	r := New(Config{Settings: whole})
	r.Set(-5, -1, -1)
	require.Equal(t, 1, r.now.Bitrate)
	require.Equal(t, 1, r.now.Divider)
	require.Equal(t, 1, r.scale)
	r.Set(1e9, 99, 99)
	require.Equal(t, whole.MaxBitrate, r.now.Bitrate)
	require.Equal(t, encode.MaxDivider, r.now.Divider)
	require.Equal(t, MaxScale, r.scale)
}
