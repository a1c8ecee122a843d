package pace

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/lab/tscheck"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/ts"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const datagram = 7 * ts.PacketSize

// sink takes what is sent, and when.
type sink struct {
	mu     sync.Mutex // guards the fields below
	stream []byte
	at     []time.Duration
	sizes  []int
	clocks []uint64
	start  time.Time
	err    error
}

func (k *sink) take(b []byte, clock uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stream = append(k.stream, b...)
	k.at = append(k.at, time.Since(k.start))
	k.sizes = append(k.sizes, len(b))
	k.clocks = append(k.clocks, clock)
	return k.err
}

// programme is seconds of pictures at 25 a second, with sound between them.
func programme(length time.Duration) (ps []media.Packet, tracks []*media.Track) {
	v, a := segmenttest.Video(), segmenttest.Audio()
	sound := 0
	for n := 0; time.Duration(n)*40*time.Millisecond < length; n++ {
		at := time.Duration(n) * 40 * time.Millisecond
		size := 8000
		if n%25 == 0 {
			size = 60_000
		}
		ps = append(ps, segmenttest.Picture(v, at, n%25 == 0, size))
		for ; media.SamplesToDuration(int64(sound)*1024, 48000) < at+40*time.Millisecond; sound++ {
			s := segmenttest.Sound(a, 0, sound)
			ps = append(ps, s)
		}
	}
	return ps, []*media.Track{v, a}
}

// play writes packets at their time, after burst of them at once.
func play(t *testing.T, s *Sender, ps []media.Packet, burst time.Duration) {
	t.Helper()
	start := time.Now()
	for _, p := range ps {
		if wait := p.DTS - burst - time.Since(start); wait > 0 {
			time.Sleep(wait)
		}
		if err := s.Write(p); err != nil {
			t.Errorf("at %v: %v", p.DTS, err)
			return
		}
	}
}

func TestConstantRateIsEven(t *testing.T) {
	for _, burst := range []time.Duration{0, 900 * time.Millisecond} {
		t.Run("after a burst of "+burst.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ps, tracks := programme(6 * time.Second)
				k, asked := &sink{start: time.Now()}, 0
				s, err := New(Config{Tracks: tracks, MuxRate: 4_000_000, Chunk: datagram, Send: k.take, RequestKey: func() { asked++ }})
				if err != nil {
					t.Fatal(err)
				}
				play(t, s, ps, burst)
				s.Close()
				r, err := tscheck.Check(bytes.NewReader(k.stream), tscheck.Options{Rate: 4_000_000})
				if err != nil || r.Err() != nil || r.Breaks != 0 {
					t.Fatal(err, r.Err(), r.Breaks)
				}
				if want := (burst > 0); (asked == 1) != want {
					t.Errorf("asked for a key picture %d times", asked)
				}
				// Whoever is a second behind at the start would stay so.
				if lag := k.lag(burst); lag > 100*time.Millisecond {
					t.Errorf("the clock is %v behind what comes", lag)
				}
				length := time.Duration(datagram * 8 * int64(time.Second) / 4_000_000)
				for i, n := range k.sizes {
					place := k.at[0] + time.Duration(i)*length
					if d := k.at[i] - place; n != datagram || d < -time.Millisecond || d > 2*time.Millisecond {
						t.Fatalf("datagram %d: %d bytes, %v off its time", i, n, d)
					}
					want := k.clocks[0] + uint64(media.ToTimescale(time.Duration(i)*length, 90000))
					if d := int64(k.clocks[i] - want); d < -1 || d > 1 {
						t.Fatalf("datagram %d: clock %d, want %d", i, k.clocks[i], want)
					}
				}
			})
		})
	}
}

// lag is how far the last clock is behind a live programme that began at zero,
// burst before the start.
func (k *sink) lag(burst time.Duration) time.Duration {
	clock := media.FromTimescale(int64(k.clocks[len(k.clocks)-1]), 90000) - time.Second
	return k.at[len(k.at)-1] + burst - clock
}

func TestPicturesAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps, tracks := programme(4 * time.Second)
		k := &sink{start: time.Now()}
		s, err := New(Config{Tracks: tracks, Chunk: datagram, Send: k.take})
		if err != nil {
			t.Fatal(err)
		}
		play(t, s, ps, 0)
		s.Close()
		r, err := tscheck.Check(bytes.NewReader(k.stream), tscheck.Options{})
		if err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
		if n := len(r.Units); n != len(ps) {
			t.Errorf("%d of %d access units", n, len(ps))
		}
		within, worst := 0, 0
		for i := range k.at {
			if i > 0 && k.at[i] == k.at[i-1] {
				within++
			} else {
				within = 1
			}
			worst = max(worst, within)
			if i > 0 && k.clocks[i] < k.clocks[i-1] {
				t.Fatalf("datagram %d: the clock goes from %d to %d", i, k.clocks[i-1], k.clocks[i])
			}
			if d := k.at[i] - media.FromTimescale(int64(k.clocks[i]), 90000) + time.Second; d > 41*time.Millisecond || d < -41*time.Millisecond {
				t.Fatalf("datagram %d: sent %v off its clock", i, d)
			}
			if phase := k.at[i] % (40 * time.Millisecond); phase > 2*maxSpread {
				t.Errorf("datagram %d: %v behind its picture", i, phase)
			}
		}
		if worst > maxBurst+1 {
			t.Errorf("%d datagrams at once", worst)
		}
	})
}

func TestLessThanADatagramIsFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &sink{start: time.Now()}
		a := segmenttest.Audio()
		s, err := New(Config{Tracks: []*media.Track{a}, Chunk: datagram, Send: k.take})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(segmenttest.Sound(a, 0, 0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		k.mu.Lock()
		if len(k.sizes) != 1 || k.sizes[0] >= datagram || k.at[0] > 2*flushAfter {
			t.Errorf("%v bytes at %v", k.sizes, k.at)
		}
		k.mu.Unlock()
		s.Close()
	})
}

func TestErrorsComeBack(t *testing.T) {
	broken := errors.New("broken")
	for _, rate := range []int{0, 4_000_000} {
		synctest.Test(t, func(t *testing.T) {
			ps, tracks := programme(2 * time.Second)
			k := &sink{start: time.Now(), err: broken}
			s, err := New(Config{Tracks: tracks, MuxRate: rate, Chunk: datagram, Send: k.take})
			if err != nil {
				t.Fatal(err)
			}
			err = nil
			for _, p := range ps {
				time.Sleep(20 * time.Millisecond)
				if err = s.Write(p); err != nil {
					break
				}
			}
			if !errors.Is(err, broken) {
				t.Errorf("rate %d: %v", rate, err)
			}
			s.Close()
			s.Close()
		})
	}
}

func TestARateTooLowIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps, tracks := programme(20 * time.Second)
		k := &sink{start: time.Now()}
		s, err := New(Config{Tracks: tracks, MuxRate: 1_000_000, Chunk: datagram, Send: k.take})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err = nil
		for i := 0; i < len(ps) && err == nil; i++ {
			time.Sleep(ps[i].DTS - time.Since(start))
			err = s.Write(ps[i])
		}
		if low := (*ts.RateError)(nil); !errors.As(err, &low) || !strings.Contains(err.Error(), "raise mux_rate") {
			t.Errorf("got %v", err)
		}
		s.Close()
	})
}

func TestWriteWaitsForAStuckSendAndCloseEndsIt(t *testing.T) {
	for _, rate := range []int{0, 4_000_000} {
		synctest.Test(t, func(t *testing.T) {
			ps, tracks := programme(20 * time.Second)
			release := make(chan struct{})
			s, err := New(Config{Tracks: tracks, MuxRate: rate, Chunk: datagram, Send: func([]byte, uint64) error {
				<-release
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			result := make(chan error)
			go func() {
				start := time.Now()
				for _, p := range ps {
					time.Sleep(p.DTS - time.Since(start))
					if err := s.Write(p); err != nil {
						result <- err
						return
					}
				}
				result <- nil
			}()
			time.Sleep(10 * time.Second)
			close(release)
			s.Close()
			if err := <-result; !errors.Is(err, net.ErrClosed) {
				t.Errorf("rate %d: %v", rate, err)
			}
			if n := s.Waiting(); n > maxWaiting {
				t.Errorf("%d bytes wait", n)
			}
		})
	}
}

func TestRate(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "0": 0, "auto": 0, "6M": 6_000_000, "2500k": 2_500_000, "4999999": 4_999_999, "5.5M": 5_500_000,
		"1k": -1, "201M": -1, "-5M": -1, "NaN": -1, "InfM": -1, "fast": -1, "5G": -1,
	} {
		got, err := Rate(map[string]string{"mux_rate": text})
		if want < 0 {
			if err == nil || !strings.Contains(err.Error(), "mux_rate") {
				t.Errorf("%q: %d, %v", text, got, err)
			}
		} else if got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}
