package live

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

func TestSilenceInStepWithTheClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &card{clock: media.NewClock(), format: stereo, opens: []error{errors.New("no such card")}}
		data, first := listen(t, c, 10*time.Second, func(s *Samples) {
			if live := s.Live(); live.Signal != capture.SignalDeviceLost || live.Detail != "no such card" || !live.Slate || live.Losses != 0 {
				t.Errorf("%+v", live)
			}
		})
		if got := int64(len(data) / 2); first != 0 || got < 48000*998/100 || got > 480000 || !quiet(data, 0, 0, got) {
			t.Errorf("%d samples from %d on in 10 s", got, first)
		}
	})
}

// TestTheCardGoesAndComes checks each sample around both seams.
func TestTheCardGoesAndComes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := &card{
			clock: media.NewClock(), format: stereo, opens: []error{nil, errors.New("unplugged"), errors.New("unplugged"), nil},
			runs: []func(context.Context, *cardSession) error{sounds(100, errors.New("unplugged")), sounds(-1, nil)}, lag: 15 * time.Millisecond,
		}
		data, first := listen(t, c, 3*time.Second, func(s *Samples) {
			if live := s.Live(); live.Signal != capture.SignalOK || live.Losses != 1 || live.Slate || live.Device != "hw:1,0" || live.Frames < 200 || live.Slates == 0 {
				t.Errorf("%+v", live)
			}
		})
		if first != 0 || !same(data, first, fade, 48000) {
			t.Error("the card's sound is not where it was recorded")
		}
		for i := range int64(fade) { // backwards, fading out
			up := (1 - math.Cos(math.Pi*(float64(i)+0.5)/fade)) / 2
			want := float64(tone(47999-i)) * (1 - up)
			if got := float64(data[(48000+i)*2]); math.Abs(got-want) > 2 {
				t.Fatalf("sample %d behind the loss is %v, want %v", i, got, want)
			}
		}
		back := int64(len(data) / 2)
		for back > 0 && data[(back-1)*2] == tone(back-1) {
			back--
		}
		back -= fade - 4 // the last few of a fade are whole, but for rounding
		if back < 48000*12/10 || back > 48000*2 {
			t.Fatalf("the card is back at sample %d", back)
		}
		if !quiet(data, first, 48000+fade, back-8) {
			t.Error("between the seams is not silence")
		}
		if !same(data, first, back+fade+4, int64(len(data)/2)) {
			t.Error("the sound that came back is not where it was recorded")
		}
		if s := steepest(data); s > 700 { // the tone's own is 576
			t.Errorf("a step of %d: a click", s)
		}
	})
}

func TestHolesAndOverlapsOfTheCard(t *testing.T) {
	for _, c := range []struct {
		name   string
		off    int64 // samples, at the 100th run
		shift  bool  // the sound after it is moved: it counted as jitter
		silent bool  // there is silence in the hole
	}{
		{"a little late", 300, true, false},
		{"a little early", -300, true, false},
		{"a hole of 50 ms", 2400, false, true},
		{"an overlap of 50 ms", -2400, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := &card{clock: media.NewClock(), format: stereo, opens: []error{nil}, lag: 100 * time.Millisecond}
				k.runs = []func(context.Context, *cardSession) error{func(ctx context.Context, s *cardSession) error {
					if err := sounds(100, nil)(ctx, s); err != nil {
						return err
					}
					s.next += c.off
					return sounds(-1, nil)(ctx, s)
				}}
				data, first := listen(t, k, 2*time.Second, nil)
				end := int64(len(data) / 2)
				if c.shift {
					want := tones(48000+c.off, int(end-48000), 2)
					if !slices.Equal(data[48000*2:], want) {
						t.Error("jitter was not taken as it comes")
					}
					return
				}
				if !same(data, first, fade, 48000) || !same(data, first, 48000+max(0, c.off)+fade, end) {
					t.Error("the sound is not where it was recorded")
				}
				if c.silent != quiet(data, first, 48000+fade, 48000+fade+1800) {
					t.Error("silence in the hole, and nowhere else")
				}
				if s := steepest(data); s > 700 {
					t.Errorf("a step of %d: a click", s)
				}
			})
		})
	}
}

// cards is an Audio whose sessions can convert.
type cards struct {
	*card
	err error
}

func (c *cards) Open(ctx context.Context) (AudioSession, error) {
	s, err := c.card.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &converting{s.(*cardSession), c.err}, nil
}

func TestACardOfAnotherFormat(t *testing.T) {
	mono, low := media.AudioFormat{SampleRate: 48000, Channels: 1}, media.AudioFormat{SampleRate: 44100, Channels: 2}
	for _, c := range []struct {
		name   string
		format media.AudioFormat
		wrap   func(*card) Audio
		want   capture.Signal
		detail string
	}{
		{"mono", mono, func(c *card) Audio { return c }, capture.SignalOK, ""},
		{"44100 Hz, and the card converts", low, func(c *card) Audio { return &cards{card: c} }, capture.SignalOK, ""},
		{"44100 Hz, and it does not", low, func(c *card) Audio { return c }, capture.SignalUnsupported, "the card gives 44100 Hz, 2 channels, the stream has 48000 Hz, 2 channels"},
		{"44100 Hz, and it cannot", low, func(c *card) Audio { return &cards{card: c, err: errors.New("no")} }, capture.SignalUnsupported, "44100 Hz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := &card{clock: media.NewClock(), format: c.format, opens: []error{nil}, runs: []func(context.Context, *cardSession) error{sounds(-1, nil)}}
				in, err := Open(t.Context(), Config{Video: newDevice(size(320, 180, fps30), shoots(-1, nil)), Audio: c.wrap(k)}, k.clock)
				if err != nil {
					t.Fatal(err)
				}
				defer in.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				var data []int16
				if err := in.Samples.Run(ctx, func(s media.Samples) { data = append(data, s.Data...) }); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Run returned %v", err)
				}
				live := in.Samples.(*Samples).Live()
				if live.Signal != c.want || !strings.Contains(live.Detail, c.detail) {
					t.Errorf("%+v", live)
				}
				heard := !quiet(data, 0, 0, int64(len(data)/2))
				if heard != (c.want == capture.SignalOK) {
					t.Errorf("heard: %v", heard)
				}
				if c.format == mono && (data[48000] != tone(24000) || data[48001] != tone(24000)) {
					t.Error("mono is not on both channels")
				}
			})
		})
	}
}

func TestACardThatSendsNothingIsOpenedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := &card{clock: media.NewClock(), format: stereo, opens: []error{nil}}
		k.runs = []func(context.Context, *cardSession) error{
			func(ctx context.Context, _ *cardSession) error { <-ctx.Done(); return ctx.Err() },
			func(ctx context.Context, s *cardSession) error { // a clock of its own
				s.next += 48000 * 3600
				s.emit(media.Samples{Format: stereo, PTS: time.Hour, Data: tones(0, 480, 2)})
				return errors.New("unplugged")
			},
			func(ctx context.Context, s *cardSession) error {
				if err := sounds(100, nil)(ctx, s); err != nil {
					return err
				}
				<-ctx.Done()
				return ctx.Err()
			},
		}
		data, first := listen(t, k, 8*time.Second, func(s *Samples) {
			live := s.Live()
			if live.Signal != capture.SignalStalled || live.Detail != "The sound card sends nothing." || live.Losses != 1 {
				t.Errorf("%+v", live) // and not what was wrong the time before
			}
			if live.Frames != 100 || live.Skipped != 1 || k.tried != 3 {
				t.Errorf("%+v after %d attempts", live, k.tried)
			}
		})
		if n := int64(len(data) / 2); !quiet(data, first, first, first+48000*5) || !quiet(data, first, n-48000, n) {
			t.Error("a run of the far future was heard")
		}
	})
}

func TestAHoleTooLongIsLeftToTheEncoder(t *testing.T) {
	s := newSound(stereo)
	var at []time.Duration
	s.emit = func(r media.Samples) { at = append(at, r.PTS) }
	s.start(time.Second)
	s.silence(48000 * 60)
	if len(at) != 500 || at[0] != 50*time.Second {
		t.Errorf("%d runs from %v on", len(at), at[0])
	}
}

func TestRemix(t *testing.T) {
	for _, c := range []struct {
		in       []int16
		from, to int
		want     []int16
	}{
		{[]int16{1, 2}, 1, 2, []int16{1, 1, 2, 2}},
		{[]int16{10, 20, -32768, -32768}, 2, 1, []int16{15, -32768}},
		{[]int16{1, 2, 3, 4, 5, 6}, 6, 2, []int16{1, 2}},
		{[]int16{1, 2}, 2, 4, []int16{1, 2, 0, 0}},
	} {
		if got := remix(c.in, c.from, c.to); !slices.Equal(got, c.want) {
			t.Errorf("%v from %d to %d channels: %v, want %v", c.in, c.from, c.to, got, c.want)
		}
	}
}

// TestWhateverTheCardDoes: in one piece, no run longer than what came, every
// sample within the tolerance of where it belongs, and no click.
func TestWhateverTheCardDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSound(stereo)
		next := int64(-1)
		var out []int16
		s.emit = func(r media.Samples) {
			at := media.ToTimescale(r.PTS, 48000)
			if next >= 0 && at != next {
				rt.Fatalf("a run at sample %d, want %d", at, next)
			}
			next = at + int64(len(r.Data)/2)
			out = append(out, r.Data...)
		}
		now := int64(rapid.IntRange(0, 1e9).Draw(rt, "start"))
		s.start(media.FromTimescale(now, 48000) + 1)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"run", "run", "run", "jump", "silence"}).Draw(rt, "step") {
			case "run":
				n := rapid.IntRange(1, 3000).Draw(rt, "n")
				at := now + int64(rapid.IntRange(-400, 400).Draw(rt, "jitter"))
				at = max(0, at)
				before, limit := len(out), samplesIn(tolerance, stereo)
				s.card(media.Samples{Format: stereo, PTS: media.FromTimescale(at, 48000) + 1, Data: tones(at, n, 2)})
				now += int64(n)
				if off := at + int64(n) - s.next; off > limit || off < -limit && len(out) != before {
					rt.Fatalf("the sound is %d samples off", off)
				}
			case "jump":
				now += int64(rapid.IntRange(-5000, 20000).Draw(rt, "by"))
			case "silence":
				now += int64(rapid.IntRange(0, 20000).Draw(rt, "for"))
				s.silence(now)
			}
		}
		// A continuation within the tolerance may have a step of its own, the tone
		// being that of another time; a seam has none greater than the tone's peak.
		if len(out) > 0 && steepest(out) > 20500 {
			rt.Fatalf("a step of %d", steepest(out))
		}
	})
}
