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
		fine  = load{connected: true, clean: true, fits: true}
		small = load{connected: true, clean: true}
		slow  = load{connected: true, tooMuch: true}
		full  = load{connected: true, tooMuch: true, much: true}
		stuck = load{connected: true, much: true}
		gone  = load{}
	)
	type phase struct {
		l load
		d time.Duration
	}
	for _, c := range []struct {
		name   string
		phases []phase
		want   shedState
	}{
		{"a moment too slow", []phase{{slow, 900 * time.Millisecond}, {fine, time.Second}}, following},
		{"too slow for long", []phase{{slow, 1100 * time.Millisecond}}, shed},
		{"off and on too slow", []phase{{slow, 600 * time.Millisecond}, {fine, 300 * time.Millisecond}, {slow, 700 * time.Millisecond}}, shed},
		{"a great queue", []phase{{full, 300 * time.Millisecond}}, shed},
		{"back when it fits", []phase{{slow, 1100 * time.Millisecond}, {fine, leastShedHold}}, following},
		{"not back before", []phase{{slow, 1100 * time.Millisecond}, {fine, leastShedHold - time.Second}}, shed},
		{"tried after long though it does not seem to fit", []phase{{slow, 1100 * time.Millisecond}, {small, longHold * leastShedHold}}, following},
		{"not before", []phase{{slow, 1100 * time.Millisecond}, {small, longHold*leastShedHold - time.Second}}, shed},
		{"not back from a queue", []phase{{slow, 1100 * time.Millisecond}, {slow, time.Minute}}, shed},
		{"not back while it is gone", []phase{{slow, 1100 * time.Millisecond}, {gone, time.Minute}}, shed},
		{"not even sound fits", []phase{{full, 300 * time.Millisecond}, {stuck, pauseFrom + pauseAfter + time.Second}}, paused},
		{"what was queued does not count", []phase{{full, 300 * time.Millisecond}, {stuck, pauseFrom}, {small, time.Second}}, shed},
		{"sound is tried again", []phase{{full, 300 * time.Millisecond}, {stuck, 9 * time.Second}, {stuck, leastRest}}, shed},
		{"a disconnected one is tried again, too", []phase{{full, 300 * time.Millisecond}, {stuck, 9 * time.Second}, {gone, leastRest}}, shed},
		{"after a return only a great queue counts", []phase{{slow, 1100 * time.Millisecond}, {fine, leastShedHold}, {slow, returnGrace - time.Second}}, following},
		{"and that not at once", []phase{{slow, 1100 * time.Millisecond}, {fine, leastShedHold}, {full, returnBegin - time.Second}}, following},
		{"but then it does", []phase{{slow, 1100 * time.Millisecond}, {fine, leastShedHold}, {full, returnBegin + time.Second}}, shed},
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
