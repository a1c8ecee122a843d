package m2m

import (
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

func TestHangIsFoundWithinTheDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		shape func(*hardware)
		after time.Duration
	}{
		"nothing comes back":               {func(h *hardware) { h.hang = func(n int) bool { return n >= 10 } }, time.Second},
		"a deadline of its own":            {func(h *hardware) { h.hang = func(n int) bool { return n >= 10 } }, 300 * time.Millisecond},
		"pictures go in, nothing is coded": {func(h *hardware) { h.skips = func(n int) bool { return n >= 10 } }, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			c.shape(&m.hardware)
			q := Quirks{}
			if c.after < time.Second {
				q.Deadline = c.after
			}
			play(t, m, Config{Quirks: q}, func(r *rig) {
				var freed atomic.Int32
				defer r.e.Pool().OnFree(func() { freed.Add(1) })()
				r.send(10)
				from := time.Now()
				for len(m.opened) == 1 && time.Since(from) < time.Minute {
					r.send(1)
				}
				require.InDelta(t, c.after.Seconds(), time.Since(from).Seconds(), 2*frameTime.Seconds())
				m.alter(func(h *hardware) { h.hang, h.skips = nil, nil })
				r.send(20)
				r.drain()
				require.Len(t, r.gaps(), 1)
				require.Len(t, r.keys(), 2)
				s := r.stats()
				require.Equal(t, uint64(1), s.Recoveries)
				require.NotZero(t, s.Skipped)
				require.True(t, s.Healthy)
				require.NotZero(t, freed.Load(), "the pool's users hear of its new memory")
			})
		})
	}
}

// A driver takes seconds to stop: the new stream does not wait for it.
func TestRecoveryDoesNotWaitForTheOldDevice(t *testing.T) {
	m := newMachine()
	m.hang = func(n int) bool { return n >= 10 }
	m.stopTakes = 2 * time.Second
	play(t, m, Config{}, func(r *rig) {
		r.send(10)
		r.send(24)
		require.Len(t, r.got, 10)
		require.Zero(t, r.stats().Recoveries)
		m.alter(func(h *hardware) { h.hang = nil })
		r.send(10)
		require.Greater(t, len(r.got), 10)
		require.Equal(t, 2, m.openNow, "the old one is still being closed")
		r.drain()
		require.Equal(t, 1, m.openNow)
	})
}

// Where the old device's stopping holds up the new one's pictures, that is no
// hang of the new one, which would be opened anew and stopped, and so on.
func TestAnOldDeviceThatHoldsUpTheNewOne(t *testing.T) {
	m := newMachine()
	m.hang = func(n int) bool { return n >= 10 }
	m.stopTakes, m.stopBlocks = 2*time.Second, true
	play(t, m, Config{}, func(r *rig) {
		r.send(34)
		m.alter(func(h *hardware) { h.hang = nil })
		r.send(300)
		require.Greater(t, len(r.got), 100)
		require.Equal(t, uint64(1), r.stats().Recoveries)
		m.alter(func(h *hardware) { h.stopTakes = 0 })
		r.drain()
	})
}

// Some drivers can be open once only.
func TestReopenAsSoonAsTheOldDeviceIsClosed(t *testing.T) {
	m := newMachine()
	m.hang = func(n int) bool { return n >= 10 }
	m.stopTakes = 2 * time.Second
	m.openErr = func(int) error {
		if m.openNow > 0 {
			return syscall.EBUSY
		}
		return nil
	}
	play(t, m, Config{Device: "/dev/video7"}, func(r *rig) {
		r.send(35)
		m.alter(func(h *hardware) { h.hang = nil })
		from := time.Now()
		for len(r.got) == 10 && time.Since(from) < time.Minute {
			r.send(1)
		}
		require.InDelta(t, 3.6, time.Since(from).Seconds(), 0.6, "two queues, 2 s each")
		r.drain()
		require.Equal(t, uint64(1), r.stats().Recoveries)
	})
}

func TestGenerations(t *testing.T) {
	m := newMachine()
	play(t, m, Config{}, func(r *rig) {
		r.send(3)
		old := r.e.Pool().Get()
		require.Equal(t, uint64(1), old.DMA.Generation)
		late := r.e.Pool().Get()
		fds := len(m.fds)
		m.alter(func(h *hardware) { h.eio = true })
		r.send(1)
		m.alter(func(h *hardware) { h.eio = false })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Len(t, m.fds, fds+2, "those in use keep their descriptors")
		fresh := r.e.Pool().Get()
		require.Greater(t, fresh.DMA.Generation, uint64(1))
		media.Frame{Buffer: fresh}.Release()
		got := len(r.got)
		require.True(t, r.offer(media.Frame{Buffer: late, PTS: pts(100)}))
		require.Len(t, r.got, got, "a picture in old memory is not coded")
		require.Len(t, m.fds, fds+1)
		r.sent = 101
		r.send(5)
		r.drain()
		media.Frame{Buffer: old}.Release()
		require.Len(t, m.fds, fds)
	})
}

// A source may hold a picture for longer than the encoder lives.
func TestPicturesOutliveTheEncoder(t *testing.T) {
	for name, mapped := range map[string]bool{"shared": false, "mapped": true} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			m.noExport = mapped
			e, err := New(Config{Settings: testSettings, kernel: m})
			require.NoError(t, err)
			b := e.Pool().Get()
			require.NoError(t, e.Close())
			require.Nil(t, e.Pool().Get())
			if mapped {
				require.Equal(t, 1, m.openNow, "its memory is the device's")
				b.Planes[0].Data[0] = 1
			} else {
				require.Len(t, m.fds, 1)
			}
			media.Frame{Buffer: b}.Release()
			finish(t, m, e)
		})
	}
}

func TestDeadAfterFiveRecoveriesWithoutAPicture(t *testing.T) {
	for name, shape := range map[string]func(*hardware){
		"it hangs again":       func(h *hardware) { h.hang = func(n int) bool { return n >= 5 } },
		"it cannot be opened":  func(h *hardware) { h.eio = true; h.openErr = func(int) error { return errScript } },
		"it cannot be started": func(h *hardware) { h.eio = true; h.startErr = errScript },
		"it lays its memory out differently": func(h *hardware) {
			h.eio = true
			h.giveRaw = 5
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			play(t, m, Config{}, func(r *rig) {
				r.send(5)
				m.alter(shape)
				var err error
				for from := time.Now(); err == nil; {
					require.Less(t, time.Since(from), time.Minute)
					r.send(1)
					select {
					case err = <-r.done:
					default:
					}
				}
				require.ErrorIs(t, err, ErrDead)
				require.False(t, r.stats().Healthy)
				require.LessOrEqual(t, r.stats().Recoveries, uint64(maxRecoveries))
				m.alter(func(h *hardware) { h.eio = false })
			})
		})
	}
}

// A call that never returns cannot be ended, and nobody but Stats can tell.
func TestStuckInACall(t *testing.T) {
	m := newMachine()
	m.hang = func(n int) bool { return n >= 10 }
	m.stopTakes = time.Hour
	m.openErr = func(n int) error {
		if n > 0 {
			return syscall.EIO
		}
		return nil
	}
	play(t, m, Config{}, func(r *rig) {
		r.send(10)
		time.Sleep(time.Hour)
		require.False(t, r.stats().Stuck, "it waits for a frame")
		r.send(1)
		time.Sleep(20 * time.Second)
		require.False(t, r.stats().Stuck)
		require.False(t, r.stats().Healthy)
		time.Sleep(25 * time.Second)
		require.True(t, r.stats().Stuck, "ErrDead waits for the old device to close")
		require.ErrorIs(t, <-r.done, ErrDead)
		require.False(t, r.stats().Stuck)
		m.alter(func(h *hardware) { h.stopTakes, h.openErr = 0, nil })
	})
}

// Pictures come out, and none of them is of any use.
func TestDeadWithoutKeyPictures(t *testing.T) {
	m := newMachine()
	m.coder = func(*fakeDevice) coder { return &plainCoder{size: 400, open: true} }
	play(t, m, Config{}, func(r *rig) {
		var err error
		for from := time.Now(); err == nil; {
			require.Less(t, time.Since(from), 2*time.Minute)
			r.send(1)
			select {
			case err = <-r.done:
			default:
			}
		}
		require.ErrorIs(t, err, ErrDead)
		require.ErrorContains(t, err, "no key picture")
		require.Empty(t, r.got)
	})
}

func TestCancelDuringRecovery(t *testing.T) {
	m := newMachine()
	play(t, m, Config{}, func(r *rig) {
		r.send(5)
		m.alter(func(h *hardware) { h.eio = true; h.openErr = func(int) error { return errScript } })
		r.send(10)
		from := time.Now()
		r.stop()
		require.Zero(t, time.Since(from))
	})
}

// A stream of one picture a second, which the rate control leaves out now and
// then, is no hang.
func TestSkippedPicturesAreNoHang(t *testing.T) {
	m := newMachine()
	m.skips = func(n int) bool { return n%2 == 1 }
	play(t, m, Config{}, func(r *rig) {
		for range 20 {
			r.send(1)
			time.Sleep(3 * time.Second)
		}
		r.drain()
		require.Len(t, r.got, 10)
		require.Zero(t, r.stats().Recoveries)
	})
}
