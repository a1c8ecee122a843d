package live

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// kernelPool is an encoder's pool: NV12 in kernel memory, which renew makes anew.
type kernelPool struct {
	t      *testing.T
	layout capture.Layout
	freed  capture.Freed

	mu         sync.Mutex // guards the fields below
	generation uint64
	free       []*media.Buffer
	out        int
}

func newKernelPool(t *testing.T) *kernelPool {
	f := size(320, 180, fps30)
	f.Pixel = media.NV12
	p := &kernelPool{t: t, layout: capture.Layout{
		Format: f, Count: 6, Strides: [3]int{320, 320}, Rows: 180, Memory: []int{320 * 270},
	}}
	p.renew()
	return p
}

// renew is what an encoder does that was opened again.
func (p *kernelPool) renew() {
	p.mu.Lock()
	p.generation++
	p.free = nil
	generation := p.generation
	p.out += p.layout.Count
	p.mu.Unlock()
	for i := range p.layout.Count {
		fd, err := unix.MemfdCreate("live-test", unix.MFD_CLOEXEC)
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { _ = unix.Close(fd) })
		if err := unix.Ftruncate(fd, 320*270); err != nil {
			p.t.Fatal(err)
		}
		b := media.NewBuffer(p.layout.Format, [3]media.Plane{{Stride: 320}, {Stride: 320}}, p.put)
		b.DMA = &media.DMA{
			Index: i, Generation: generation, Memory: []media.DMAMemory{{FD: fd, Length: 320 * 270}},
			Planes: [3]media.DMAPlane{{}, {Offset: 320 * 180}},
		}
		media.Frame{Buffer: b}.Release()
	}
}

func (p *kernelPool) put(b *media.Buffer) {
	p.mu.Lock()
	p.out--
	if b.DMA.Generation == p.generation {
		p.free = append(p.free, b)
	}
	p.mu.Unlock()
	p.freed.Call()
}

func (p *kernelPool) Layout() capture.Layout          { return p.layout }
func (p *kernelPool) OnFree(f func()) (remove func()) { return p.freed.Add(f) }

func (p *kernelPool) Get() *media.Buffer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return nil
	}
	b := p.free[0]
	p.free = p.free[1:]
	p.out++
	b.Reuse()
	return b
}

func (p *kernelPool) away() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out
}

func mapped(t *testing.T) bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(maps, []byte("live-test"))
}

// runOn runs an input's frames on a pool, to take.
func runOn(t *testing.T, d *device, pool capture.Pool, cfg Config, take func(media.Frame)) (f *Frames, stop func()) {
	t.Helper()
	cfg.Video = d
	in, err := Open(t.Context(), cfg, d.clock)
	if err != nil {
		t.Fatal(err)
	}
	f = in.Frames.(*Frames)
	f.UsePool(pool)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, take) }()
	return f, func() {
		cancel()
		<-done
	}
}

var recovering = &capture.SignalError{Signal: capture.SignalRecovering}

// TestTheEncoderRecovers: the session is told by the pool, starts its queue
// again and stays open; the slate comes only where that takes longer.
func TestTheEncoderRecovers(t *testing.T) {
	for _, c := range []struct {
		name  string
		takes time.Duration
		slate bool
	}{
		{"at once", 0, false},
		{"within the threshold", 100 * time.Millisecond, false},
		{"slowly", time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newKernelPool(t)
				d := newDevice(size(320, 180, fps30), shoots(30, recovering), func(ctx context.Context, s *session) error {
					if err := silent(c.takes, nil)(ctx, s); err != nil {
						return err
					}
					return shoots(-1, nil)(ctx, s)
				})
				var last time.Duration
				keys := map[uint64]int{}
				var seen []capture.LiveStatus
				f, stop := runOn(t, d, pool, Config{OnChange: func(l capture.LiveStatus) { seen = append(seen, l) }}, func(p media.Frame) {
					if p.PTS <= last && last > 0 {
						t.Errorf("%v behind %v", p.PTS, last)
					}
					if last = p.PTS; p.ForceKey {
						keys[p.DMA.Generation]++
					}
					p.Release()
				})
				time.Sleep(29*interval30 + time.Millisecond)
				pool.renew()
				time.Sleep(3 * time.Second)
				synctest.Wait()
				live := f.Live()
				if live.Signal != capture.SignalOK || len(d.attempts()) != 1 || (live.Slates > 0) != c.slate {
					t.Errorf("%d attempts to open, %+v", len(d.attempts()), live)
				}
				if mapped(t) {
					t.Error("pictures of the encoder are mapped while the device streams")
				}
				stop()
				var states []string
				for _, l := range seen {
					states = append(states, l.Signal.String())
				}
				want := "ok"
				if c.slate {
					want = "ok encoder_recovering ok"
				}
				if got := strings.Join(states, " "); got != want {
					t.Errorf("transitions: %s, want %s", got, want)
				}
				if pool.away() != 0 {
					t.Errorf("%d pictures are not back", pool.away())
				}
			})
		})
	}
}

// TestASilentDeviceWhoseEncoderRecovered: nobody said why nothing comes, but
// the pool's memory is new.
func TestASilentDeviceWhoseEncoderRecovered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newKernelPool(t)
		d := newDevice(size(320, 180, fps30), func(ctx context.Context, s *session) error {
			if err := shoots(10, nil)(ctx, s); err != nil {
				return err
			}
			pool.renew()
			return silent(time.Hour, nil)(ctx, s)
		})
		mappedOnAir := false
		f, stop := runOn(t, d, pool, Config{}, func(p media.Frame) {
			mappedOnAir = mappedOnAir || mapped(t)
			p.Release()
		})
		time.Sleep(time.Second)
		synctest.Wait()
		if live := f.Live(); live.Signal != capture.SignalRecovering || !live.Slate || live.Slates == 0 {
			t.Errorf("%+v", live)
		}
		stop()
		if !mappedOnAir || mapped(t) || pool.away() != 0 {
			t.Errorf("mapped while the slate was on: %v; after its end: %v; %d pictures away", mappedOnAir, mapped(t), pool.away())
		}
	})
}

// TestAnEncoderThatGivesNothingBack: no memory is no picture, said and counted,
// and the slate goes on when some comes back.
func TestAnEncoderThatGivesNothingBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDevice(size(320, 180, fps30), shoots(-1, nil))
		pool := capture.NewPool(media.VideoFormat{Width: 320, Height: 180, FrameRate: fps30, Pixel: media.I420}, nil)
		var mu sync.Mutex
		var held []media.Frame
		hangs := true
		f, stop := runOn(t, d, pool, Config{}, func(p media.Frame) {
			mu.Lock()
			defer mu.Unlock()
			if held = append(held, p); !hangs {
				for _, p := range held {
					p.Release()
				}
				held = nil
			}
		})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		live := f.Live()
		if live.Signal != capture.SignalRecovering || live.Skipped == 0 || f.Skipped() <= live.Skipped || live.Slates != 0 {
			t.Errorf("%+v, %d skipped in all", live, f.Skipped())
		}
		mu.Lock()
		hangs = false
		for _, p := range held {
			p.Release()
		}
		held = nil
		mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		if live := f.Live(); live.Signal != capture.SignalOK || live.Losses != 1 {
			t.Errorf("after it went on: %+v", live)
		}
		stop()
		if free(pool) != capture.PoolSize {
			t.Error("pictures are missing")
		}
	})
}

// TestTheSlateDrawsOverWhatTheDeviceWrote: a device that fills buffers and
// throws them away while the slate is on leaves no trace on it.
func TestTheSlateDrawsOverWhatTheDeviceWrote(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDevice(size(320, 180, fps30), func(ctx context.Context, s *session) error {
			for {
				for range 3 {
					if b := s.pool.Get(); b != nil {
						b.Planes[0].Data[0] = 1
						s.queue = append(s.queue, b)
					}
				}
				if err := pause(ctx, 17*time.Millisecond); err != nil {
					return err
				}
				for _, b := range s.queue {
					media.Frame{Buffer: b}.Release()
				}
				s.queue = nil
			}
		})
		r := start(t, d, Config{})
		time.Sleep(4 * time.Second)
		if shots := r.stop(); len(shots) < 80 || slates(shots) != 1 {
			t.Errorf("%d pictures", len(shots))
		}
	})
}

func TestAPanicOfASessionEndsTheInputAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDevice(size(320, 180, fps30), func(context.Context, *session) error { panic("index out of range") })
		r := start(t, d, Config{})
		if err := <-r.done; err == nil || !strings.Contains(err.Error(), "live input: internal error: index out of range") {
			t.Errorf("%v", err)
		}
		r.cancel()
	})
}

func TestAttemptsAreSpacedOutAndWokenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		wake := make(chan struct{}, 1)
		d := newDevice(size(320, 180, fps30), shoots(-1, nil))
		d.opens[0] = refuses(none)
		cfg := Config{Format: size(320, 180, fps30), Wake: func(context.Context) <-chan struct{} { return wake }}
		r := start(t, d, cfg)
		time.Sleep(10 * time.Second)
		wake <- struct{}{}
		synctest.Wait()
		at := d.attempts()
		var waits []time.Duration
		for i := 2; i < len(at); i++ {
			waits = append(waits, (at[i] - at[i-1]).Round(time.Millisecond))
		}
		want := []time.Duration{100, 200, 400, 800, 1600, 2000, 2000, 2000, 900}
		if len(waits) != len(want) {
			t.Fatalf("waits: %v", waits)
		}
		for i, w := range want {
			if waits[i] != w*time.Millisecond {
				t.Errorf("waits: %v", waits)
				break
			}
		}
		close(wake) // it ends, and time goes on alone
		time.Sleep(150 * time.Millisecond)
		synctest.Wait()
		if n := len(d.attempts()); n != len(at)+1 {
			t.Errorf("%d attempts after the wake-up, want one 100 ms later", n-len(at))
		}
		r.stop()
	})
}

// TestASignalThatComesAndGoes: each return costs key pictures, so the attempts
// become rare, and the stream stays whole.
func TestASignalThatComesAndGoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, loss := range []error{none, &Changed{}} {
			d := newDevice(size(320, 180, fps30), shoots(3, loss))
			r := start(t, d, Config{})
			time.Sleep(20 * time.Second)
			shots := r.stop()
			keys := 0
			for _, s := range shots {
				if s.key {
					keys++
				}
			}
			if n := len(d.attempts()); n > 16 || n < 10 || keys > 2*n || longest(shots) > minThreshold+2*interval30 {
				t.Errorf("%v: %d attempts and %d key pictures in 20 s, %v without a picture", loss, n, keys, longest(shots))
			}
		}
	})
}

func TestShutdownAtAnyMoment(t *testing.T) {
	blocked := func(ctx context.Context) (media.VideoFormat, error) {
		<-ctx.Done()
		return media.VideoFormat{}, ctx.Err()
	}
	slow := func(ctx context.Context) (media.VideoFormat, error) { // comes up after all
		<-ctx.Done()
		return size(320, 180, fps30), nil
	}
	for name, d := range map[string]*device{
		"opening":          {opens: []func(context.Context) (media.VideoFormat, error){refuses(none), blocked}},
		"opened too late":  {opens: []func(context.Context) (media.VideoFormat, error){refuses(none), slow}},
		"waiting":          {opens: []func(context.Context) (media.VideoFormat, error){refuses(none)}},
		"streaming":        {opens: opensAs(size(320, 180, fps30)), runs: []run{shoots(-1, nil)}, held: 3},
		"stalled and deaf": {opens: opensAs(size(320, 180, fps30)), runs: []run{deaf}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := &device{clock: media.NewClock(), opens: d.opens, runs: d.runs, held: d.held}
				r := start(t, d, Config{Format: size(320, 180, fps30)})
				time.Sleep(1234 * time.Millisecond)
				r.stop()
			})
		})
	}
}

func TestRunsFollowEachOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDevice(size(320, 180, fps30), shoots(-1, nil))
		r := start(t, d, Config{})
		for range 3 {
			time.Sleep(time.Second)
			r.cancel()
			<-r.done
			ctx, cancel := context.WithCancel(t.Context())
			r.cancel = cancel
			go func() { r.done <- r.frames.Run(ctx, r.take) }()
		}
		time.Sleep(time.Second)
		if shots := r.stop(); len(shots) < 115 || slates(shots) != 0 {
			t.Errorf("%d pictures, %d slates", len(shots), slates(shots))
		}
	})
}
