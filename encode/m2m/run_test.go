package m2m

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

func TestOwnPicturesAreNeverTouched(t *testing.T) {
	m := newMachine()
	play(t, m, Config{}, func(r *rig) {
		layout := r.e.Pool().Layout()
		require.Equal(t, media.NV12, layout.Format.Pixel)
		b := r.e.Pool().Get()
		require.NotNil(t, b.DMA)
		require.Nil(t, b.Planes[0].Data)
		require.Equal(t, [3]media.DMAPlane{{}, {Offset: 320 * 180}}, b.DMA.Planes)
		require.Equal(t, layout.Memory[0], b.DMA.Memory[0].Length)
		media.Frame{Buffer: b}.Release()
		r.send(50, 10, 25)
		require.False(t, r.m.device().out.isMapped, "the raw pictures were mapped")
		r.drain()
		require.Len(t, r.got, 50)
		require.Equal(t, []int{0, 10, 25}, r.keys())
		s := r.stats()
		require.Equal(t, uint64(50), s.Pictures)
		require.Equal(t, Stats{Device: "/dev/video7", Driver: "fake-enc", Healthy: true, Pictures: 50, LiveKey: "yes"}, s)
	})
}

// A picture is waited for in the kernel once, where its raw buffer comes back
// with it. While the encoder is empty nothing waits there.
func TestNoNeedlessWakeUps(t *testing.T) {
	for name, c := range map[string]struct {
		late bool
		most int
	}{"raw buffers with the picture": {false, 100}, "raw buffers later": {true, 200}} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			m.delay, m.keepRaw = 10*time.Millisecond, c.late
			play(t, m, Config{}, func(r *rig) {
				r.send(10)
				from := m.wakeUps
				r.send(100)
				require.LessOrEqual(t, m.wakeUps-from, c.most)
				r.drain()
				require.Len(t, r.got, 110)
			})
		})
	}
}

func TestFramesOfOthersAreCopied(t *testing.T) {
	m := newMachine()
	m.takes, m.strideAlign, m.rowAlign = []v4l2.FourCC{v4l2.NV12}, 64, 16
	play(t, m, Config{}, func(r *rig) {
		f := media.VideoFormat{Width: 320, Height: 180, Pixel: media.I420}
		planes := [3]media.Plane{
			{Data: filled(1, 320*180), Stride: 320}, {Data: filled(2, 160*90), Stride: 160}, {Data: filled(3, 160*90), Stride: 160},
		}
		freed := 0
		r.offer(media.Frame{Buffer: media.NewBuffer(f, planes, func(*media.Buffer) { freed++ }), PTS: pts(0)})
		require.Equal(t, 1, freed, "it is released as soon as it is copied")
		layout := r.e.Pool().Layout()
		require.Equal(t, 192, layout.Rows)
		chroma := false
		for _, mem := range m.device().out.mem {
			chroma = chroma || mem[0][0] == 1 && mem[0][320*192] == 2 && mem[0][320*192+1] == 3
		}
		require.True(t, chroma, "the chroma begins behind the rows the driver wants")
		r.drain()
		require.Len(t, r.got, 1)
		require.Equal(t, uint64(1), r.stats().Copied)
	})
}

func TestSameBufferTwiceAtOnce(t *testing.T) {
	m := newMachine()
	m.noExport, m.delay = true, 100*time.Millisecond
	play(t, m, Config{}, func(r *rig) {
		b := r.e.Pool().Get()
		require.Nil(t, b.DMA)
		require.NotNil(t, b.Planes[1].Data)
		f := media.Frame{Buffer: b, PTS: pts(0)}
		second := f.Retain()
		second.PTS = pts(1)
		require.True(t, r.offer(f))
		require.True(t, r.offer(second))
		r.drain()
		require.Len(t, r.got, 2)
	})
}

func TestPicturesMatchedByTimestamp(t *testing.T) {
	m := newMachine()
	m.skips = func(n int) bool { return n%5 == 1 }
	m.blank = func(n int) bool { return n%5 == 3 }
	play(t, m, Config{}, func(r *rig) {
		r.send(50, 11) // frame 11 is left out, which shows when 12 came out; 13 is left out too
		r.drain()
		var want []time.Duration
		for n := range 50 {
			if n%5 != 1 && n%5 != 3 {
				want = append(want, pts(n))
			}
		}
		var got []time.Duration
		for _, p := range r.got {
			got = append(got, p.PTS)
		}
		require.Equal(t, want, got)
		require.Equal(t, []int{0, 14}, r.keys())
		require.Empty(t, r.gaps(), "the encoder left them out of its own accord")
		require.Equal(t, uint64(20), r.stats().Skipped)
	})
}

func TestTwoCodedBuffersForOnePicture(t *testing.T) {
	m := newMachine()
	m.twice = func(n int) bool { return n == 5 }
	play(t, m, Config{}, func(r *rig) {
		r.send(10)
		r.drain()
		require.Equal(t, uint64(1), r.stats().Strays)
		require.Equal(t, []int{0, 7}, r.keys(), "6 was inside when it showed")
		require.Equal(t, []int{7}, r.gaps())
	})
}

func TestParameterSetsInABufferOfTheirOwn(t *testing.T) {
	m := newMachine()
	m.apart = true
	play(t, m, Config{}, func(r *rig) {
		r.send(10, 5)
		r.drain()
		require.Len(t, r.got, 10)
		require.Equal(t, []int{0, 5}, r.keys())
		for _, p := range r.got {
			sps, pps := h264.ParameterSets(p.Data)
			require.Nil(t, sps)
			require.Nil(t, pps)
		}
	})
}

func TestDrain(t *testing.T) {
	for name, shape := range map[string]func(*hardware){
		"LAST with the last picture": func(*hardware) {},
		"LAST in an empty buffer":    func(h *hardware) { h.emptyLast = true },
		"no command for it":          func(h *hardware) { h.noCommand = true },
		"LAST never comes":           func(h *hardware) { h.silentCommand = true },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			shape(&m.hardware)
			m.delay, m.minOutput = 30*time.Millisecond, 5
			play(t, m, Config{}, func(r *rig) {
				for n := range 5 {
					require.True(t, r.offer(media.Frame{Buffer: r.e.Pool().Get(), PTS: pts(n)}))
				}
				require.Empty(t, r.got)
				r.drain()
				require.Len(t, r.got, 5)
				require.Zero(t, r.stats().Skipped)
				require.Zero(t, r.stats().Recoveries)
			})
		})
	}
}

func TestDrainThatHangsLosesOnlyWhatIsInside(t *testing.T) {
	m := newMachine()
	m.hang = func(n int) bool { return n == 3 }
	play(t, m, Config{}, func(r *rig) {
		r.send(3)
		require.True(t, r.offer(media.Frame{Buffer: r.e.Pool().Get(), PTS: pts(3)}))
		from := time.Now()
		r.drain()
		require.Equal(t, time.Second, time.Since(from))
		require.Len(t, r.got, 3)
		require.Equal(t, uint64(1), r.stats().Skipped)
	})
}

func TestCancelDoesNotWaitForTheDriver(t *testing.T) {
	m := newMachine()
	m.hang = func(n int) bool { return n == 3 }
	play(t, m, Config{}, func(r *rig) {
		r.send(5)
		from := time.Now()
		r.stop()
		require.Zero(t, time.Since(from))
	})
	t.Run("nor in a drain", func(t *testing.T) {
		m := newMachine()
		m.hang = func(n int) bool { return n == 3 }
		play(t, m, Config{}, func(r *rig) {
			r.send(5)
			close(r.frames)
			time.Sleep(100 * time.Millisecond)
			from := time.Now()
			r.stop()
			require.Zero(t, time.Since(from))
		})
	})
}

func TestDamagedPicture(t *testing.T) {
	m := newMachine()
	m.damaged = func(n int) bool { return n == 10 }
	play(t, m, Config{}, func(r *rig) {
		r.send(20)
		r.drain()
		require.Len(t, r.got, 19)
		require.Equal(t, []int{0, 11}, r.keys())
		require.Equal(t, []int{11}, r.gaps())
		require.Equal(t, uint64(1), r.stats().ErrorBuffers)
	})
}

func TestNothingButDamageIsAFailure(t *testing.T) {
	m := newMachine()
	m.damaged = func(n int) bool { return n >= 10 && n < 30 }
	play(t, m, Config{}, func(r *rig) {
		r.send(60)
		r.drain()
		require.Equal(t, uint64(2), r.stats().Recoveries)
		require.Equal(t, uint64(20), r.stats().ErrorBuffers)
		require.Len(t, r.gaps(), 1)
	})
}

// With several pictures in flight, those that refer to the damaged one stay in.
func TestNothingGoesOutBetweenDamageAndKey(t *testing.T) {
	m := newMachine()
	m.damaged = func(n int) bool { return n == 10 }
	m.delay, m.minOutput = 70*time.Millisecond, 2
	play(t, m, Config{}, func(r *rig) {
		r.send(40)
		r.drain()
		require.Len(t, r.gaps(), 1)
		require.Equal(t, append([]int{0}, r.gaps()...), r.keys())
		require.Equal(t, uint64(1), r.stats().ErrorBuffers)
	})
}

func TestCodedBuffersThatAreTooSmallGrow(t *testing.T) {
	m := newMachine()
	m.coder = func(d *fakeDevice) coder { return &plainCoder{size: 300_000} }
	play(t, m, Config{Quirks: Quirks{CodedSize: 200_000}}, func(r *rig) {
		r.send(20)
		r.drain()
		require.NotEmpty(t, r.got)
		require.GreaterOrEqual(t, len(m.device().coded.Planes), 1)
		require.Equal(t, 400_000, m.device().coded.Planes[0].Size)
		require.Equal(t, uint64(1), r.stats().Recoveries)
	})
}

func TestFrameOfAnotherSizeEndsTheRun(t *testing.T) {
	play(t, newMachine(), Config{}, func(r *rig) {
		freed := 0
		f := media.VideoFormat{Width: 160, Height: 90, Pixel: media.NV12}
		r.offer(media.Frame{Buffer: media.NewBuffer(f, [3]media.Plane{}, func(*media.Buffer) { freed++ })})
		require.ErrorContains(t, <-r.done, "the frame is 160x90, the encoder was made for 320x180")
		require.Equal(t, 1, freed)
	})
}

func TestFillerAndOtherUnits(t *testing.T) {
	for name, strip := range map[string]bool{"filler stays": false, "filler goes": true} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			m.coder = func(*fakeDevice) coder { return &plainCoder{size: 100, filler: 500, small: strip} }
			play(t, m, Config{Quirks: Quirks{StripFiller: strip}}, func(r *rig) {
				r.send(5)
				r.drain()
				for i, p := range r.got {
					var types []int
					for nal := range h264.Units(p.Data) {
						types = append(types, h264.Type(nal))
					}
					want := []int{h264.TypeSlice, h264.TypeFiller}
					if i == 0 {
						want[0] = h264.TypeIDR
					}
					if strip {
						want = want[:1]
					}
					require.Equal(t, want, types)
				}
			})
		})
	}
}

// The order of dev-encoder.rst.
func TestOrderOfSetUp(t *testing.T) {
	m := newMachine()
	play(t, m, Config{}, func(r *rig) {
		r.send(1)
		r.drain()
		calls := m.calls
		at := func(call string) int {
			i := slices.Index(calls, call)
			require.GreaterOrEqual(t, i, 0, "%s is missing in %v", call, calls)
			return i
		}
		order := []int{
			at("set coded format"), at("set raw format"), at("set rate 25"), at("crop"), at("get format"),
			at("set B_FRAMES to 0"), at("set BITRATE to 1000000"), at("request true"), at("request false"), at("start true"), at("start false"),
		}
		require.True(t, slices.IsSorted(order), "%v", calls)
		require.Contains(t, calls, "set H264_PROFILE to 1", "the best of the menu")
		require.Contains(t, calls, "set H264_LEVEL to 7", "the lowest of the menu that is enough")
		require.Contains(t, calls, "set GOP_SIZE to 600", "as long as the driver can")
		require.Contains(t, calls, "set BITRATE_MODE to 1")
	})
}

func TestRecoversFromEIO(t *testing.T) {
	m := newMachine()
	play(t, m, Config{}, func(r *rig) {
		r.send(10)
		m.alter(func(h *hardware) { h.eio = true })
		r.send(1)
		m.alter(func(h *hardware) { h.eio = false })
		r.send(20)
		r.drain()
		require.Len(t, r.gaps(), 1)
		require.True(t, r.stats().Healthy)
		require.GreaterOrEqual(t, r.stats().Recoveries, uint64(1))
	})
}

func TestRefusesBusyDeviceWithItsReason(t *testing.T) {
	m := newMachine()
	m.openErr = func(int) error { return syscall.EBUSY }
	_, err := New(Config{Settings: testSettings, Device: "/dev/video7", kernel: m})
	require.ErrorIs(t, err, syscall.EBUSY)
	require.ErrorContains(t, err, "/dev/video7")
}
