package scenario

import (
	"math"
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

const (
	mega = 1e6
	ms   = time.Millisecond
	sec  = time.Second
)

// steady is a scenario of a constant capacity; the others are made of it.
func steady(name, title string, bitrate float64) Scenario {
	return Scenario{
		Name: name, Title: title, Length: 90 * sec, Warm: 10 * sec,
		Limits: rate.Limits{Min: 500_000, Start: 3_000_000, Max: 8_000_000}, Latency: 2 * sec,
		Trace: constant(bitrate), RTT: 40 * ms, Queue: buffer(bitrate, 300*ms),
	}
}

// buffer is the size of a queue that takes so long to pass at a bit rate.
func buffer(bitrate float64, d time.Duration) int {
	return max(16*trace.Opportunity, int(bitrate/8*d.Seconds()))
}

func constant(bitrate float64) func(uint64) (*trace.Trace, error) {
	return func(uint64) (*trace.Trace, error) { return trace.Constant(bitrate), nil }
}

func steps(all ...trace.Step) func(uint64) (*trace.Trace, error) {
	return func(uint64) (*trace.Trace, error) { return trace.Steps(all...) }
}

func mobile(m trace.Mobile, length time.Duration) func(uint64) (*trace.Trace, error) {
	return func(seed uint64) (*trace.Trace, error) { return m.Generate(seed, length) }
}

// All are the scenarios, in the order in which they are shown.
func All() []Scenario {
	all := []Scenario{stepsScenario()}
	all = append(all, rfc8867()...)
	all = append(all, outage("outage-3s", 3*sec), outage("outage-20s", 20*sec))
	all = append(all, impaired()...)
	all = append(all, shared()...)
	return append(all, cellular()...)
}

func stepsScenario() Scenario {
	s := steady("steps", "6 → 2 → 6 Mb/s", 6*mega)
	s.Length, s.Steps = 120*sec, true
	s.Trace = steps(trace.Step{Bitrate: 6 * mega, For: 40 * sec}, trace.Step{Bitrate: 2 * mega, For: 40 * sec}, trace.Step{Bitrate: 6 * mega, For: 40 * sec})
	return s
}

// rfc8867 are the test cases of RFC 8867, sections 5.1 to 5.4, with every capacity four
// times as high.
func rfc8867() []Scenario {
	one := steady("rfc8867-5.1", "RFC 8867, 5.1: variable capacity, one flow", 4*mega)
	one.Length, one.RTT, one.Steps = 100*sec, 100*ms, true
	one.Trace = steps(trace.Step{Bitrate: 4 * mega, For: 40 * sec}, trace.Step{Bitrate: 10 * mega, For: 20 * sec},
		trace.Step{Bitrate: 2.4 * mega, For: 20 * sec}, trace.Step{Bitrate: 4 * mega, For: 20 * sec})

	two := steady("rfc8867-5.2", "RFC 8867, 5.2: variable capacity, two flows", 8*mega)
	two.Length, two.RTT, two.Flows, two.Steps = 125*sec, 100*ms, []time.Duration{0}, true
	two.Trace = steps(trace.Step{Bitrate: 16 * mega, For: 25 * sec}, trace.Step{Bitrate: 8 * mega, For: 25 * sec},
		trace.Step{Bitrate: 14 * mega, For: 25 * sec}, trace.Step{Bitrate: 4 * mega, For: 25 * sec}, trace.Step{Bitrate: 8 * mega, For: 25 * sec})

	three := steady("rfc8867-5.3", "RFC 8867, 5.3: congested way back", 8*mega)
	three.Length, three.RTT, three.Steps = 100*sec, 100*ms, true
	three.Trace = steps(trace.Step{Bitrate: 8 * mega, For: 20 * sec}, trace.Step{Bitrate: 4 * mega, For: 20 * sec},
		trace.Step{Bitrate: 2 * mega, For: 20 * sec}, trace.Step{Bitrate: 8 * mega, For: 40 * sec})
	// The media of the way back are a constant 3 Mb/s, and fill its queue from 35 s to 70 s.
	three.Back, _ = trace.Steps(trace.Step{Bitrate: 8 * mega, For: 35 * sec}, trace.Step{Bitrate: 3.2 * mega, For: 35 * sec}, trace.Step{Bitrate: 8 * mega, For: 30 * sec})
	three.BackLoad = 3.4 * mega

	four := steady("rfc8867-5.4", "RFC 8867, 5.4: three flows of one kind", 14*mega)
	four.Length, four.RTT, four.Flows = 120*sec, 100*ms, []time.Duration{20 * sec, 40 * sec}
	return []Scenario{one, two, three, four}
}

func outage(name string, d time.Duration) Scenario {
	s := steady(name, "6 Mb/s, nothing for "+d.String(), 6*mega)
	begin := 40 * sec
	s.Length = begin + d + 60*sec
	s.Outages = []Outage{{begin, begin + d}}
	s.Trace = steps(trace.Step{Bitrate: 6 * mega, For: begin}, trace.Step{For: d}, trace.Step{Bitrate: 6 * mega, For: 60 * sec})
	return s
}

// impaired are links with a fault of one kind.
func impaired() []Scenario {
	var all []Scenario
	for _, l := range []struct {
		name string
		rate float64
	}{{"1", .01}, {"2", .02}, {"5", .05}} {
		s := steady("loss-"+l.name, "6 Mb/s, "+l.name+" % random loss", 6*mega)
		s.Loss = bottleneck.Loss{Rate: l.rate}
		all = append(all, s)
	}
	bursts := steady("loss-bursts", "6 Mb/s, 1 % loss in bursts of 8", 6*mega)
	bursts.Loss = bottleneck.Bursts(.01, 8)
	all = append(all, bursts)
	for _, r := range []struct {
		name string
		rtt  time.Duration
	}{{"20", 20 * ms}, {"100", 100 * ms}, {"250", 250 * ms}} {
		s := steady("rtt-"+r.name, "6 Mb/s, RTT "+r.name+" ms", 6*mega)
		s.RTT = r.rtt
		all = append(all, s)
	}
	jitter := steady("jitter", "6 Mb/s, up to 60 ms of jitter", 6*mega)
	jitter.Jitter = 60 * ms
	hand := steady("handover", "6 Mb/s, RTT 40 → 160 → 40 ms", 6*mega)
	hand.Delays = []bottleneck.DelayStep{{From: 30 * sec, Delay: 80 * ms}, {From: 60 * sec, Delay: 20 * ms}}
	codel := steady("codel", "6 Mb/s behind CoDel", 6*mega)
	codel.CoDel = true
	bloat := steady("bloat", "6 Mb/s with a queue of 2 s", 6*mega)
	bloat.Queue = buffer(6*mega, 2*sec)
	scenes := steady("scenes", "6 Mb/s, scenes that need little", 6*mega)
	scenes.Changing = true
	over := steady("overshoot", "6 Mb/s, the encoder puts out twice what it is told", 6*mega)
	over.Overshoot = 2
	low := steady("low", "1.5 Mb/s", 1.5*mega)
	high := steady("high", "20 Mb/s", 20*mega)
	return append(all, jitter, hand, codel, bloat, scenes, over, low, high)
}

// shared are links that are not ours alone.
func shared() []Scenario {
	cubic := steady("cubic", "8 Mb/s with a CUBIC flow from 30 s to 60 s", 8*mega)
	cubic.Competitors = []Competitor{{From: 30 * sec, To: 60 * sec}}
	bbr := steady("bbr", "8 Mb/s with a BBR flow from 30 s to 60 s", 8*mega)
	bbr.Competitors = []Competitor{{BBR: true, From: 30 * sec, To: 60 * sec}}
	two := steady("two", "two destinations over one 10 Mb/s link", 10*mega)
	two.Destination = 1
	return []Scenario{cubic, bbr, two}
}

func cellular() []Scenario {
	lte := steady("lte", "LTE uplink", 6*mega)
	lte.Length, lte.RTT, lte.Jitter = 180*sec, 60*ms, 8*ms
	lte.Trace, lte.Queue = mobile(trace.LTE(), lte.Length), buffer(8*mega, 600*ms)
	five := steady("5g", "5G uplink", 20*mega)
	five.Length, five.RTT, five.Jitter = 180*sec, 30*ms, 4*ms
	five.Trace, five.Queue = mobile(trace.FiveG(), five.Length), buffer(20*mega, 400*ms)
	return []Scenario{lte, five}
}

// Recorded is the scenario of a trace from elsewhere, scaled to a mean capacity unless
// that is 0.
func Recorded(name string, t *trace.Trace, mean float64) (Scenario, error) {
	var err error
	if mean > 0 {
		if t, err = t.Scale(mean / t.Bitrate()); err != nil {
			return Scenario{}, err
		}
	}
	s := steady(name, "recorded: "+name, t.Bitrate())
	s.Length, s.RTT, s.Jitter = max(60*sec, min(t.Period(), 300*sec)).Truncate(sec), 60*ms, 8*ms
	s.Queue = buffer(math.Min(8*mega, t.Bitrate()), 600*ms)
	s.Trace = func(uint64) (*trace.Trace, error) { return t, nil }
	return s, nil
}
