//go:build box

package m2m

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/encodetest"
	"github.com/encoderbox/encoderbox/media"
)

// faults are files of debugfs and what is written to them.
type faults map[string]int

func (f faults) set(t *testing.T) {
	t.Helper()
	for name, v := range f {
		require.NoError(t, os.WriteFile(debugfs+name, []byte(fmt.Sprint(v)), 0o200))
	}
}

func (f faults) clear(t *testing.T) {
	t.Helper()
	for name := range f {
		require.NoError(t, os.WriteFile(debugfs+name, []byte("0"), 0o200))
	}
}

// live is an encoder that is sent pictures as a camera does.
type live struct {
	t       *testing.T
	e       *Encoder
	footage *encodetest.Footage
	frames  chan media.Frame
	done    chan error
	sent    int
	taken   int             // of those sent
	forced  []time.Duration // PTS of the key pictures that were asked for
	got     []media.Packet  // the writer's until done
}

func startLive(t *testing.T, q Quirks, bitrate int) *live {
	t.Helper()
	s := encode.Settings{Format: boxFormat, Bitrate: bitrate, MaxBitrate: 8_000_000}
	l := &live{t: t, e: openBox(t, s, q), footage: encodetest.NewFootage(boxFormat), frames: make(chan media.Frame), done: make(chan error, 1)}
	l.footage.Still = true
	go func() {
		l.done <- l.e.Run(t.Context(), l.frames, media.WriterFunc(func(p media.Packet) { l.got = append(l.got, p) }))
	}()
	return l
}

// send offers n pictures, one each 20 ms: one for which there is no room soon is
// dropped, unless it is to be a key picture.
func (l *live) send(n int, force ...int) {
	for i := range n {
		f := l.footage.Frame(l.sent)
		for _, k := range force {
			f.ForceKey = f.ForceKey || k == i
		}
		l.sent++
		tick := time.NewTimer(20 * time.Millisecond)
		if f.ForceKey {
			tick.Reset(10 * time.Second)
			l.forced = append(l.forced, f.PTS)
		}
		select {
		case l.frames <- f:
			l.taken++
			tick.Reset(20 * time.Millisecond)
			<-tick.C
		case <-tick.C:
			f.Release()
		case err := <-l.done:
			l.done <- err
			f.Release()
			return
		}
	}
}

// until sends until it is so.
func (l *live) until(what string, is func(Stats) bool) {
	l.t.Helper()
	for from := time.Now(); !is(l.e.Stats()); {
		if time.Since(from) > 3*time.Minute {
			l.t.Fatalf("waited too long until %s: %+v", what, l.e.Stats())
		}
		l.send(1)
	}
}

// end drains and checks that what came out can be decoded, whatever happened.
func (l *live) end() []media.Packet {
	l.t.Helper()
	close(l.frames)
	require.NoError(l.t, <-l.done)
	require.Zero(l.t, l.footage.Alive())
	for i, p := range l.got {
		require.Same(l.t, l.got[0].Track, p.Track)
		if i == 0 || p.Gap {
			require.True(l.t, p.Key, "packet %d", i)
		}
	}
	want := l.footage.I420(0)
	for n, picture := range encodetest.Decode(l.t, l.got) {
		require.Equal(l.t, want, picture, "picture %d", n)
	}
	l.t.Logf("%d packets of %d frames, %d taken: %+v", len(l.got), l.sent, l.taken, l.e.Stats())
	return l.got
}

func gapsOf(packets []media.Packet) (n int) {
	for _, p := range packets {
		if p.Gap {
			n++
		}
	}
	return n
}

func TestBoxRecovers(t *testing.T) {
	for name, c := range map[string]struct {
		faults
		mend bool // the fault ends by itself, or when it is ended
	}{
		"one open file hangs":          {faults{"hang_mode": 1, "hang_after": 20}, false},
		"the device hangs":             {faults{"hang_mode": 2, "hang_after": 20}, true},
		"stopping takes long":          {faults{"hang_mode": 1, "hang_after": 20, "hang_streamoff_ms": 2000}, false},
		"EIO until it is closed":       {faults{"eio": 1}, false},
		"EIO until it is stopped":      {faults{"eio": 2}, false},
		"EIO for all":                  {faults{"eio": 3}, true},
		"it cannot be opened at first": {faults{"eio": 1, "open_fails": 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLive(t, Quirks{Deadline: time.Second}, 2_000_000)
			l.send(25)
			defer c.clear(t)
			c.set(t)
			from := time.Now()
			if c.mend {
				l.until("it fails", func(s Stats) bool { return !s.Healthy })
				l.send(10)
				c.clear(t)
			}
			l.until("it has recovered", func(s Stats) bool { return s.Recoveries > 0 && s.Healthy })
			t.Logf("recovered after %v", time.Since(from).Round(time.Millisecond))
			l.send(10)
			got := l.end()
			require.Equal(t, 1, gapsOf(got))
		})
	}
}

func TestBoxDead(t *testing.T) {
	f := faults{"hang_mode": 3, "hang_after": 0}
	defer f.clear(t)
	l := startLive(t, Quirks{Deadline: 300 * time.Millisecond}, 2_000_000)
	l.send(10)
	dead := faults{"eio": 3}
	defer dead.clear(t)
	dead.set(t)
	for from := time.Now(); time.Since(from) < 60*time.Second; {
		l.send(10)
		select {
		case err := <-l.done:
			require.ErrorIs(t, err, ErrDead)
			require.False(t, l.e.Stats().Healthy)
			require.Zero(t, l.footage.Alive())
			return
		default:
		}
	}
	t.Fatal("it goes on")
}

func TestBoxUnplugged(t *testing.T) {
	l := startLive(t, Quirks{}, 2_000_000)
	l.send(20)
	driver := "/sys/bus/platform/drivers/vh264/"
	require.NoError(t, os.WriteFile(driver+"unbind", []byte("vh264"), 0o200))
	l.until("it is gone", func(s Stats) bool { return !s.Healthy })
	require.NoError(t, os.WriteFile(driver+"bind", []byte("vh264"), 0o200))
	l.until("it has recovered", func(s Stats) bool { return s.Healthy })
	l.send(10)
	require.Equal(t, 1, gapsOf(l.end()))
}

func TestBoxDamage(t *testing.T) {
	for name, f := range map[string]faults{
		"pictures left out and marked": {"error_every": 10},
		"pictures lost and marked":     {"error_every": 10, "error_lost": 1},
	} {
		t.Run(name, func(t *testing.T) {
			defer f.clear(t)
			f.set(t)
			l := startLive(t, Quirks{}, 2_000_000)
			l.send(55)
			got := l.end()
			s := l.e.Stats()
			require.GreaterOrEqual(t, s.ErrorBuffers, uint64(4))
			require.InDelta(t, s.ErrorBuffers, gapsOf(got), 1)
			require.Zero(t, s.Recoveries)
		})
	}
}

func TestBoxSkips(t *testing.T) {
	f := faults{"skip_every": 4}
	defer f.clear(t)
	f.set(t)
	l := startLive(t, Quirks{}, 2_000_000)
	l.send(60)
	require.Zero(t, gapsOf(l.end()))
	s := l.e.Stats()
	require.InDelta(t, 15, s.Skipped, 3)
	require.Zero(t, s.Recoveries)
}

func TestBoxBitrate(t *testing.T) {
	for name, c := range map[string]struct {
		faults
		want     string
		restarts bool
	}{
		"live":    {faults{}, "yes", false},
		"ignored": {faults{"ignore_bitrate": 1}, "ignored: restarts", true},
		"busy":    {faults{"bitrate_busy": 1}, "refused: restarts", true},
	} {
		t.Run(name, func(t *testing.T) {
			defer c.clear(t)
			c.set(t)
			l := startLive(t, Quirks{}, 4_000_000)
			l.send(75, 50)
			s := l.e.settings
			s.Bitrate = 1_000_000
			require.NoError(t, l.e.Update(s))
			l.send(250, 25, 75, 125, 175, 225) // a verdict, a trial, a verdict
			require.Equal(t, c.want, l.e.Stats().LiveBitrate)
			require.Equal(t, c.restarts, l.e.Stats().Restarts > 0)
			got := l.end()
			require.Len(t, got, l.taken)
			require.Zero(t, gapsOf(got), "nothing is lost by a restart")
			bits := 0
			tail := got[len(got)-20:]
			for _, p := range tail {
				bits += 8 * len(p.Data)
			}
			require.Less(t, float64(bits)*25/float64(len(tail)), 1_500_000.0)
		})
	}
}

func TestBoxKeys(t *testing.T) {
	for name, c := range map[string]struct {
		faults
		want string
	}{
		"as asked":   {faults{"no_repeat_headers": 7}, "yes"},
		"no control": {faults{"no_force_key": 1, "no_bitrate_mode": 1}, "refused: restarts"},
	} {
		t.Run(name, func(t *testing.T) {
			defer c.clear(t)
			c.set(t)
			l := startLive(t, Quirks{}, 2_000_000)
			l.send(80, 10, 79)
			got := l.end()
			require.Equal(t, c.want, l.e.Stats().LiveKey)
			require.Len(t, got, l.taken)
			for i, p := range got {
				asked := slices.Contains(l.forced, p.PTS)
				require.Equal(t, i == 0 || asked, p.Key, "packet %d", i)
				if asked {
					require.Len(t, encodetest.Decode(t, got[i:]), len(got)-i)
				}
			}
		})
	}
}

func TestBoxLimits(t *testing.T) {
	t.Run("cut frame rate", func(t *testing.T) {
		f := faults{"integer_rate": 2}
		defer f.clear(t)
		f.set(t)
		s := encode.Settings{Format: boxFormat, Bitrate: 1_000_000}
		s.Format.FrameRate = media.Rational{Num: 30000, Den: 1001}
		e := openBox(t, s, Quirks{})
		require.Equal(t, media.Rational{Num: 29, Den: 1}, e.session.rate)
		require.Equal(t, 967_633, e.session.ctl.scaled(1_000_000))
	})
	t.Run("a low level stalls", func(t *testing.T) {
		f := faults{"level_stalls": 1}
		defer f.clear(t)
		f.set(t)
		l := startLive(t, Quirks{}, 2_000_000)
		l.send(30)
		l.end()
		require.Zero(t, l.e.Stats().Recoveries)
	})
	t.Run("slow", func(t *testing.T) {
		f := faults{"slow_ms": 60}
		defer f.clear(t)
		f.set(t)
		l := startLive(t, Quirks{Deadline: time.Second}, 2_000_000)
		l.send(60)
		require.Less(t, len(l.end()), 50, "frames are dropped where there is no room, not queued")
		require.Zero(t, l.e.Stats().Recoveries)
	})
	t.Run("buffers come back in error", func(t *testing.T) {
		f := faults{"frames_limit": 20}
		defer f.clear(t)
		l := startLive(t, Quirks{}, 2_000_000)
		l.send(10)
		f.set(t)
		l.until("it has begun anew", func(s Stats) bool { return s.Recoveries > 0 && s.Healthy })
		l.end()
	})
}
