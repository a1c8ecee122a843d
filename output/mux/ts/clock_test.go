package ts

import (
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

func TestPCRComesBeforeDTS(t *testing.T) {
	for _, delay := range []time.Duration{0, 80 * time.Millisecond, 700 * time.Millisecond} {
		want := delay
		if want == 0 {
			want = DefaultDelay
		}
		in := synthetic(true, false, 25, 2*time.Second)
		stream := muxAll(t, Config{Tracks: tracks(true, false), Delay: delay}, in)
		for _, u := range pictureClocks(t, stream) {
			if u != want {
				t.Fatalf("delay %v: DTS less PCR is %v", want, u)
			}
		}
	}
}

func TestTimestampsWrap(t *testing.T) {
	// The 33 bits of 90 kHz are through after 26 h 30 min 43.7 s.
	wrap := media.FromTimescale(1<<33, 90000) - 3*time.Second
	in := synthetic(true, true, 25, 6*time.Second)
	for i := range in {
		in[i].PTS += wrap
		in[i].DTS += wrap
	}
	s := mustPass(t, muxAll(t, Config{Tracks: tracks(true, true)}, in))
	compare(t, s.units, in, DefaultDelay)
	if first, last := s.units[0].pts, s.units[len(s.units)-1].pts; first < last {
		t.Errorf("PTS from %d to %d: nothing wrapped", first, last)
	}
	if s.breaks != 0 {
		t.Errorf("%d discontinuities", s.breaks)
	}
}

func TestTimesBeforeZero(t *testing.T) {
	in := synthetic(false, true, 0, time.Second)
	for i := range in {
		in[i].PTS -= 21 * time.Millisecond
		in[i].DTS -= 21 * time.Millisecond
	}
	compare(t, mustPass(t, muxAll(t, Config{Tracks: tracks(false, true)}, in)).units, in, DefaultDelay)
}

func TestDiscontinuity(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(ps []media.Packet)
		breaks int
	}{
		{"gap without a jump", func(ps []media.Packet) { ps[len(ps)/2].Gap = true }, 1},
		{"clock ahead by an hour", func(ps []media.Packet) { shift(ps, time.Hour) }, 1},
		{"clock back by a second and a half", func(ps []media.Packet) { shift(ps, -1500*time.Millisecond) }, 1},
		{"pause of half a second is bridged", func(ps []media.Packet) { shift(ps, 500*time.Millisecond) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := synthetic(true, false, 25, 4*time.Second)
			c.change(in)
			s := mustPass(t, muxAll(t, Config{Tracks: tracks(true, false)}, in))
			if s.breaks != c.breaks {
				t.Errorf("%d discontinuity indicators, want %d", s.breaks, c.breaks)
			}
			compare(t, s.units, in, DefaultDelay)
		})
	}
}

func shift(ps []media.Packet, by time.Duration) {
	for i := len(ps) / 2; i < len(ps); i++ {
		ps[i].PTS += by
		ps[i].DTS += by
	}
}

func TestDiscontinuityOfBothTracks(t *testing.T) {
	in := synthetic(true, true, 25, 4*time.Second)
	shift(in, time.Hour)
	s := mustPass(t, muxAll(t, Config{Tracks: tracks(true, true)}, in))
	if s.breaks != 1 {
		t.Errorf("%d discontinuity indicators, want 1", s.breaks)
	}
	compare(t, s.units, in, DefaultDelay)
}

func TestLateTrackIsCounted(t *testing.T) {
	m, err := New(Config{Tracks: tracks(true, true)})
	if err != nil {
		t.Fatal(err)
	}
	in := synthetic(true, true, 25, 2*time.Second)
	for i := range in {
		if in[i].Track == audioTrack {
			in[i].DTS -= time.Second / 2
			in[i].PTS -= time.Second / 2
		}
	}
	late := 0
	for _, p := range in {
		if p.Track == audioTrack {
			late++
		}
		if _, err := m.Append(nil, p); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.Late(); got < uint64(late)-20 || got > uint64(late) {
		t.Errorf("%d late of %d that trail by half a second", got, late)
	}
}
