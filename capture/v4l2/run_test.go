package v4l2capture

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/live"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

func TestSharedMemoryIsWrittenByTheDevice(t *testing.T) {
	h := hdmi()
	tale(t, Config{}, h, func(st *story) {
		st.mustOpen()
		if f := st.s.Format(); f.Width != 1280 || f.Height != 720 || f.FrameRate != (media.Rational{Num: 50, Den: 1}) || f.Pixel != media.NV12 {
			t.Errorf("format %+v", f)
		}
		if p := st.s.Pixels(); len(p) != 2 || p[0] != media.NV12 || p[1] != media.UYVY {
			t.Errorf("pixels %v", p)
		}
		if d := st.s.Device(); d != "unicam (platform:fe801000.csi)" {
			t.Errorf("device %q", d)
		}
		st.wantStatus(capture.TransferNone, "", 0)
		st.run(layout(media.NV12, 1280, 720))
		st.shoot(h, 200)
		st.wantFrames(200)
		st.wantStatus(capture.ZeroCopy, "", 0)
		if h.q.kind != v4l2.DMABUF || h.q.n != 6 || h.q.most != 3 || st.k.mapped != 0 {
			t.Errorf("%v queue of %d, at most %d in it, %d mapped", h.q.kind, h.q.n, h.q.most, st.k.mapped)
		}
		for i, pts := range st.pts[1:] {
			if d := pts - st.pts[i]; d != 20*time.Millisecond {
				t.Fatalf("picture %d comes %v after the one before", i+1, d)
			}
		}
		if late := st.video.clock.Now() - st.pts[199]; late != 5*time.Millisecond {
			t.Errorf("the last picture is of %v ago, its driver said 5ms", late)
		}
	})
}

// TestSlowReaderCostsPictures holds frames back until none is left.
func TestSlowReaderCostsPictures(t *testing.T) {
	h := hdmi()
	tale(t, Config{}, h, func(st *story) {
		st.mustOpen()
		st.keep = 100
		st.run(layout(media.NV12, 1280, 720))
		st.shoot(h, 10)
		st.wantFrames(6)
		time.Sleep(5 * time.Second) // far beyond any deadline: it is our silence
		st.release(0)
		synctest.Wait()
		st.keep = 0
		st.shoot(h, 5)
		st.wantFrames(11)
		st.wantStatus(capture.ZeroCopy, "", 4)
	})
}

// TestStartWithOnePicture: the rest of the pool is in use still, by a slate.
func TestStartWithOnePicture(t *testing.T) {
	for _, n := range []int{0, 1} {
		h := hdmi()
		tale(t, Config{}, h, func(st *story) {
			st.mustOpen()
			st.pool = newDMAPool(t, layout(media.NV12, 1280, 720))
			var slate []*media.Buffer
			for range 6 - n {
				slate = append(slate, st.pool.Get())
			}
			st.run(st.pool.layout)
			st.shoot(h, 500)
			st.wantFrames(0)
			for _, b := range slate {
				giveBack(b)
			}
			synctest.Wait()
			st.shoot(h, 5)
			st.wantFrames(5)
		})
	}
}

func TestSignalLoss(t *testing.T) {
	for _, c := range []struct {
		name   string
		hurt   func(h *hardware)
		within time.Duration
		signal capture.Signal
		words  string
	}{
		{"cable pulled", func(h *hardware) { h.tell(func() { h.queryErr = v4l2.ErrNoSignal }) },
			0, capture.SignalNone, "nothing is connected, or it is switched off"},
		{"cable pulled, the receiver knows", func(h *hardware) {
			h.tell(func() { h.queryErr = v4l2.ErrNoSignal; h.controls[v4l2.CtrlRXPowerPresent] = 0 })
		}, 0, capture.SignalNone, "no cable"},
		{"source asleep", func(h *hardware) {
			h.tell(func() { h.queryErr = v4l2.ErrNoSignal; h.controls[v4l2.CtrlRXPowerPresent] = 1 })
		}, 0, capture.SignalNone, "connected, but sends nothing"},
		{"lock lost", func(h *hardware) { h.tell(func() { h.queryErr = v4l2.ErrNoSync }) },
			0, capture.SignalUnstable, "cannot be locked on"},
		{"too fast", func(h *hardware) { h.tell(func() { h.queryErr = v4l2.ErrOutOfRange }) },
			0, capture.SignalUnsupported, "set the source to"},
		{"frames stop, no word", func(*hardware) {}, time.Second, capture.SignalStalled, "no picture has come for 1s"},
		{"frames stop, signal gone without a word", func(h *hardware) { h.change(func() { h.queryErr = v4l2.ErrNoSignal }) },
			time.Second, capture.SignalNone, ""},
		{"unplugged", func(h *hardware) { h.k.unplug(h) }, 0, capture.SignalDeviceLost, "was unplugged"},
		{"queue in error", func(h *hardware) { h.change(func() { h.dequeue = unix.EIO }) },
			0, capture.SignalDeviceLost, "unplugged or has failed"},
		{"queue in error that says nothing", func(h *hardware) { h.change(func() { h.dequeue = v4l2.ErrAgain }) },
			0, capture.SignalDeviceLost, "queue is in error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := hdmi()
			tale(t, Config{}, h, func(st *story) {
				st.mustOpen()
				st.run(layout(media.NV12, 1280, 720))
				st.shoot(h, 3)
				begin := time.Now()
				c.hurt(h)
				st.wantEnd(c.signal, c.words)
				if d := time.Since(begin); d != c.within {
					t.Errorf("told after %v, want %v", d, c.within)
				}
				st.wantFrames(3)
				if h.q != nil {
					t.Error("the queue is there still")
				}
			})
		})
	}
}

func TestSourceChange(t *testing.T) {
	changed := func(st *story) *live.Changed {
		t.Helper()
		var e *live.Changed
		err := <-st.ended
		if st.ended = nil; !errors.As(err, &e) {
			t.Fatalf("got %v, want a change", err)
		}
		return e
	}
	t.Run("another size", func(t *testing.T) {
		h := hdmi()
		tale(t, Config{}, h, func(st *story) {
			st.mustOpen()
			st.run(layout(media.NV12, 1280, 720))
			st.shoot(h, 3)
			h.tell(func() { h.timing = vga })
			if to := changed(st).To; to.Width != 640 || to.Height != 480 || to.FrameRate.Num != 60 {
				t.Errorf("to %+v", to)
			}
			st.shut()
			st.mustOpen()
			if f := st.s.Format(); f.Width != 640 || f.FrameRate.Num != 60 {
				t.Errorf("opened anew as %+v", f)
			}
		})
	})
	t.Run("another rate", func(t *testing.T) {
		h := hdmi()
		tale(t, Config{}, h, func(st *story) {
			st.mustOpen()
			st.run(layout(media.NV12, 1280, 720))
			h.tell(func() { h.timing = hd60 })
			if to := changed(st).To; to.FrameRate.Num != 60 {
				t.Errorf("to %+v", to)
			}
		})
	})
	t.Run("nothing, and pictures go on", func(t *testing.T) {
		h := hdmi()
		tale(t, Config{}, h, func(st *story) {
			st.mustOpen()
			st.run(layout(media.NV12, 1280, 720))
			h.tell(func() {})
			st.shoot(h, 100)
			st.wantFrames(100)
		})
	})
	t.Run("nothing, and the driver has stopped", func(t *testing.T) {
		h := hdmi()
		tale(t, Config{}, h, func(st *story) {
			st.mustOpen()
			st.run(layout(media.NV12, 1280, 720))
			st.shoot(h, 3)
			begin := time.Now()
			h.tell(func() {})
			changed(st)
			if d := time.Since(begin); d != 250*time.Millisecond {
				t.Errorf("told after %v", d)
			}
		})
	})
	t.Run("between Open and Run", func(t *testing.T) {
		h := hdmi()
		tale(t, Config{}, h, func(st *story) {
			st.mustOpen()
			h.tell(func() { h.timing = vga })
			st.run(layout(media.NV12, 1280, 720))
			changed(st)
		})
	})
	t.Run("a camera's size", func(t *testing.T) {
		h := webcam()
		tale(t, Config{Width: 640, Height: 480}, h, func(st *story) {
			st.mustOpen()
			st.run(layout(media.YUYV, 640, 480))
			h.tell(func() {}) // no change: some drivers say so at each start
			st.shoot(h, 5)
			st.wantFrames(5)
			h.tell(func() { h.format.Width = 320 })
			changed(st)
		})
	})
	t.Run("the driver ends its stream", func(t *testing.T) {
		h := webcam()
		tale(t, Config{Width: 640, Height: 480}, h, func(st *story) {
			st.mustOpen()
			st.run(layout(media.YUYV, 640, 480))
			h.change(func() { h.dequeue = v4l2.ErrLast })
			changed(st)
		})
	})
}

func TestDamagedPicturesAreDropped(t *testing.T) {
	h := hdmi()
	tale(t, Config{}, h, func(st *story) {
		st.mustOpen()
		st.run(layout(media.NV12, 1280, 720))
		st.shoot(h, 2)
		h.shot = func(b *v4l2.Buffer, _ []byte) { b.Flags |= v4l2.FlagError }
		st.shoot(h, 2)
		h.shot = func(b *v4l2.Buffer, _ []byte) { b.Planes[0].BytesUsed-- }
		st.shoot(h, 2)
		h.shot = nil
		st.shoot(h, 2)
		st.wantFrames(4)
		h.delivered += 3 // the driver had to drop
		st.shoot(h, 1)
		st.wantStatus(capture.ZeroCopy, "", 7)

		h.shot = func(b *v4l2.Buffer, _ []byte) { b.Flags |= v4l2.FlagError }
		st.shoot(h, 50)
		st.wantEnd(capture.SignalStalled, "all pictures are damaged")
	})
}

// TestSamplesBehindAHeader: some drivers write something before the samples,
// where the encoder would read it.
func TestSamplesBehindAHeader(t *testing.T) {
	h := hdmi()
	h.lay = func(f *v4l2.Format) { f.Planes[0].Size = 2560*720 + 128 }
	h.shot = func(b *v4l2.Buffer, _ []byte) { b.Planes[0].DataOffset = 128 }
	tale(t, Config{}, h, func(st *story) {
		st.mustOpen()
		l := layout(media.UYVY, 1280, 720)
		l.Memory[0] += 4096
		st.run(l)
		st.shoot(h, 5)
		st.wantFrames(4)
		st.wantStatus(capture.OneCopy, "it puts 128 bytes before its samples", 0)
	})
}

func TestNewMemoryOfTheEncoder(t *testing.T) {
	for name, l := range map[string]capture.Layout{
		"shared": layout(media.NV12, 1280, 720), "copied": layout(media.NV12, 640, 360),
	} {
		t.Run(name, func(t *testing.T) {
			h := hdmi()
			tale(t, Config{}, h, func(st *story) {
				st.mustOpen()
				st.run(l)
				st.shoot(h, 3)
				st.pool.renew()
				st.shoot(h, 1)
				st.wantEnd(capture.SignalRecovering, "encoder")
				n := len(st.pts)
				st.release(0)
				if st.pool.out != 0 || st.pool.allOut != 0 {
					t.Errorf("%d of the new and %d of all pictures did not come back", st.pool.out, st.pool.allOut)
				}
				st.run(l)
				st.shoot(h, 5)
				st.wantFrames(n + 5)
				for _, f := range st.frames {
					if f.DMA.Generation != 2 {
						t.Errorf("a picture of generation %d", f.DMA.Generation)
					}
				}
			})
		})
	}
}

func TestOnlyWantedPicturesAreTaken(t *testing.T) {
	h := hdmi()
	tale(t, Config{}, h, func(st *story) {
		st.mustOpen()
		n := 0
		st.s.Choose(func(time.Duration) bool { n++; return n%2 == 0 })
		st.run(layout(media.NV12, 640, 360))
		st.shoot(h, 100)
		st.wantFrames(50)
		st.wantStatus(capture.OneCopy, "1280x720 is scaled to 640x360", 0)
	})
}

func TestTheDeviceTellsItsPlace(t *testing.T) {
	h := hdmi()
	h.node.Parent = "devices/platform/soc/fe801000.csi"
	tale(t, Config{}, h, func(st *story) {
		if p := st.video.Parent(); p != "" {
			t.Errorf("parent %q before there was a device", p)
		}
		st.mustOpen()
		if p := st.video.Parent(); p != h.node.Parent {
			t.Errorf("parent %q", p)
		}
	})
}
