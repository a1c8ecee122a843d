package rate

import (
	"testing"
	"time"
)

func bear(d *shedding, t time.Duration, l load) (returns int) {
	for ; t > 0; t -= Interval {
		if d.step(Interval, l) {
			returns++
		}
	}
	return returns
}

func TestShedding(t *testing.T) {
	var (
		fine  = load{connected: true, given: 3e6, clean: true, fits: true}
		small = load{connected: true, given: 3e6, clean: true}
		slow  = load{connected: true, given: 3e6, tooMuch: true}
		full  = load{connected: true, given: 3e6, tooMuch: true, much: true}
		fixed = load{connected: true, given: 3e6, tooMuch: true, much: true, after: fixedShedAfter}
		less  = load{connected: true, given: 1e6, clean: true, fits: true}
		stuck = load{connected: true, much: true}
		gone  = load{}
	)
	const (
		long  = 3100 * time.Millisecond // to shed
		quick = 2100 * time.Millisecond // with a great queue
	)
	type phase struct {
		l load
		d time.Duration
	}
	failed := []phase{{full, quick}, {fine, leastShedHold}, {full, returnBegin + quick}}
	for _, c := range []struct {
		name   string
		phases []phase
		want   shedState
	}{
		{"two seconds too slow", []phase{{slow, 2 * time.Second}, {fine, time.Second}}, following},
		{"too slow for long", []phase{{slow, long}}, shed},
		{"every other second too slow", []phase{{slow, 2 * time.Second}, {fine, 2 * time.Second}, {slow, 2 * time.Second}, {fine, 2 * time.Second}}, following},
		{"most of the time too slow", []phase{{slow, 2 * time.Second}, {fine, 300 * time.Millisecond}, {slow, 2 * time.Second}}, shed},
		{"a great queue for a second and a half", []phase{{full, 1500 * time.Millisecond}}, following},
		{"a great queue for two", []phase{{full, quick}}, shed},
		{"fixed: a great queue for five", []phase{{fixed, 5 * time.Second}}, following},
		{"fixed: a great queue for six", []phase{{fixed, 6100 * time.Millisecond}}, shed},
		{"back when it fits", []phase{{slow, long}, {fine, leastShedHold}}, following},
		{"not back before", []phase{{slow, long}, {fine, leastShedHold - time.Second}}, shed},
		{"tried though it does not seem to fit", []phase{{slow, long}, {small, doubtful * leastShedHold}}, following},
		{"not before", []phase{{slow, long}, {small, doubtful*leastShedHold - time.Second}}, shed},
		{"not back from a queue", []phase{{slow, long}, {slow, time.Minute}}, shed},
		{"not back while it is gone", []phase{{slow, long}, {gone, time.Minute}}, shed},
		{"not even sound fits", []phase{{full, quick}, {stuck, pauseFrom + pauseAfter + time.Second}}, paused},
		{"what was queued does not count", []phase{{full, quick}, {stuck, pauseFrom}, {small, time.Second}}, shed},
		{"sound is tried again", []phase{{full, quick}, {stuck, 9 * time.Second}, {stuck, leastRest}}, shed},
		{"a disconnected one is tried again, too", []phase{{full, quick}, {stuck, 9 * time.Second}, {gone, leastRest}}, shed},
		{"after a return only a great queue counts", []phase{{slow, long}, {fine, leastShedHold}, {slow, returnGrace - time.Second}}, following},
		{"and that not at once", []phase{{slow, long}, {fine, leastShedHold}, {full, returnBegin + time.Second}}, following},
		{"but then it does", failed, shed},
		{"after a failed trial it waits twice as long", append(failed, phase{fine, 2*leastShedHold - time.Second}), shed},
		{"and no longer", append(failed, phase{fine, 2 * leastShedHold}), following},
		{"unless much less is given", append(failed, phase{less, leastShedHold}), following},
		{"what was right for half a minute was no failed trial", []phase{{full, quick}, {fine, leastShedHold + 30*time.Second}, {full, quick}, {fine, leastShedHold}}, following},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d shedding
			d.init()
			for _, p := range c.phases {
				bear(&d, p.d, p.l)
			}
			if d.state != c.want {
				t.Errorf("state %d, want %d", d.state, c.want)
			}
		})
	}
}

// Ticks that come late by seconds show a queue each time; that is no queue that stood.
func TestLateTicksDoNotShed(t *testing.T) {
	var d shedding
	d.init()
	for range 20 {
		d.step(time.Second, load{connected: true, tooMuch: true, much: true})
	}
	if d.state != following {
		t.Error("20 late looks at a queue count as if it had stood between them")
	}
}

// Returns that do not last become rare.
func TestSheddingBacksOff(t *testing.T) {
	var d shedding
	d.init()
	returns := 0
	for range 600 {
		l := load{connected: true, clean: true, fits: true}
		if d.state == following {
			l = load{connected: true, tooMuch: true, much: true}
		}
		returns += bear(&d, time.Second, l)
	}
	if returns < 4 || returns > 9 {
		t.Errorf("%d returns in ten minutes", returns)
	}
	bear(&d, 2*mostShedHold+lastingReturn, load{connected: true, clean: true, fits: true})
	if d.state != following || d.hold != leastShedHold {
		t.Errorf("after a return that lasted: state %d, hold %v", d.state, d.hold)
	}
}

// A law that is wrong about a path, and stays so, costs no pictures: they are left out
// only where there is a queue, and tried again whatever it says.
func TestAWrongEstimateDoesNotShed(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		c := testConfig
		c.Fixed = fixed
		g := newStage(c, 2)
		wrong := func(q time.Duration) {
			g.puppets[1].says(40_000, Queueing, q)
			g.puppets[1].advice.Estimate = 100_000
		}
		g.states[1].Sample.Budget = 200 * time.Millisecond
		g.puppets[0].says(3_000_000, Steady, 0)
		for range 60 { // 150 ms of not being scheduled, twice a second
			for _, q := range []time.Duration{150 * time.Millisecond, 10 * time.Millisecond} {
				wrong(q)
				if d := g.run(time.Second / 4); d.Paths[1].Shed {
					t.Fatalf("fixed %v: shed on an estimate", fixed)
				}
			}
		}
		wrong(180 * time.Millisecond)
		took := g.until(15*time.Second, func(d Decision) bool { return d.Paths[1].Shed })
		if least := map[bool]time.Duration{false: 2 * time.Second, true: 6 * time.Second}[fixed]; took < least-time.Second/2 || took > least+time.Second {
			t.Errorf("fixed %v: with a queue it shed after %v", fixed, took)
		}
		wrong(0)
		if took = g.until(time.Minute, func(d Decision) bool { return !d.Paths[1].Shed }); took > doubtful*leastShedHold+time.Second {
			t.Errorf("fixed %v: tried again after %v", fixed, took)
		}
		if d := g.run(time.Minute); d.Paths[1].Shed || g.paths[1].shedding.hold != leastShedHold {
			t.Errorf("fixed %v: it shed again, or waits %v", fixed, g.paths[1].shedding.hold)
		}
	}
}

// Things given up tell that a path lacks, without a queue that could be seen.
func TestDropsShed(t *testing.T) {
	g := newStage(testConfig, 2)
	g.puppets[0].says(3_000_000, Steady, 0)
	g.puppets[1].says(900_000, Steady, 0)
	g.states[1].Sample.Dropped = 5000
	g.states[1].Connection = 2 // what an earlier connection gave up is no news
	if d := g.run(5 * time.Second); d.Paths[1].Shed {
		t.Fatal("nothing was given up, but it shed")
	}
	g.states[1].Sample.Dropped += 5000
	if d := g.run(5 * time.Second); d.Paths[1].Shed {
		t.Fatal("it shed over one thing given up")
	}
	for range 6 {
		g.states[1].Sample.Dropped += 5000
		g.run(time.Second / 2)
	}
	if !g.last.Paths[1].Shed {
		t.Error("things were given up for three seconds, but it did not shed")
	}
}

// Whoever decides, and the primary, do not shed while the encoder can still go down,
// though it seems not to.
func TestTheEncoderGoesDownBeforeThePrimarySheds(t *testing.T) {
	g := newStage(testConfig, 2)
	g.ignores = 4_000_000
	g.puppets[0].says(1_500_000, Queueing, time.Second)
	if d := g.run(30 * time.Second); d.Paths[0].Shed || !g.encoder.inert || d.Decider != "p0" {
		t.Errorf("shed %v, inert %v, %q decides", d.Paths[0].Shed, g.encoder.inert, d.Decider)
	}
	g.puppets[0].says(100_000, Queueing, time.Second)
	if d := g.run(15 * time.Second); !d.Paths[0].Shed {
		t.Errorf("the encoder does not go down, but the path that cannot take it does not shed: %+v", d.Setting)
	}
	g.ignores = 0
	g.puppets[0].says(1_500_000, Steady, 0)
	if d := g.run(20 * time.Second); d.Paths[0].Shed || g.encoder.inert {
		t.Errorf("the encoder obeys: shed %v, inert %v", d.Paths[0].Shed, g.encoder.inert)
	}
}

// Fixed: neither the primary path nor the only one sheds, whatever happens there.
func TestFixedKeepsThePrimaryAndTheOnlyOne(t *testing.T) {
	c := testConfig
	c.Fixed = true
	g := newStage(c, 2)
	g.each = func(Decision) { g.states[0].Sample.Dropped += 100; g.states[1].Sample.Dropped += 100 }
	g.puppets[0].says(100_000, Dropping, 3*time.Second)
	g.puppets[1].says(100_000, Dropping, 3*time.Second)
	if d := g.run(30 * time.Second); d.Paths[0].Shed || !d.Paths[1].Shed {
		t.Errorf("shed %v %v, want the second only", d.Paths[0].Shed, d.Paths[1].Shed)
	}
	g.states[0].Connection = 0
	if d := g.run(time.Second); d.Paths[1].Shed || d.Setting.Key == 0 {
		t.Errorf("the only one left: shed %v, %d keys", d.Paths[1].Shed, d.Setting.Key)
	}
	if d := g.run(30 * time.Second); d.Paths[1].Shed || d.Setting.Bitrate != c.Max {
		t.Errorf("the only one left: shed %v, %+v", d.Paths[1].Shed, d.Setting)
	}
}

// The whole of it: a slow second destination sheds and does not bother the primary;
// when its link is better, it comes back with a key picture.
func TestSlowSecondDestination(t *testing.T) {
	n := newNetwork(testConfig, 4e6, 1e6)
	n.run(5 * time.Second)
	if d := n.decision; !d.Paths[1].Shed || d.Paths[1].Pause || d.Setting.Bitrate < 2_500_000 {
		t.Errorf("shed %v, pause %v, %d", d.Paths[1].Shed, d.Paths[1].Pause, d.Setting.Bitrate)
	}
	n.links[1].capacity = 100e3
	n.run(15 * time.Second)
	paused := n.mean(30*time.Second, func(d Decision) float64 { return map[bool]float64{true: 1}[d.Paths[1].Pause] })
	if paused < .3 {
		t.Errorf("not even sound fits, but paused for %.2f of the time", paused)
	}
	n.links[1].capacity = 5e6
	key := n.decision.Setting.Key
	n.run(3 * time.Minute)
	if d := n.decision; d.Paths[1].Shed || d.Paths[1].Pause || d.Setting.Key == key {
		t.Errorf("with a better link: shed %v, pause %v, %d keys", d.Paths[1].Shed, d.Paths[1].Pause, d.Setting.Key-key)
	}
}

// The pace of a path must let through what it is given.
func TestPaceOfWhatIsGiven(t *testing.T) {
	g := newStage(testConfig, 2)
	g.puppets[0].says(3_000_000, Steady, 0)
	g.puppets[1].says(200_000, Probing, 0)
	if d := g.run(5 * time.Second); d.Paths[1].Shed || d.Paths[1].Advice.Pace < 4_500_000 {
		t.Errorf("shed %v, pace %d", d.Paths[1].Shed, d.Paths[1].Advice.Pace)
	}
	g.puppets[1].says(200_000, Queueing, time.Second)
	if d := g.run(5 * time.Second); !d.Paths[1].Shed || d.Paths[1].Advice.Pace > 600_000 {
		t.Errorf("shed %v, pace %d", d.Paths[1].Shed, d.Paths[1].Advice.Pace)
	}
}

// In an outage next to nothing is sent, whatever a path is given.
func TestPaceOfAnOutage(t *testing.T) {
	g := newStage(testConfig, 1)
	g.puppets[0].says(3_000_000, Outage, 0)
	g.puppets[0].advice.Pace = 90_000
	if d := g.run(time.Second); d.Paths[0].Advice.Pace != 90_000 {
		t.Errorf("pace %d", d.Paths[0].Advice.Pace)
	}
}

// Whoever decides gets pictures, though it shed before.
func TestShedPathBecomesTheOnlyOne(t *testing.T) {
	g := newStage(testConfig, 2)
	g.puppets[0].says(3_000_000, Steady, 0)
	g.puppets[1].says(900_000, Queueing, time.Second)
	if d := g.run(3 * time.Second); !d.Paths[1].Shed {
		t.Fatal("it did not shed")
	}
	g.states[0].Connection = 0
	if d := g.run(time.Second); d.Paths[1].Shed || d.Decider != "p1" || d.Setting.Key == 0 || d.Setting.Bitrate > 910_000 {
		t.Errorf("%q decides: %+v, shed %v", d.Decider, d.Setting, d.Paths[1].Shed)
	}
}

// A queue that gets shorter, since the path carries more than it is given, is no lack,
// though the law wants it shorter still. With protect-all, that path decides meanwhile.
func TestAQueueThatDrainsDoesNotShed(t *testing.T) {
	for acked, want := range map[int]bool{250_000: true, 400_000: false} {
		g := newStage(with(ProtectAll), 2)
		g.puppets[0].says(3_000_000, Steady, 0)
		g.puppets[1].says(100_000, TooOld, 1900*time.Millisecond)
		g.puppets[1].advice.Acked = int(float64(acked+128_000) * overheadUnknown)
		d := g.run(time.Second)
		if d.Decider != "p1" || d.Setting.Bitrate != testConfig.Min || d.Setting.Divider != 1 {
			t.Errorf("acked %d: %q decides on %+v", acked, d.Decider, d.Setting)
		}
		if d = g.run(10 * time.Second); d.Paths[1].Shed != want {
			t.Errorf("acked %d: shed %v", acked, d.Paths[1].Shed)
		}
	}
}
