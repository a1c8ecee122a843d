package live

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

var stereo = media.AudioFormat{SampleRate: 48000, Channels: 2}

const fade = 240 // samples of 5 ms

// tone is what sounds at a sample of the clock's grid: the same on both
// channels but for the sign, and never steep.
func tone(n int64) int16 { return int16(10000 * math.Sin(2*math.Pi*440*float64(n)/48000)) }

// tones is the sound from a sample on.
func tones(from int64, n, channels int) []int16 {
	data := make([]int16, n*channels)
	for i := range n {
		for c := range channels {
			data[i*channels+c] = tone(from+int64(i)) * int16(1-2*c)
		}
	}
	return data
}

// card is a scripted sound card.
type card struct {
	clock  *media.Clock
	format media.AudioFormat
	opens  []error
	runs   []func(ctx context.Context, c *cardSession) error
	lag    time.Duration // from the end of a run to its arrival

	mu    sync.Mutex
	tried int
	ran   int
	open  int
}

type cardSession struct {
	*card
	format media.AudioFormat
	emit   func(media.Samples)
	next   int64
}

// converting is a card that can deliver another format.
type converting struct {
	*cardSession
	err error
}

func (c *converting) Convert(to media.AudioFormat) error {
	if c.err == nil {
		c.format = to
	}
	return c.err
}

func (c *card) Open(context.Context) (AudioSession, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried++
	if err := at(c.opens, c.tried-1); err != nil {
		return nil, err
	}
	c.open++
	return &cardSession{card: c, format: c.format}, nil
}

func (c *cardSession) Format() media.AudioFormat { return c.format }
func (c *cardSession) Device() string            { return "hw:1,0" }
func (c *cardSession) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	return nil
}

func (c *cardSession) Run(ctx context.Context, emit func(media.Samples)) error {
	c.mu.Lock()
	n := c.ran
	c.ran++
	c.mu.Unlock()
	c.emit = emit
	c.next = media.ToTimescale(c.clock.Now(), c.format.SampleRate)
	return at(c.runs, n)(ctx, c)
}

// period emits one run of 10 ms when its last sample was played.
func (c *cardSession) period(ctx context.Context) error {
	n := c.format.SampleRate / 100
	end := media.FromTimescale(c.next+int64(n), c.format.SampleRate) + c.lag
	if err := pause(ctx, end-c.clock.Now()); err != nil {
		return err
	}
	c.emit(media.Samples{
		Format: c.format, PTS: media.FromTimescale(c.next, c.format.SampleRate) + time.Nanosecond,
		Data: tones(c.next, n, c.format.Channels),
	})
	c.next += int64(n)
	return nil
}

func sounds(periods int, err error) func(context.Context, *cardSession) error {
	return func(ctx context.Context, c *cardSession) error {
		for i := 0; i != periods; i++ {
			if err := c.period(ctx); err != nil {
				return err
			}
		}
		return err
	}
}

// listen runs the sound of an input for d and returns all of it, from sample
// first on. It checks that it is one piece.
func listen(t *testing.T, c *card, d time.Duration, look func(*Samples)) (data []int16, first int64) {
	t.Helper()
	video := newDevice(size(320, 180, fps30), shoots(-1, nil))
	in, err := Open(t.Context(), Config{Video: video, Audio: c}, c.clock)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if in.Audio != stereo {
		t.Errorf("format %+v", in.Audio)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	next := int64(-1)
	done := make(chan error, 1)
	go func() {
		done <- in.Samples.Run(ctx, func(s media.Samples) {
			if next < 0 {
				first = media.ToTimescale(s.PTS, 48000)
				next = first
			}
			if want := media.FromTimescale(next, 48000); s.PTS != want || s.Format != stereo || len(s.Data) == 0 {
				t.Errorf("a run of %v samples at %v, want it at %v", len(s.Data), s.PTS, want)
			}
			next += int64(len(s.Data) / 2)
			data = append(data, s.Data...)
		})
	}()
	if look != nil {
		time.Sleep(d - time.Millisecond)
		synctest.Wait()
		look(in.Samples.(*Samples))
	}
	if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run returned %v", err)
	}
	if c.open != 0 {
		t.Errorf("%d sessions are still open", c.open)
	}
	return data, first
}

// steepest is the greatest step from one sample to the next.
func steepest(data []int16) (most int) {
	for i := 2; i < len(data); i++ {
		most = max(most, int(math.Abs(float64(data[i])-float64(data[i-2]))))
	}
	return most
}

// same says whether the sound from sample a to b is the card's.
func same(data []int16, first, a, b int64) bool {
	return slices.Equal(data[(a-first)*2:(b-first)*2], tones(a, int(b-a), 2))
}

func quiet(data []int16, first, a, b int64) bool {
	for _, v := range data[(a-first)*2 : (b-first)*2] {
		if v != 0 {
			return false
		}
	}
	return true
}
