package rate

import (
	"testing"
	"time"
)

// climb runs a ladder for a time; it says how many steps it took.
func climb(l *ladder, d time.Duration, r rung) (changes int) {
	for ; d > 0; d -= Interval {
		before := l.step
		l.advance(Interval, r)
		if l.step != before {
			changes++
		}
	}
	return changes
}

// lack is too little, with a queue.
func lack(video float64) rung { return rung{video: video, min: 300, max: 6000, congested: true} }

func room(video float64) rung { return rung{video: video, min: 300, max: 6000, clean: true} }

func TestLadderSteps(t *testing.T) {
	const long = time.Minute
	for _, c := range []struct {
		name string
		from ladderStep
		in   rung
		d    time.Duration
		want ladderStep
	}{
		{"enough", fullRate, room(310), long, fullRate},
		{"too little for a moment", fullRate, lack(200), 1900 * time.Millisecond, fullRate},
		{"too little for all pictures", fullRate, lack(200), long, halfRate},
		{"too little for half of them, for a moment", fullRate, lack(100), 6900 * time.Millisecond, halfRate},
		{"too little for half of them", fullRate, lack(100), 7100 * time.Millisecond, halfSize},
		{"too little for small ones, for a moment", fullRate, lack(20), 12900 * time.Millisecond, halfSize},
		{"too little, it seems, but no queue", fullRate, room(20), long, fullRate},
		{"too little for small ones", fullRate, rung{video: 20, min: 300, max: 6000, congested: true}, long, audioOnly},
		{"no sound to go on with", fullRate, rung{video: 20, min: 300, max: 6000, congested: true, silent: true}, long, halfSize},
		{"nothing is known", fullRate, rung{video: 20, min: 300, max: 6000, frozen: true}, long, fullRate},
		{"just enough again is not enough", halfRate, room(320), long, halfRate},
		{"well enough again", halfRate, room(380), long, fullRate},
		{"well enough, not for long", halfRate, room(380), 3 * time.Second, halfRate},
		{"well enough with a queue", halfRate, rung{video: 380, min: 300, max: 6000, congested: true}, long, halfRate},
		{"plenty, with a queue", halfRate, rung{video: 760, min: 300, max: 6000, congested: true}, long, fullRate},
		{"small to half the rate", halfSize, room(230), long, halfRate},
		{"all the way up", halfSize, room(1000), long, fullRate},
		{"sound with an empty queue: try", audioOnly, room(10), 7 * time.Second, halfSize},
		{"sound with a queue", audioOnly, rung{video: 1000, min: 300, max: 6000}, long, audioOnly},
		{"the sound has gone", audioOnly, rung{video: 1000, min: 300, max: 6000, silent: true}, 7 * time.Second, halfSize},
		{"least and most are the same", halfRate, rung{video: 300, min: 300, max: 300, clean: true}, long, fullRate},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l ladder
			l.init()
			l.step = c.from
			climb(&l, c.d, c.in)
			if l.step != c.want {
				t.Errorf("step %d, want %d", l.step, c.want)
			}
		})
	}
}

func TestLadderActions(t *testing.T) {
	for step, want := range map[ladderStep]Setting{
		fullRate:  {Divider: 1, Scale: 1},
		halfRate:  {Divider: 2, Scale: 1},
		halfSize:  {Divider: 2, Scale: 2},
		audioOnly: {Divider: 2, Scale: 2, AudioOnly: true},
	} {
		var got Setting
		l := ladder{step: step}
		got.Divider, got.Scale, got.AudioOnly = l.actions()
		if got != want {
			t.Errorf("step %d: %+v, want %+v", step, got, want)
		}
	}
}

// A path on the edge must not flap: each return that does not last makes the next
// one wait longer.
func TestLadderOnTheEdge(t *testing.T) {
	var l ladder
	l.init()
	changes := 0
	for range 60 { // ten minutes; each time that it is up, the path breaks
		for range 10 {
			r := room(400)
			if l.step == fullRate {
				r = rung{video: 200, min: 300, max: 6000, congested: true}
			}
			changes += climb(&l, time.Second, r)
		}
	}
	if changes > 18 {
		t.Errorf("%d steps in ten minutes", changes)
	}
	if l.hold[fullRate] != mostHold {
		t.Errorf("it waits %v, want %v", l.hold[fullRate], mostHold)
	}
	climb(&l, mostHold+2*lastingStep, room(1000))
	if l.hold[fullRate] != stepUpAfter[fullRate] || l.step != fullRate {
		t.Errorf("after it lasted, it waits %v at step %d", l.hold[fullRate], l.step)
	}
}

// Pictures after none have time to bring the target up, unless there is a queue.
func TestLadderTrial(t *testing.T) {
	for _, congested := range []bool{false, true} {
		l := ladder{hold: stepUpAfter, step: audioOnly}
		climb(&l, stepUpAfter[halfSize]+Interval, room(10))
		if l.step != halfSize {
			t.Fatalf("no trial: step %d", l.step)
		}
		climb(&l, trialGrace-time.Second/2, rung{video: 10, min: 300, max: 6000, congested: congested})
		if want := map[bool]ladderStep{false: halfSize, true: audioOnly}[congested]; l.step != want {
			t.Errorf("congested %v: step %d, want %d", congested, l.step, want)
		}
	}
}

// The whole of it: a link goes down to next to nothing, and comes back.
func TestStreamBelowTheFloor(t *testing.T) {
	n := newNetwork(testConfig, 3e6)
	n.run(10 * time.Second)
	for _, c := range []struct {
		name     string
		capacity float64
		settle   time.Duration
		want     func(Setting) bool
	}{
		{"half the pictures", 420e3, 30 * time.Second, func(s Setting) bool { return s.Divider == 2 && s.Scale == 1 && !s.AudioOnly }},
		{"small pictures", 275e3, 30 * time.Second, func(s Setting) bool { return s.Scale == 2 && !s.AudioOnly }},
		{"sound only", 150e3, 40 * time.Second, func(s Setting) bool { return s.AudioOnly }},
		{"all is well again", 3e6, 90 * time.Second, func(s Setting) bool { return s.Divider == 1 && s.Scale == 1 && !s.AudioOnly && s.Bitrate > 1_500_000 }},
	} {
		n.links[0].capacity = c.capacity
		n.run(c.settle)
		right := n.mean(20*time.Second, func(d Decision) float64 {
			return map[bool]float64{true: 1}[c.want(d.Setting)]
		})
		if right < .75 {
			t.Errorf("%s: so for %.2f of the time, in the end %+v", c.name, right, n.decision.Setting)
		}
	}
}
