package encodetest

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
)

func (s *suite) update(t *testing.T) {
	run := start(t, s.open, s.settings)
	var want []int
	for round := range 20 {
		changed := s.settings
		changed.Bitrate = s.settings.MaxBitrate * (1 + round*7%10) / 10
		require.NoError(t, run.enc.Update(changed))
		for n := range 12 {
			f := run.footage.Frame(run.sent)
			if f.ForceKey = round%3 == 0 && n == 5; f.ForceKey || run.sent == 0 {
				want = append(want, run.sent)
			}
			run.sendFrame(f)
		}
	}
	got := run.drain() // one track, no parameter sets in band
	require.Equal(t, want, keysOf(got), "a new bit rate makes no key picture")
	require.Len(t, Decode(t, got), 240)
}

func (s *suite) updateSame(t *testing.T) {
	plain := start(t, s.open, s.settings)
	plain.send(30)
	want := plain.drain()

	run := start(t, s.open, s.settings)
	for range 30 {
		require.NoError(t, run.enc.Update(s.settings))
		run.send(1)
	}
	got := run.drain()
	require.Equal(t, keysOf(want), keysOf(got))
	if !s.Deterministic {
		return
	}
	for i := range want {
		require.True(t, bytes.Equal(want[i].Data, got[i].Data), "packet %d differs", i)
	}
}

func (s *suite) updateRestart(t *testing.T) {
	run := start(t, s.open, s.settings)
	run.send(10)
	for name, change := range map[string]func(*encode.Settings){
		"width":            func(x *encode.Settings) { x.Format.Width -= 16 },
		"height":           func(x *encode.Settings) { x.Format.Height -= 16 },
		"frame rate":       func(x *encode.Settings) { x.Format.FrameRate.Num++ },
		"colour":           func(x *encode.Settings) { x.Format.Color.Matrix = 5 },
		"above MaxBitrate": func(x *encode.Settings) { x.Bitrate = x.MaxBitrate + 1 },
		"MaxBitrate":       func(x *encode.Settings) { x.MaxBitrate *= 2 },
	} {
		changed := s.settings
		changed.Bitrate = s.settings.Bitrate / 2
		change(&changed)
		require.ErrorIs(t, run.enc.Update(changed), encode.ErrRestart, name)
	}
	none := s.settings
	none.Bitrate = 0
	require.Error(t, run.enc.Update(none))
	run.send(20)
	got := run.drain()
	require.Equal(t, []int{0}, keysOf(got))
	if !s.Deterministic {
		return
	}
	plain := start(t, s.open, s.settings)
	plain.send(30)
	for i, p := range plain.drain() {
		require.True(t, bytes.Equal(p.Data, got[i].Data), "packet %d differs", i)
	}
}

// anyTime is for the race detector.
func (s *suite) anyTime(t *testing.T) {
	run := start(t, s.open, s.settings)
	var callers sync.WaitGroup
	quit := make(chan struct{})
	for i := range 2 {
		callers.Go(func() {
			changed := s.settings
			for n := 0; ; n++ {
				select {
				case <-quit:
					return
				default:
				}
				changed.Bitrate = s.settings.Bitrate * (10 + (n+i)%10) / 20
				if err := run.enc.Update(changed); err != nil {
					t.Errorf("Update: %v", err)
					return
				}
				run.enc.RequestKey()
				time.Sleep(time.Millisecond)
			}
		})
	}
	run.send(40)
	close(quit)
	callers.Wait()
	require.Len(t, Decode(t, run.drain()), 40)
}

// rate measures the two seconds that begin one second after each change.
func (s *suite) rate(t *testing.T) {
	settings := s.settingsFor(s.RateFormat)
	run := start(t, s.open, settings)
	run.footage.Still = s.Still
	fps := int(settings.Format.FrameRate.Float() + 0.5)
	type phase struct {
		bitrate  int
		from, to time.Duration
	}
	var phases []phase
	for _, tenths := range []int{4, 10, 3, 6} {
		changed := settings
		changed.Bitrate = settings.MaxBitrate * tenths / 10
		require.NoError(t, run.enc.Update(changed))
		start := run.footage.Frame(run.sent)
		from := start.PTS + time.Second
		start.Release()
		phases = append(phases, phase{changed.Bitrate, from, from + 2*time.Second})
		for n := range 3 * fps {
			f := run.footage.Frame(run.sent)
			f.ForceKey = n%(2*fps) == fps // keys as in a stream, one in each window
			run.sendFrame(f)
		}
		run.await(run.sent - s.Latency)
	}
	got := run.drain()
	for _, p := range phases {
		checkRate(t, got, p.from, p.to, p.bitrate, s.RateTolerance)
	}
}

func checkRate(t *testing.T, got []media.Packet, from, to time.Duration, bitrate int, tolerance float64) {
	t.Helper()
	is := float64(bytesBetween(got, from, to)) * 8 / (to - from).Seconds()
	t.Logf("asked for %d kbit/s, got %.0f", bitrate/1000, is/1000)
	require.InEpsilon(t, float64(bitrate), is, tolerance, "bit rate from %v to %v", from, to)
}
