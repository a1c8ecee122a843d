package adapt

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/output"
)

// attempt is a Run as the reconciler does it: a panic is its error.
func attempt(ctx context.Context, l *Loop) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	return l.Run(ctx)
}

// What decides panics. Nobody is left who could have pictures come back, so nothing
// may stay left out; the next Run goes on from there, and its counters still rise.
func TestAPanicInWhatDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: func(states []rate.PathState) rate.Decision {
			d := at(400_000, rate.TooOld)(states)
			d.Setting.Skip, d.Setting.AudioOnly, d.Setting.Key, d.Setting.Divider = true, true, 3, 2
			for i := range d.Paths {
				d.Paths[i].Shed, d.Paths[i].Pause, d.Paths[i].Advice.Flush = true, true, 7
			}
			return d
		}}
		r := start(t, s)
		r.stop()
		p := r.path(1, 6_000_000)
		defer r.Add("a", p)()
		again := make(chan error, 1)
		go func() { again <- attempt(t.Context(), r.Loop) }()
		r.pass(time.Second)
		if e, _ := r.encoder.told(); !e.Skip || !e.AudioOnly || e.Divider != 2 {
			t.Fatalf("told %+v", e)
		}
		s.say(func([]rate.PathState) rate.Decision { panic("a mistake") })
		r.pass(time.Second)
		select {
		case err := <-again:
			if err == nil || err.Error() != "internal error: a mistake" {
				t.Errorf("the reconciler sees %v", err)
			}
		default:
			t.Fatal("the panic was swallowed: nothing would restart it")
		}
		e, _ := r.encoder.told()
		if want := (rate.Setting{Bitrate: 400_000, Divider: 2, Scale: 1}); e != want {
			t.Errorf("the encoder is left with %+v, want %+v", e, want)
		}
		if a, _ := p.told(); a != (output.PathAdvice{}) || r.status() != nil {
			t.Errorf("the destination is left with %+v, shown %+v", a, r.status())
		}

		// A new one begins: its counters at 0, then one up.
		key := uint64(0)
		s.say(func(states []rate.PathState) rate.Decision {
			d := at(2_000_000, rate.Starting)(states)
			d.Setting.Key, d.Paths[0].Advice.Flush = key, key
			return d
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { again <- attempt(ctx, r.Loop) }()
		r.pass(time.Second)
		if e, _ := r.encoder.told(); e.Key != 0 || e.Bitrate != 2_000_000 || e.Divider != 1 {
			t.Errorf("the next Run begins with %+v", e)
		}
		s.mu.Lock()
		key = 1
		s.mu.Unlock()
		r.pass(time.Second)
		e, _ = r.encoder.told()
		if a, _ := p.told(); e.Key != 1 || a.Flush != 1 {
			t.Errorf("the next key picture is number %d, the next flush %d", e.Key, a.Flush)
		}
		cancel()
		if err := <-again; err != nil {
			t.Error(err)
		}
	})
}

// lateEncoder answers late, as on a box that is starved.
type lateEncoder struct {
	*fakeEncoder
	late func() time.Duration
}

func (e *lateEncoder) EncoderState() (rate.EncoderState, bool) {
	time.Sleep(e.late())
	return e.fakeEncoder.EncoderState()
}

// Ticks that come seconds late are not made up for in a burst, and a link that
// carries all keeps its bit rate and its pictures.
func TestTicksThatComeLate(t *testing.T) {
	for _, late := range []time.Duration{80 * time.Millisecond, 700 * time.Millisecond, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, nil)
			tick := 0
			e := &lateEncoder{r.encoder, func() time.Duration {
				if tick++; tick%20 == 0 {
					return late
				}
				return 0
			}}
			defer r.Use(e)()
			p := r.path(1, 20_000_000)
			defer r.Add("a", p)()
			r.pass(2 * time.Minute)
			if s, _ := r.encoder.told(); s.Bitrate < 5_000_000 || s.Divider > 1 || s.AudioOnly {
				t.Errorf("%v late: %+v by %s", late, s, r.status().Code)
			}
			if a, _ := p.told(); a.Shed {
				t.Errorf("%v late: shed", late)
			}
			last, h := int64(0), r.History(0)
			for _, point := range h.Points {
				if point.T-last < 100 {
					t.Fatalf("%v late: two points within %d ms", late, point.T-last)
				}
				last = point.T
			}
			if len(h.Points) < 20 {
				t.Errorf("%v late: %d points", late, len(h.Points))
			}
			r.stop()
		})
	}
}

// blankEncoder encodes, it says, but counts nothing.
type blankEncoder struct{ *fakeEncoder }

func (blankEncoder) EncoderState() (rate.EncoderState, bool) { return rate.EncoderState{}, true }

func TestAnEncoderThatCountsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		defer r.Use(blankEncoder{r.encoder})()
		p := r.path(1, 20_000_000)
		defer r.Add("a", p)()
		r.pass(time.Minute)
		if s, _ := r.encoder.told(); s.Bitrate < 5_000_000 || s.Divider > 1 || r.status().Video != 0 {
			t.Errorf("told %+v, shown %+v", s, r.status())
		}
		p.carry(1_000_000)
		r.pass(10 * time.Second)
		if s, _ := r.encoder.told(); s.Bitrate > 1_100_000 { // more is tried now and then
			t.Errorf("a link of 1 Mb/s gets %+v", s)
		}
		r.stop()
	})
}

// Passthrough, and no programme at all: nothing is followed, shown or advised.
func TestWithoutAnEncoderState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: at(3_000_000, rate.Steady)}
		r := start(t, s)
		r.encoder.mu.Lock()
		r.encoder.off = true
		r.encoder.mu.Unlock()
		p := r.path(1, 6_000_000)
		defer r.Add("a", p)()
		r.pass(10 * time.Second)
		end := r.Use(newFakeEncoder())
		end() // and none
		r.Wake()
		r.pass(10 * time.Second)
		if _, n := p.told(); n != 0 || r.status() != nil || len(r.History(0).Points) > 1 {
			t.Errorf("advised %d times, shown %+v, %d points", n, r.status(), len(r.History(0).Points))
		}
		r.stop()
	})
}

// A step of the ladder has words of its own: what the target is like at that moment
// says nothing of it. Under the least bit rate the least is shown.
func TestStepsInWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: at(300_000, rate.Queueing)}
		r := start(t, s)
		defer r.Add("a", r.path(1, 6_000_000))()
		r.pass(time.Second)
		from := r.History(0).Next
		step := func(bitrate, divider, scale int, alone bool, why rate.Reason) {
			s.say(func(states []rate.PathState) rate.Decision {
				d := at(bitrate, why)(states)
				d.Setting = rate.Setting{Bitrate: bitrate, Divider: divider, Scale: scale, AudioOnly: alone}
				return d
			})
			r.pass(time.Second)
			if k := r.status(); k.Target != max(bitrate, 300_000) {
				t.Errorf("told %d, shown %d", bitrate, k.Target)
			}
		}
		step(180_000, 2, 1, false, rate.Queueing)
		step(75_000, 2, 2, false, rate.TooOld)
		step(75_000, 2, 2, true, rate.Dropping)
		step(75_000, 2, 2, false, rate.Limited)
		step(180_000, 2, 1, false, rate.Limited)
		step(300_000, 1, 1, false, rate.Limited)
		h := r.History(from)
		want := []string{
			"half as many pictures: the link carries less than the lowest bit rate",
			"smaller pictures: the link carries less than half as many need",
			"sound alone: the link does not carry pictures",
			"pictures again, half as many and smaller: the link is tried",
			"pictures at full size again, half as many: the link carries them",
			"all pictures again: the link carries them",
		}
		if len(h.Changes) != len(want) {
			t.Fatalf("%d changes, want %d: %+v", len(h.Changes), len(want), h.Changes)
		}
		for i, c := range h.Changes {
			if c.Text != want[i] || c.Code != "step" || c.From != 300_000 || c.To != 300_000 || c.Destination != "a" {
				t.Errorf("change %d: %+v, want %q", i, c, want[i])
			}
		}
		for _, p := range h.Points {
			if p.Target != 300_000 {
				t.Fatalf("a point at %d", p.Target)
			}
		}
		r.stop()
	})
}
