package m2m

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// rated is a machine whose pictures are as large as the bit rate says.
func rated() *machine {
	m := newMachine()
	m.coder = func(*fakeDevice) coder { return &plainCoder{} }
	return m
}

func (r *rig) update(bitrate int) {
	s := testSettings
	s.Bitrate = bitrate
	require.NoError(r.t, r.e.Update(s))
}

// sizeAt is the size of the packet of a frame.
func (r *rig) sizeAt(n int) int {
	for _, p := range r.got {
		if p.PTS == pts(n) {
			return len(p.Data)
		}
	}
	r.t.Fatalf("frame %d did not come out", n)
	return 0
}

func (r *rig) requireRate(n, bitrate int) {
	r.t.Helper()
	require.InEpsilon(r.t, bitrate/8/25, r.sizeAt(n), 0.05, "frame %d", n)
}

func TestBitrateLive(t *testing.T) {
	m := rated()
	play(t, m, Config{}, func(r *rig) {
		r.send(50)
		r.update(500_000)
		r.send(100)
		r.requireRate(50, 500_000)
		require.Equal(t, "yes", r.stats().LiveBitrate)
		r.update(4_000_000)
		r.send(10)
		r.requireRate(150, 4_000_000)
		r.drain()
		require.Equal(t, []int{0}, r.keys())
		require.Zero(t, r.stats().Restarts)
	})
}

func TestBitrateRefusedWhileStreaming(t *testing.T) {
	m := rated()
	m.busy = true
	play(t, m, Config{}, func(r *rig) {
		r.send(60)
		r.update(500_000)
		r.send(40, 75) // it waits for the key picture
		r.requireRate(70, 1_000_000)
		r.requireRate(75, 500_000)
		require.Equal(t, "refused: restarts", r.stats().LiveBitrate)
		r.update(2_000_000)
		r.send(100) // but not for ever
		r.requireRate(140, 500_000)
		r.requireRate(155, 2_000_000)
		r.drain()
		require.Len(t, r.got, 200)
		require.Equal(t, []int{0, 75, 150}, r.keys())
		require.Empty(t, r.gaps(), "no picture was lost")
		require.Equal(t, uint64(2), r.stats().Restarts)
		require.Zero(t, r.stats().Recoveries)
	})
}

func TestBitrateTakenAndIgnored(t *testing.T) {
	m := rated()
	m.deafBitrate = true
	play(t, m, Config{}, func(r *rig) {
		r.send(60)
		r.update(500_000)
		r.send(180, 100, 150)
		r.requireRate(130, 1_000_000)
		r.requireRate(150, 500_000)
		require.Equal(t, "ignored: restarts", r.stats().LiveBitrate)
		r.update(250_000)
		r.send(20, 250)
		r.requireRate(249, 500_000)
		r.requireRate(250, 250_000)
		r.drain()
		require.Len(t, r.got, 260)
		require.Empty(t, r.gaps())
		require.Equal(t, uint64(2), r.stats().Restarts)
	})
}

// Pictures that cannot be coded with less look as if the encoder had ignored a
// lower rate, just when the uplink is short. They cost a trial now and then, and
// the encoder goes on to be believed.
func TestBitrateBelowWhatThePicturesNeed(t *testing.T) {
	m := rated()
	m.coder = func(*fakeDevice) coder { return &plainCoder{least: 900_000 / 8 / 25} }
	play(t, m, Config{}, func(r *rig) {
		r.send(60)
		for _, rate := range []int{500_000, 300_000, 150_000} {
			r.update(rate)
			r.send(150)
		}
		require.Empty(t, r.stats().LiveBitrate)
		require.Equal(t, uint64(1), r.stats().Restarts, "one trial in 20 s")
		r.update(4_000_000)
		r.send(100)
		r.drain()
		r.requireRate(511, 4_000_000)
		require.Equal(t, "yes", r.stats().LiveBitrate)
		require.Empty(t, r.gaps())
	})
}

// What the driver cannot do is not held against it.
func TestBitrateOutsideTheDriversRange(t *testing.T) {
	m := rated()
	play(t, m, Config{Quirks: Quirks{MinBitrate: 900_000}}, func(r *rig) {
		r.send(60)
		r.update(100_000)
		r.send(200, 150, 200)
		r.drain()
		require.Zero(t, r.stats().Restarts)
		require.Empty(t, r.stats().LiveBitrate)
	})
}

// A device that fails while it is asked has refused nothing.
func TestFailureDuringAControlIsNoRefusal(t *testing.T) {
	m := rated()
	play(t, m, Config{}, func(r *rig) {
		r.send(60)
		m.alter(func(h *hardware) { h.eio, h.controlErr = true, syscall.EIO })
		r.update(500_000)
		b := r.e.Pool().Get()
		r.offer(media.Frame{Buffer: b, PTS: pts(60), ForceKey: true})
		m.alter(func(h *hardware) { h.eio, h.controlErr = false, nil })
		r.sent++
		r.send(100)
		before := r.stats().Restarts
		r.update(1_000_000)
		r.send(50, 200)
		r.drain()
		s := r.stats()
		require.Equal(t, uint64(1), s.Recoveries)
		require.Equal(t, before, s.Restarts)
		require.NotContains(t, s.LiveBitrate, "refused")
		require.NotContains(t, s.LiveKey, "refused")
	})
}

// That a higher rate does not show may be the picture's doing: one restart at a
// key picture that was due anyway tells.
func TestBitrateUpIgnored(t *testing.T) {
	for name, c := range map[string]struct {
		most int
		want string
	}{
		"the encoder's doing": {0, "ignored: restarts"},
		"the picture's doing": {1_000_000 / 8 / 25, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := rated()
			m.deafBitrate = true
			m.coder = func(*fakeDevice) coder { return &plainCoder{most: c.most} }
			play(t, m, Config{}, func(r *rig) {
				r.send(60)
				r.update(4_000_000)
				r.send(340, 100, 150, 200, 250, 300, 350)
				r.drain()
				require.Equal(t, []int{0, 100, 150, 200, 250, 300, 350}, r.keys())
				require.Equal(t, c.want, r.stats().LiveBitrate)
				require.Equal(t, uint64(1), r.stats().Restarts)
				require.Empty(t, r.gaps())
			})
		})
	}
}

func TestBitrateThatIsKnownToBeIgnored(t *testing.T) {
	m := rated()
	m.deafBitrate = true
	play(t, m, Config{Quirks: Quirks{NoLiveBitrate: true}}, func(r *rig) {
		r.send(30)
		r.update(500_000)
		r.send(40, 50)
		r.requireRate(50, 500_000)
		r.drain()
		require.Equal(t, []int{0, 50}, r.keys())
	})
}

// A rate controller's small steps do not each cost a restart; what matters does.
func TestSmallChangesWaitWhereEachTakesARestart(t *testing.T) {
	m := rated()
	keys := make([]int, 20)
	for i := range keys {
		keys[i] = i * 50
	}
	play(t, m, Config{Quirks: Quirks{NoLiveBitrate: true}}, func(r *rig) {
		r.send(60, keys...)
		r.update(500_000)
		r.send(45, keys...)
		r.requireRate(100, 500_000)
		for i := range 44 { // five a second, of 2 % and back, and slowly up
			r.update(500_000 + 2000*i + 10_000*(i%2))
			r.send(5, keys...)
		}
		require.Equal(t, uint64(1), r.stats().Restarts)
		r.update(550_000)
		r.send(75, keys...)
		require.Equal(t, uint64(2), r.stats().Restarts, "a small change after a time")
		r.requireRate(399, 550_000)
		r.update(300_000)
		r.send(55, keys...)
		r.requireRate(454, 300_000)
		require.Equal(t, uint64(3), r.stats().Restarts)
		r.update(200_000)
		r.send(1, keys...)
		r.update(290_000) // taken back
		r.send(60, keys...)
		r.drain()
		r.requireRate(515, 300_000)
		require.Equal(t, uint64(3), r.stats().Restarts)
		require.Empty(t, r.gaps())
	})
}

func TestRestartsAreLimited(t *testing.T) {
	m := rated()
	m.busy = true
	play(t, m, Config{}, func(r *rig) {
		every := make([]int, 250)
		for n := range every {
			every[n] = n
		}
		for n := range 250 {
			r.update(500_000 + 1000*n)
			r.send(1, every...)
		}
		r.drain()
		require.Len(t, r.got, 250)
		require.LessOrEqual(t, r.stats().Restarts, uint64(10))
		require.Len(t, r.keys(), 250, "the rest is asked of the driver")
	})
}

func TestKeyPictureThatCannotBeAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		shape func(*hardware)
		q     Quirks
		keys  []int
		want  string
	}{
		"no control": {
			shape: func(h *hardware) {
				h.controls = []v4l2.Control{{ID: v4l2.CtrlBitrate, Type: v4l2.ControlInteger, Max: 1e9, Step: 1}}
			},
			keys: []int{0, 50, 75, 100}, want: "refused: restarts", // 60 is too soon, and owed
		},
		"refused": {
			shape: func(h *hardware) { h.refusesKey = true },
			keys:  []int{0, 50, 75, 100}, want: "refused: restarts",
		},
		"known to be ignored": {
			q: Quirks{NoForceKey: true}, keys: []int{0, 50, 75, 100}, want: "refused: restarts",
		},
		"ignored": {
			shape: func(h *hardware) { h.deafKey = true },
			keys:  []int{0, 54, 79, 104}, want: "ignored: restarts", // found out four pictures later
		},
		"late": {
			shape: func(h *hardware) { h.lateKey = 2 },
			keys:  []int{0, 52, 62, 102}, want: "yes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			if c.shape != nil {
				c.shape(&m.hardware)
			}
			play(t, m, Config{Quirks: c.q}, func(r *rig) {
				r.send(120, 50, 60, 100)
				r.drain()
				require.Equal(t, c.keys, r.keys())
				require.Equal(t, c.want, r.stats().LiveKey)
				require.Len(t, r.got, 120)
				require.Empty(t, r.gaps())
				require.Zero(t, r.stats().Recoveries)
			})
		})
	}
}

func TestRestartByOpeningAnew(t *testing.T) {
	m := rated()
	m.busy = true
	play(t, m, Config{Quirks: Quirks{Reopen: true}}, func(r *rig) {
		r.send(60)
		r.update(500_000)
		r.send(40, 75)
		r.drain()
		require.Equal(t, []int{0, 76}, r.keys(), "the picture in the old memory is lost")
		require.Equal(t, []int{76}, r.gaps())
		r.requireRate(76, 500_000)
		s := r.stats()
		require.Equal(t, uint64(1), s.Restarts)
		require.Zero(t, s.Recoveries)
		require.Equal(t, uint64(1), s.Skipped)
	})
}

func TestRestartThatHangsIsARecovery(t *testing.T) {
	m := rated()
	m.busy = true
	play(t, m, Config{}, func(r *rig) {
		r.send(60)
		r.update(500_000)
		m.alter(func(h *hardware) { h.delay = time.Hour })
		r.send(2)
		m.alter(func(h *hardware) { h.delay = 0 })
		r.send(60, 62)
		r.drain()
		require.Equal(t, uint64(1), r.stats().Recoveries)
		require.Len(t, r.gaps(), 1)
		r.requireRate(121, 500_000)
	})
}
