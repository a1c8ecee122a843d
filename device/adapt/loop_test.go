package adapt

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/output"
)

func TestWhatIsDecidedIsToldOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: at(3_000_000, rate.Steady)}
		r := start(t, s)
		p := r.path(1, 6_000_000)
		remove := r.Add("a", p)
		r.pass(time.Second)
		if got, n := r.encoder.told(); got.Bitrate != 3_000_000 || n != 1 {
			t.Errorf("told %d times, last %+v", n, got)
		}
		if got, n := p.told(); got != (output.PathAdvice{Pace: 6_000_000}) || n != 1 {
			t.Errorf("advised %d times, last %+v", n, got)
		}
		if s.stepped() < 45 || s.stepped() > 55 {
			t.Errorf("%d steps in a second", s.stepped())
		}
		if st := s.seen()[0]; st.Name != "a" || !st.Primary || st.Connection != 1 || st.Sample.RTT != 20*time.Millisecond {
			t.Errorf("state %+v", st)
		}

		// Another programme begins with what was decided.
		next := newFakeEncoder()
		end := r.Use(next)
		if got, _ := next.told(); got.Bitrate != 3_000_000 {
			t.Errorf("a new programme begins with %+v", got)
		}
		remove()
		end()
		r.stop()
	})
}

func TestADestinationIsRemovedWhileItIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: at(3_000_000, rate.Steady)}
		r := start(t, s)
		a, b := r.path(1, 6_000_000), r.path(1, 6_000_000)
		removeB := r.Add("b", b)
		removeA := r.Add("a", a)
		r.pass(time.Second)
		if len(s.seen()) != 2 || s.seen()[0].Name != "a" || s.seen()[1].Name != "b" || s.seen()[1].Primary {
			t.Fatalf("states %+v", s.seen())
		}
		removeA()
		r.pass(time.Second)
		asked := a.questions()
		r.pass(time.Second)
		if a.questions() != asked || len(s.seen()) != 1 || s.seen()[0].Name != "b" {
			t.Errorf("still followed: %+v", s.seen())
		}
		if paths := r.status().Paths; len(paths) != 1 || paths[0].Destination != "b" {
			t.Errorf("shown: %+v", paths)
		}
		again := r.path(7, 6_000_000)
		removeAgain := r.Add("a", again)
		removeA() // of the one before: no longer its business
		r.pass(time.Second)
		if len(s.seen()) != 2 || s.seen()[0].Connection != 7 {
			t.Errorf("the new one: %+v", s.seen())
		}
		removeAgain()
		removeB()
		r.stop()
	})
}

func TestNothingToFollowCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: at(6_000_000, rate.AtMax)}
		r := start(t, s)
		p := r.path(0, 0)
		defer r.Add("a", p)()
		r.pass(time.Minute)
		if s.stepped() > 130 {
			t.Errorf("%d steps in an idle minute", s.stepped())
		}
		shown := r.reported()
		r.pass(time.Minute)
		if r.reported() != shown {
			t.Errorf("%d reports of nothing new", r.reported()-shown)
		}
		p.connect(1, 6_000_000)
		r.Wake()
		synctest.Wait()
		if now := s.seen(); len(now) != 1 || now[0].Connection != 1 {
			t.Errorf("the connection is not seen at once: %+v", now)
		}
		p.connect(0, 0)
		r.pass(5 * time.Second)
		if now := s.seen(); len(now) != 1 || now[0].Connection != 0 {
			t.Errorf("while it may come back: %+v", now)
		}
		r.pass(6 * time.Second)
		if now := s.seen(); len(now) != 0 {
			t.Errorf("it still counts: %+v", now)
		}
		if k := r.status(); len(k.Paths) != 1 || k.Paths[0].State != "idle" {
			t.Errorf("shown: %+v", k.Paths)
		}
		r.stop()
	})
}

func TestAPathThatPanicsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: at(3_000_000, rate.Steady)}
		r := start(t, s)
		good, bad := r.path(1, 6_000_000), r.path(1, 6_000_000)
		defer r.Add("bad", bad)()
		defer r.Add("good", good)()
		r.pass(time.Second)
		bad.mu.Lock()
		bad.panics = true
		bad.mu.Unlock()
		r.pass(time.Second)
		if now := s.seen(); now[0].Connection != 0 || now[1].Connection != 1 {
			t.Errorf("states %+v", s.seen())
		}
		if n := strings.Count(r.log.String(), "a transport's mistake"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, r.log.String())
		}
		r.stop()
	})
}

func TestCountersThatBeginAnewStillRise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flush := uint64(3)
		s := &script{}
		s.say(func(states []rate.PathState) rate.Decision {
			d := at(3_000_000, rate.Steady)(states)
			d.Setting.Key = flush
			for i := range d.Paths {
				d.Paths[i].Advice.Flush = flush
			}
			return d
		})
		r := start(t, s)
		p := r.path(1, 6_000_000)
		defer r.Add("a", p)()
		for _, step := range []struct{ say, want uint64 }{{3, 0}, {4, 1}, {0, 1}, {1, 2}} {
			s.mu.Lock()
			flush = step.say
			s.mu.Unlock()
			r.pass(time.Second)
			setting, _ := r.encoder.told()
			advice, _ := p.told()
			if setting.Key != step.want || advice.Flush != step.want {
				t.Errorf("said %d: key %d, flush %d, want %d", step.say, setting.Key, advice.Flush, step.want)
			}
		}
		r.stop()
	})
}

func TestWithoutAnEncoderAllAdviceIsLifted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: func(states []rate.PathState) rate.Decision {
			d := at(3_000_000, rate.Queueing)(states)
			for i := range d.Paths {
				d.Paths[i].Shed = true
			}
			return d
		}}
		r := start(t, s)
		p := r.path(1, 6_000_000)
		defer r.Add("a", p)()
		r.pass(time.Second)
		if got, _ := p.told(); !got.Shed || r.status().Paths[0].State != "shed" {
			t.Fatalf("advised %+v, shown %+v", got, r.status().Paths)
		}
		steps := s.stepped()
		r.encoder.mu.Lock()
		r.encoder.off = true
		r.encoder.mu.Unlock()
		r.pass(time.Second)
		if got, _ := p.told(); !got.Shed {
			t.Error("a programme that begins anew lets go of its destinations")
		}
		r.pass(5 * time.Second)
		if got, _ := p.told(); got != (output.PathAdvice{}) || r.status() != nil || s.stepped() > steps+1 {
			t.Errorf("advised %+v, shown %+v, %d steps", got, r.status(), s.stepped()-steps)
		}
		r.encoder.mu.Lock()
		r.encoder.off = false
		r.encoder.mu.Unlock()
		r.pass(2 * time.Second)
		if got, _ := p.told(); !got.Shed || r.status() == nil {
			t.Errorf("with an encoder again: %+v", got)
		}
		r.stop()
		if got, _ := p.told(); got != (output.PathAdvice{}) || r.status() != nil {
			t.Errorf("at the end: advised %+v", got)
		}
	})
}

func TestConfigurationIsTakenLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: at(3_000_000, rate.Steady)}
		r := start(t, s)
		defer r.Add("a", r.path(1, 6_000_000))()
		defer r.Add("b", r.path(1, 6_000_000))()
		r.pass(time.Second)
		c := testConfig()
		c.Max, c.Fixed, c.Policy, c.Primary = 9_000_000, true, rate.BestForMost, "b"
		r.SetConfig(c)
		synctest.Wait()
		r.pass(time.Second)
		if s.configured() != c.StreamConfig || s.seen()[0].Primary || !s.seen()[1].Primary {
			t.Errorf("%+v, %+v", s.configured(), s.seen())
		}
		if k := r.status(); k.Max != 9_000_000 || k.Mode != "fixed" || k.Policy != "best-for-most" {
			t.Errorf("shown: %+v", k)
		}
		if h := r.History(0); h.Max != 9_000_000 || h.Mode != "fixed" {
			t.Errorf("history: %+v", h)
		}
		r.stop()
	})
}

func TestOutagesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: at(3_000_000, rate.Steady)}
		r := start(t, s)
		p := r.path(1, 6_000_000)
		defer r.Add("a", p)()
		r.pass(time.Second)
		for _, outage := range []time.Duration{3 * time.Second, 500 * time.Millisecond} {
			s.say(at(3_000_000, rate.Outage))
			r.pass(outage)
			if state := r.status().Paths[0].State; state != "outage" && outage > time.Second {
				t.Errorf("state %s", state)
			}
			s.say(at(1_500_000, rate.Restarting))
			r.pass(time.Second)
		}
		s.say(at(1_500_000, rate.Outage)) // of a connection that breaks the destination tells
		r.pass(3 * time.Second)
		p.connect(0, 0)
		r.pass(time.Second)
		if told := r.told(); len(told) != 1 {
			t.Fatalf("incidents %+v", told)
		}
		i := r.told()[0]
		if i.Subject != "destination a" || i.Kind != output.Late || i.Duration.Round(100*time.Millisecond) != 3*time.Second ||
			i.Detail != fmt.Sprintf("the receiver acknowledged nothing for %.1f s", i.Duration.Seconds()) {
			t.Errorf("incident %+v", i)
		}
		r.stop()
	})
}
