package rate

import (
	"math"
	"testing"
	"time"
)

// feeder makes samples of a path on which all is well: what is written is acknowledged
// 40 ms later.
type feeder struct {
	s    Sample
	c    *Controller
	rate float64 // written, of what is asked for
}

func newFeeder(l Limits) *feeder {
	return &feeder{c: New(l), rate: 1, s: Sample{At: time.Second, RTT: 40 * time.Millisecond, MinRTT: 40 * time.Millisecond, Budget: 2 * time.Second}}
}

// next takes another sample, Interval later.
func (f *feeder) next() Advice {
	f.s.At += Interval
	n := uint64(f.rate * float64(f.c.advice.Target) / 8 * Interval.Seconds())
	f.s.Written += n
	f.s.Outstanding = min(2*n, f.s.Written)
	return f.c.Step(f.s)
}

// stuck is the same while nothing is acknowledged.
func (f *feeder) stuck() Advice {
	f.s.At += Interval
	n := uint64(float64(f.c.advice.Target) / 8 * Interval.Seconds())
	f.s.Written += n
	f.s.Outstanding += n
	return f.c.Step(f.s)
}

func (f *feeder) run(d time.Duration) (a Advice) {
	for range d / Interval {
		a = f.next()
	}
	return a
}

func TestControllerBeginsAtStart(t *testing.T) {
	if a := New(testLimits).advice; a.Target != testLimits.Start || a.Reason != Starting || a.Pace != testLimits.Start*3/2 {
		t.Errorf("%+v", a)
	}
}

func TestControllerGoesToMaxWhereNothingStopsIt(t *testing.T) {
	f := newFeeder(testLimits)
	if a := f.run(10 * time.Second); a.Target != testLimits.Max || a.Reason != AtMax || a.Skip || a.Key > 0 || a.Flush > 0 {
		t.Errorf("%+v", a)
	}
}

func TestControllerDoesNotRiseWhileAnotherPathIsTried(t *testing.T) {
	f := newFeeder(testLimits)
	f.c.MayProbe(false)
	if a := f.run(10 * time.Second); a.Target != testLimits.Start || a.Reason != Waiting {
		t.Errorf("%+v", a)
	}
	for i := range 500 { // an outage and what comes after it
		before, step := f.c.advice.Target, f.next
		if i < 100 {
			step = f.stuck
		}
		a := step()
		if a.Target > before {
			t.Fatalf("rose from %d to %d: %s", before, a.Target, a.Reason)
		}
	}
}

func TestControllerDoesNotRiseWhereTheEncoderDoesNotUseIt(t *testing.T) {
	f := newFeeder(testLimits)
	f.run(4 * time.Second)
	f.rate = 0.5
	f.run(2 * time.Second)
	before := f.c.advice.Target
	if a := f.run(10 * time.Second); a.Target > before || a.Reason != Limited && a.Reason != AtMax {
		t.Errorf("from %d: %+v", before, a)
	}
}

func TestControllerIssuesNoSmallIncreases(t *testing.T) {
	f := newFeeder(testLimits)
	last := f.c.advice.Target
	for range 500 {
		a := f.next()
		if a.Target > last && a.Target < testLimits.Max && float64(a.Target) < float64(last)*(1+step)-1 {
			t.Fatalf("from %d to %d", last, a.Target)
		}
		last = a.Target
	}
}

func TestControllerTakesInvalidLimits(t *testing.T) {
	for _, l := range []Limits{{}, {-5, -6, -7}, {5e6, 1e6, 2e6}, {math.MinInt, math.MaxInt, math.MaxInt}, {Max: 1e6}, {1e6, 9e6, 2e6}} {
		c := New(testLimits)
		c.SetLimits(l)
		v := l.valid()
		if v.Min < 1 || v.Min > v.Start || v.Start > v.Max || c.advice.Target < v.Min || c.advice.Target > v.Max {
			t.Errorf("%+v: %+v, target %d", l, v, c.advice.Target)
		}
		if a := New(l).advice; a.Target != v.Start {
			t.Errorf("%+v: begins at %d, not %d", l, a.Target, v.Start)
		}
	}
}

func TestControllerKeepsToNewLimits(t *testing.T) {
	f := newFeeder(testLimits)
	f.run(10 * time.Second)
	f.c.SetLimits(Limits{Min: 200_000, Start: 1_000_000, Max: 3_000_000})
	if a := f.next(); a.Target != 3_000_000 || a.Pace > 4_500_000 {
		t.Errorf("%+v", a)
	}
}

// After each fault the controller must neither cut nor ask for anything, and go on.
func TestControllerBearsFaultsOfSamples(t *testing.T) {
	for name, fault := range map[string]func(f *feeder){
		"counters jump":          func(f *feeder) { f.s.Written += 1 << 40 },
		"counters fall":          func(f *feeder) { f.s.Written, f.s.Outstanding = 0, 0 },
		"counters wrap":          func(f *feeder) { f.s.Written = uint64(uint32(f.s.Written + 1<<32 - 1<<10)) },
		"near the highest":       func(f *feeder) { f.s.Written = math.MaxUint64 - 1<<30 },
		"more outstanding":       func(f *feeder) { f.c.Step(Sample{At: f.s.At + 1, Written: 5, Outstanding: 9, Dropped: 3}) },
		"clock steps back":       func(f *feeder) { f.s.At -= time.Hour },
		"clock steps forward":    func(f *feeder) { f.s.At += 1000 * time.Hour },
		"clock before its begin": func(f *feeder) { f.s.At = math.MinInt64 + 5 },
		"clock stands": func(f *feeder) {
			for range 100 {
				f.c.Step(f.s)
			}
		},
		"doubled":               func(f *feeder) { f.c.Step(f.s); f.c.Step(f.s) },
		"no samples for 5 s":    func(f *feeder) { f.s.At += 5 * time.Second; f.s.Written += 4_000_000 },
		"unknown budget":        func(f *feeder) { f.s.Budget = 0 },
		"unknown RTT":           func(f *feeder) { f.s.RTT, f.s.MinRTT = 0, 0 },
		"negative times":        func(f *feeder) { f.s.RTT, f.s.MinRTT, f.s.Budget = -1, -1, -1 },
		"another connection":    func(f *feeder) { f.c.Reconnected(); f.s.Written, f.s.Outstanding = 0, 0 },
		"retransmissions fall":  func(f *feeder) { f.s.Retransmitted = 0 },
		"late by half a second": func(f *feeder) { f.s.At += 500 * time.Millisecond; f.s.Written += 400_000 },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFeeder(testLimits)
			f.s.Retransmitted = 5
			f.run(10 * time.Second)
			fault(f)
			for range 500 {
				a := f.next()
				if a.Skip || a.Flush > 0 || a.Target < testLimits.Max/3 {
					t.Fatalf("%+v", a)
				}
			}
			if a := f.run(10 * time.Second); a.Target != testLimits.Max {
				t.Errorf("did not come back: %+v", a)
			}
		})
	}
}

func TestControllerBearsAMinuteWithoutAcknowledgements(t *testing.T) {
	f := newFeeder(testLimits)
	f.run(10 * time.Second)
	estimate := f.c.stall.flow
	var a Advice
	for range time.Minute / Interval {
		a = f.stuck()
		if a.Target < testLimits.Min || a.Target > testLimits.Max {
			t.Fatalf("%+v", a)
		}
	}
	if a.Reason != Outage || !a.Skip || a.Flush == 0 || a.Key == 0 || a.Key > 120 || a.Target > testLimits.Max/2 {
		t.Errorf("after a minute: %+v", a)
	}
	if f.c.stall.frozen < estimate*0.9 {
		t.Errorf("the estimate went from %.0f to %.0f", estimate, f.c.stall.frozen)
	}
	f.s.Outstanding = 0 // all is acknowledged at once
	if a = f.next(); a.Reason != Restarting || float64(a.Target) < estimate*0.4 {
		t.Errorf("after the outage: %+v", a)
	}
	if a = f.run(15 * time.Second); a.Target != testLimits.Max || a.Skip {
		t.Errorf("15 s after the outage: %+v", a)
	}
}

func TestControllerAsksForAKeyPictureAfterAGap(t *testing.T) {
	f := newFeeder(testLimits)
	f.run(5 * time.Second)
	f.s.Dropped += 20_000
	if a := f.next(); a.Key != 1 {
		t.Errorf("%+v", a)
	}
	if a := f.run(time.Second); a.Key != 1 {
		t.Errorf("asked again: %+v", a)
	}
}

func TestControllerStaysAtHalfAfterReconnecting(t *testing.T) {
	f := newFeeder(testLimits)
	f.run(10 * time.Second)
	f.c.Reconnected()
	f.s.Written, f.s.Outstanding, f.s.Dropped = 0, 0, 0
	a := f.next()
	if a.Target < testLimits.Max*4/10 || a.Target > testLimits.Max*6/10 {
		t.Errorf("%+v", a)
	}
	if a = f.run(5 * time.Second); a.Target != testLimits.Max {
		t.Errorf("5 s later: %+v", a)
	}
}

func TestControllerStepAllocatesNothing(t *testing.T) {
	f := newFeeder(testLimits)
	f.run(30 * time.Second)
	if n := testing.AllocsPerRun(1000, func() { f.next() }); n != 0 {
		t.Errorf("%v allocations a step", n)
	}
}

func BenchmarkControllerStep(b *testing.B) {
	f := newFeeder(testLimits)
	f.run(30 * time.Second)
	b.ReportAllocs()
	for b.Loop() {
		f.next()
	}
}
