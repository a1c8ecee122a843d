//go:build box

package alsa

import (
	"context"
	"errors"
	"math"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/gen2brain/alsa"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/drift"
	"github.com/encoderbox/encoderbox/media"
	kernel "github.com/encoderbox/encoderbox/media/v4l2"
)

// The tests of this tag run inside the virtual ARM box, against snd-aloop as
// card 0: what is played to its device 1 is captured from its device 0.
// ALSA_SHIFT is how many ppm its clock was set off, below zero: slow.

// saw is the period of the signal: frame k is played as k modulo saw, which
// tells after any delay below 200 ms which frame it was.
const saw = 20000

// player plays the saw, and knows when each frame was due.
type player struct {
	pcm     *alsa.PCM
	rate    int
	stop    chan struct{}
	done    chan error
	running chan struct{} // closed when it plays
	mu      sync.Mutex    // guards line
	line    *drift.Line
}

func play(t *testing.T, rate int) *player {
	t.Helper()
	const period = 960 // two seconds ahead: it must not run dry on a busy machine
	pcm, err := alsa.PcmOpen(0, 1, alsa.PCM_OUT|alsa.PCM_MONOTONIC|alsa.PCM_NORESTART, &alsa.Config{
		Channels: 2, Rate: uint32(rate), Format: alsa.SNDRV_PCM_FORMAT_S16_LE,
		PeriodSize: period, PeriodCount: 100, StartThreshold: 80 * period,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &player{pcm: pcm, rate: int(pcm.Rate()), stop: make(chan struct{}), done: make(chan error, 1), line: drift.NewLine(rate), running: make(chan struct{})}
	go func() { p.done <- p.run(period) }()
	t.Cleanup(func() {
		close(p.stop)
		if err := errors.Join(<-p.done, pcm.Close()); err != nil {
			t.Error(err)
		}
	})
	// A cable takes its format from the end that runs: who captures before that would
	// choose another.
	select {
	case <-p.running:
	case <-time.After(20 * time.Second):
		t.Fatal("the player does not begin")
	}
	return p
}

func (p *player) run(period int) error {
	data := make([]int16, 2*period)
	begun := false
	for k := 0; ; {
		for i := range period {
			data[2*i], data[2*i+1] = int16(k%saw), int16(-(k % saw))
			k++
		}
		if _, err := p.pcm.Write(data); err != nil {
			return err
		}
		var st pcmStatus
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, p.pcm.Fd(), ioctlStatus, uintptr(unsafe.Pointer(&st))); errno != 0 {
			return errno
		}
		if look := st.decode(); look.State == running {
			p.mu.Lock()
			p.line.Observe(int64(st.hardware), look.At)
			p.mu.Unlock()
			if !begun {
				begun = true
				close(p.running)
			}
		}
		select {
		case <-p.stop:
			return nil
		default:
		}
	}
}

// frame is which frame was played at a time.
func (p *player) frame(at time.Duration) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line.Frame(at)
}

func shift(t *testing.T) float64 {
	t.Helper()
	ppm, err := strconv.Atoi(os.Getenv("ALSA_SHIFT"))
	if err != nil {
		t.Fatalf("ALSA_SHIFT: %v", err)
	}
	return float64(ppm) * 1e-6
}

// recording is what a session brought.
type recording struct {
	runs    []media.Samples
	holes   int
	hole    time.Duration
	session *Session
	ahead   time.Duration
}

// record captures for a while. each is called with every run, may be nil.
func record(t *testing.T, d time.Duration, each func(media.Samples)) recording {
	t.Helper()
	clock := media.NewClock()
	a := New(Config{Selector: "Loopback"}, clock)
	opened, err := a.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := recording{session: opened.(*Session), ahead: kernel.MonotonicNow() - clock.Now()}
	t.Logf("%s: %+v", r.session.Device(), r.session.device.Params())
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	next := int64(-1)
	err = r.session.Run(ctx, func(s media.Samples) {
		at := media.ToTimescale(s.PTS, s.Format.SampleRate)
		switch {
		case next >= 0 && at < next:
			t.Errorf("run at %v overlaps by %d samples", s.PTS, next-at)
		case next >= 0 && at > next:
			r.holes++
			r.hole += media.SamplesToDuration(at-next, s.Format.SampleRate)
		}
		next = at + int64(len(s.Data)/s.Format.Channels)
		r.runs = append(r.runs, s)
		if each != nil {
			each(s)
		}
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Run returned %v", err)
	}
	if late := clock.Now() - r.ends(); late > 2*time.Second {
		t.Errorf("Run returned %v behind the last sound", late)
	}
	t.Logf("%+v, %d runs, %d holes", r.session.Stats(), len(r.runs), r.holes)
	return r
}

func (r recording) ends() time.Duration {
	last := r.runs[len(r.runs)-1]
	return last.PTS + last.Duration()
}

// off is how far the sound in the middle of a run is from when it was played.
func (r recording) off(s media.Samples, p *player) (d time.Duration, ok bool) {
	mid := len(s.Data) / 2 / 2
	at := s.PTS + media.SamplesToDuration(int64(mid), s.Format.SampleRate)
	v := int(s.Data[2*mid])
	if v < 1500 || v > saw-1500 || s.Data[2*mid+1] > -1400 {
		return 0, false // near the edge of the saw, or silence
	}
	diff := math.Remainder(float64(v)-p.frame(at+r.ahead), saw)
	return time.Duration(-diff / float64(p.rate) * 1e9), true
}

// inTime fails the test unless the runs came when they were played, but for a few behind
// a moment in which the machine had no time for its box.
func (r recording) inTime(t *testing.T, p *player) {
	t.Helper()
	checked, late, worst := 0, 0, time.Duration(0)
	for _, s := range r.runs {
		d, ok := r.off(s, p)
		if !ok {
			continue
		}
		checked++
		worst = max(worst, d.Abs())
		if d.Abs() > 40*time.Millisecond {
			late++
		}
	}
	t.Logf("%d runs, at most %v from when they were played", checked, worst)
	if checked < len(r.runs)/2 || late > checked/10 {
		t.Errorf("%d of %d runs heard, %d of them off by more than 40ms, the worst by %v", checked, len(r.runs), late, worst)
	}
}

// The card's clock is tracked, the sound is where it was on the stream's clock,
// and nothing is missing.
func TestLoopback(t *testing.T) {
	off := shift(t)
	for _, rate := range []int{48000, 44100} {
		t.Run(strconv.Itoa(rate), func(t *testing.T) {
			p := play(t, rate)
			r := record(t, 20*time.Second, nil)
			st := r.session.Stats()
			for range 3 { // a rate is measured by a card that runs for some seconds
				if st.Overruns == 0 {
					break
				}
				r = record(t, 20*time.Second, nil)
				st = r.session.Stats()
			}
			// A machine too busy for its box may let the card run over: sound is
			// missing then, and only then.
			if uint64(r.holes) != st.Overruns+st.Holes || st.Skips != 0 || st.Overruns > 3 {
				t.Errorf("%d holes, %+v", r.holes, st)
			}
			if math.Abs(st.Drift-off) > 50e-6 {
				t.Errorf("the card is %+.0f ppm off, measured were %+.0f", off*1e6, st.Drift*1e6)
			}
			if got := r.session.device.Params().Rate; got != rate {
				t.Errorf("the card runs at %d Hz, the player at %d", got, rate)
			}
			r.inTime(t, p)
		})
	}
}

// Nobody read for half a second: the kernel stopped the card. It is started
// again, and the sound behind the hole is in time.
func TestOverrunInTheKernel(t *testing.T) {
	p := play(t, 48000)
	begun := time.Now()
	slept := 0
	r := record(t, 10*time.Second, func(media.Samples) {
		if slept++; slept == 200 && time.Since(begun) > time.Second {
			time.Sleep(time.Second)
		}
	})
	st := r.session.Stats()
	if st.Overruns == 0 || r.holes == 0 || r.hole < 400*time.Millisecond {
		t.Errorf("%d holes of %v, %+v", r.holes, r.hole, st)
	}
	r.inTime(t, p)
}

// Run ends at once when its context does, and a card in use says so.
func TestCancelAndBusy(t *testing.T) {
	a := New(Config{Selector: "hw:0,0"}, media.NewClock())
	s, err := a.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, func(media.Samples) {}) }()
	time.Sleep(time.Second)
	var others []interface{ Close() error }
	for range 8 { // it has eight subdevices
		o, err := a.Open(t.Context())
		if err != nil {
			var signal *capture.SignalError
			if !errors.As(err, &signal) || signal.Signal != capture.SignalNone {
				t.Errorf("a card in use: %v", err)
			}
			break
		}
		others = append(others, o)
	}
	if len(others) == 8 {
		t.Error("a card in use was opened again")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, o := range append(others, s) {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}
