package ts

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/tscheck"
	"github.com/encoderbox/encoderbox/media"
)

// constantOf muxes packets at a constant rate, each added when the clock has
// come to when of it, and tail after the last one.
func constantOf(t *testing.T, cfg Config, ps []media.Packet, when func(media.Packet) time.Duration, tail time.Duration) (*Constant, []byte) {
	t.Helper()
	c, err := NewConstant(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, p := range ps {
		out = c.Advance(out, when(p)-when(ps[0]))
		if err := c.Add(p); err != nil {
			t.Fatalf("at %v: %v", p.DTS, err)
		}
	}
	return c, c.Advance(out, when(ps[len(ps)-1])-when(ps[0])+tail)
}

func arrival(p media.Packet) time.Duration { return p.At }

func constantPasses(t *testing.T, stream []byte, rate int) *tscheck.Report {
	t.Helper()
	r, err := tscheck.Check(bytes.NewReader(stream), tscheck.Options{Rate: rate, Data: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Error(f)
	}
	return r
}

func TestConstantRate(t *testing.T) {
	for _, tc := range []struct {
		name         string
		video, audio bool
		fps, rate    int
	}{
		{"25 frames and sound", true, true, 25, 4_000_000},
		{"a rate that divides nothing", true, true, 30, 4_999_999},
		{"60 frames and sound", true, true, 60, 12_345_678},
		{"200 Mb/s", true, true, 25, 200_000_000},
		{"2 frames and sound", true, true, 2, 3_000_000},
		{"10 frames without sound", true, false, 10, 2_000_000},
		{"sound alone", false, true, 0, 400_000},
		{"sound alone at the lowest rate", false, true, 0, 250_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			length := 10 * time.Second
			if tc.rate > 100_000_000 {
				length = time.Second // 25 MB
			}
			in := synthetic(tc.video, tc.audio, tc.fps, length)
			c, stream := constantOf(t, Config{Tracks: tracks(tc.video, tc.audio), MuxRate: tc.rate}, in, arrival, time.Second)
			r := constantPasses(t, stream, tc.rate)
			if c.Late() != 0 || c.Dropped() != 0 || r.Breaks != 0 {
				t.Errorf("%d late, %d dropped, %d breaks", c.Late(), c.Dropped(), r.Breaks)
			}
			if r.MinDelay < 0 || r.MaxDelay > DefaultConstantDelay+maxEarly {
				t.Errorf("decoded %v to %v after arrival", r.MinDelay, r.MaxDelay)
			}
			compare(t, unitsOf(r), in, DefaultConstantDelay)
			soundFits(t, r)
			t.Logf("PCR at most every %v, off by %v; PAT %v; %.0f %% null; decoded %v to %v after arrival",
				r.MaxPCR, r.PCRError, r.MaxPAT, r.NullShare()*100, r.MinDelay, r.MaxDelay)
		})
	}
}

// soundFits checks that the decoder's buffer for sound does not overflow, by
// what is in it whenever an access unit has arrived.
func soundFits(t *testing.T, r *tscheck.Report) {
	t.Helper()
	units := r.Of(audioPID)
	for i, u := range units {
		fill := 0
		for _, v := range units[:i+1] {
			if v.DTS > u.Begun {
				fill += v.Size + 14
			}
		}
		if fill > 3584 {
			t.Fatalf("sound at %v: %d bytes in the decoder's buffer", u.DTS, fill)
		}
	}
}

func TestConstantTakesJitter(t *testing.T) {
	in := synthetic(true, true, 25, 10*time.Second)
	rnd := rand.New(rand.NewPCG(3, 4))
	last := map[*media.Track]time.Duration{}
	for i := range in {
		at := in[i].At + time.Duration(rnd.IntN(100))*time.Millisecond
		at = max(at, last[in[i].Track])
		in[i].At, last[in[i].Track] = at, at
	}
	slices.SortStableFunc(in, func(a, b media.Packet) int { return int(a.At - b.At) })
	c, stream := constantOf(t, Config{Tracks: tracks(true, true), MuxRate: 5_000_000}, in, arrival, time.Second)
	r := constantPasses(t, stream, 5_000_000)
	if c.Late() != 0 || r.Breaks != 0 {
		t.Errorf("%d late, %d breaks", c.Late(), r.Breaks)
	}
}

func TestConstantRateIsToldWhenTooLow(t *testing.T) {
	in := synthetic(true, true, 25, 20*time.Second) // about 3.2 Mb/s
	c, err := NewConstant(Config{Tracks: tracks(true, true), MuxRate: 2_000_000})
	if err != nil {
		t.Fatal(err)
	}
	var low *RateError
	var at time.Duration
	for _, p := range in {
		c.Advance(nil, p.At)
		if err = c.Add(p); err != nil {
			at = p.At
			break
		}
	}
	if !errors.As(err, &low) || low.Rate != 2_000_000 || low.Needed < 2_500_000 || low.Needed > 4_500_000 {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "mux_rate") || !strings.Contains(err.Error(), "2.0 Mb/s") {
		t.Errorf("error %q", err)
	}
	if c.Late() == 0 || c.Dropped() == 0 || len(c.video.units)+len(c.audio.units) > 2 {
		t.Errorf("%d late, %d dropped, %d waiting", c.Late(), c.Dropped(), len(c.video.units)+len(c.audio.units))
	}
	t.Logf("after %v: %v", at, err)
}

func TestConstantFollowsAJump(t *testing.T) {
	for _, tc := range []struct {
		name  string
		delta time.Duration
	}{{"ahead by an hour", time.Hour}, {"back by an hour", -time.Hour}, {"ahead by two seconds", 2 * time.Second}, {"back by one", -time.Second}} {
		t.Run(tc.name, func(t *testing.T) {
			in := synthetic(true, true, 25, 6*time.Second)
			for i := range in {
				if in[i].At >= 3*time.Second {
					in[i].PTS += tc.delta
					in[i].DTS += tc.delta
				}
			}
			_, stream := constantOf(t, Config{Tracks: tracks(true, true), MuxRate: 5_000_000}, in, arrival, time.Second)
			r, err := tscheck.Check(bytes.NewReader(stream), tscheck.Options{Rate: 5_000_000})
			if err != nil {
				t.Fatal(err)
			}
			if r.Breaks == 0 || r.Breaks > 2 || r.Has(tscheck.Continuity) || r.Has(tscheck.PCRJump) || r.Has(tscheck.PCRAccuracy) || r.Has(tscheck.PESLength) {
				t.Errorf("%d breaks, %v", r.Breaks, r.Findings)
			}
		})
	}
}

func TestConstantWraps(t *testing.T) {
	wrap := media.FromTimescale(1<<33, 90000) - 3*time.Second
	in := synthetic(true, true, 25, 6*time.Second)
	for i := range in {
		in[i].PTS += wrap
		in[i].DTS += wrap
	}
	_, stream := constantOf(t, Config{Tracks: tracks(true, true), MuxRate: 5_000_000}, in, arrival, time.Second)
	r := constantPasses(t, stream, 5_000_000)
	if r.Breaks != 0 {
		t.Errorf("%d breaks", r.Breaks)
	}
	compare(t, unitsOf(r), in, DefaultConstantDelay)
}

// TestConstantClockIsExactForYears: no rounding adds up.
func TestConstantClockIsExactForYears(t *testing.T) {
	c, err := NewConstant(Config{Tracks: tracks(true, true), MuxRate: 4_999_999})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Add(synthetic(true, false, 25, time.Second)[0]); err != nil {
		t.Fatal(err)
	}
	c.n = 4_999_999 * 60 * 60 * 24 // so many times 1504 s exactly
	want := (uint64(60*60*24)*1504*systemRate + systemRate) % pcrModulus
	if got := c.clock27(); got != want {
		t.Errorf("after 4 years the PCR is %d, want %d", got, want)
	}
}

func TestConstantRefuses(t *testing.T) {
	if _, err := NewConstant(Config{Tracks: tracks(true, true), MuxRate: 1000}); err == nil {
		t.Error("1 kb/s was taken")
	}
	if _, err := NewConstant(Config{MuxRate: 1_000_000}); err == nil {
		t.Error("no tracks were taken")
	}
	if _, err := New(Config{Tracks: tracks(true, true), MuxRate: 1_000_000}); err == nil {
		t.Error("a Muxer took a rate")
	}
	c, err := NewConstant(Config{Tracks: tracks(true, true), MuxRate: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	if out := c.Advance(nil, time.Hour); len(out) > 0 || len(c.Next(nil)) > 0 {
		t.Error("packets before anything was added")
	}
	if err := c.Add(media.Packet{}); err == nil {
		t.Error("a packet without track was taken")
	}
}

func TestFFmpegReadsConstant(t *testing.T) {
	dir := t.TempDir()
	ref, ours := filepath.Join(dir, "ref.ts"), filepath.Join(dir, "ours.ts")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-f", "lavfi", "-i", "sine=r=48000", "-t", "10",
		"-c:v", "libx264", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", ref)
	in := readTS(t, ref)
	slices.SortStableFunc(in, func(a, b media.Packet) int { return int(a.DTS - b.DTS) })
	at := func(p media.Packet) time.Duration { return p.DTS }
	_, stream := constantOf(t, Config{Tracks: tracksOf(in), MuxRate: 3_000_000}, in, at, time.Second)
	r := constantPasses(t, stream, 3_000_000)
	compare(t, unitsOf(r), in, DefaultConstantDelay)
	if err := os.WriteFile(ours, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "ffmpeg", "-v", "error", "-xerror", "-err_detect", "explode", "-i", ours, "-f", "null", "-")
}

// FuzzConstant: whatever comes in and when, what goes out is whole packets in
// sequence, each PCR in its place, and what waits is bounded.
func FuzzConstant(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 0x65, 0x88}, int64(0), int64(40_000_000), uint32(4_000_000), true)
	f.Add([]byte{0, 0, 0, 2, 0x41, 0x9a}, int64(-5), int64(1<<40), uint32(250_000), false)
	f.Add(bytes.Repeat([]byte{0, 0, 0, 1, 0x41}, 9000), int64(1), int64(1000), uint32(300_000), false)
	f.Fuzz(func(t *testing.T, data []byte, at, step int64, rate uint32, key bool) {
		at, step = at%(1<<50), step%(1<<50)
		c, err := NewConstant(Config{Tracks: tracks(true, true), MuxRate: MinMuxRate + int(rate%50_000_000)})
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		for i := range int64(8) {
			for _, track := range tracks(true, true) {
				dts := time.Duration(at + i*step)
				err := c.Add(media.Packet{Track: track, PTS: dts, DTS: dts, Key: key, Data: data})
				if low := (*RateError)(nil); errors.As(err, &low) && low.Needed <= low.Rate {
					t.Fatalf("%v", err)
				}
			}
			out = c.Advance(out, time.Duration(i+1)*20*time.Millisecond)
		}
		if len(out)%PacketSize != 0 {
			t.Fatalf("%d bytes", len(out))
		}
		r, err := tscheck.Check(bytes.NewReader(out), tscheck.Options{Constant: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range []tscheck.Rule{tscheck.Sync, tscheck.Continuity, tscheck.Duplicate, tscheck.Adaptation, tscheck.CRC, tscheck.PCRAccuracy, tscheck.PCRInterval, tscheck.PCRJump, tscheck.PATInterval} {
			if r.Has(rule) {
				t.Fatalf("%v", r.Findings)
			}
		}
	})
}

// BenchmarkConstant muxes one second of 8 Mb/s at 10 Mb/s an iteration.
func BenchmarkConstant(b *testing.B) {
	ps := eightMegabits()
	c, err := NewConstant(Config{Tracks: tracks(true, true), MuxRate: 10_000_000})
	if err != nil {
		b.Fatal(err)
	}
	var out []byte
	b.ReportAllocs()
	b.SetBytes(10_000_000 / 8)
	for n := 0; b.Loop(); n++ {
		for i := range ps {
			if err := c.Add(ps[i]); err != nil {
				b.Fatal(fmt.Errorf("at %v: %w", ps[i].DTS, err))
			}
			ps[i].PTS += time.Second
			ps[i].DTS += time.Second
			out = c.Advance(out[:0], ps[i].DTS-time.Second)
		}
	}
}
