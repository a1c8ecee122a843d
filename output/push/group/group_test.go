package group

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const s = time.Second

var began = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var letters = map[byte]State{'w': Waiting, 'o': Out, 'h': Held, '-': Away, 'A': Active}

// line is a script: at a time, the states of the members by their letters, and
// what is expected: who is held ("x") and the reason of the first that is, whether
// there is an alarm, and when to look again.
type line struct {
	at     time.Duration
	states string
	held   string
	reason string
	alarm  bool
	next   time.Duration // 0: never
}

func play(t *testing.T, c Config, script []line) {
	t.Helper()
	g := New(c)
	for _, l := range script {
		var in []State
		for i := range l.states {
			in = append(in, letters[l.states[i]])
		}
		d := g.Step(began.Add(l.at), in)
		held, reason := "", ""
		for _, why := range d.Hold {
			if why == "" {
				held += "."
				continue
			}
			held += "x"
			if reason == "" {
				reason = why
			}
		}
		next := time.Duration(0)
		if !d.Next.IsZero() {
			next = d.Next.Sub(began)
		}
		if held != l.held || l.reason != "" && reason != l.reason || (d.Alarm != "") != l.alarm || next != l.next {
			t.Errorf("at %v, %s: held %q (%s), alarm %q, next %v; want %+v", l.at, l.states, held, reason, d.Alarm, next, l)
		}
	}
}

func config(p Policy, members ...string) Config {
	return Config{Members: members, Policy: p, FailoverAfter: 5 * s, FailbackAfter: 30 * s, Grace: 10 * s}
}

func TestABackupStandsInAndGivesWay(t *testing.T) {
	play(t, config(PrimaryBackup, "main", "spare"), []line{
		{0, "ww", ".x", "standby: main waits for the stream", false, 0},
		{1 * s, "-h", ".x", "standby: main is tried first", false, 6 * s},
		{2 * s, "Ah", ".x", "standby: main is active", false, 0},
		{60 * s, "-h", ".x", "", false, 65 * s},
		{62 * s, "Ah", ".x", "", false, 0}, // back in time
		{70 * s, "-h", ".x", "", false, 75 * s},
		{75 * s, "-h", "..", "", false, 0},
		{75 * s, "-w", "..", "", false, 0},
		{76 * s, "--", "..", "", false, 81 * s},
		{77 * s, "-A", "..", "", false, 0},
		{100 * s, "AA", "..", "", false, 130 * s},
		{110 * s, "-A", "..", "", false, 0}, // not yet long enough
		{120 * s, "AA", "..", "", false, 150 * s},
		{150 * s, "AA", ".x", "standby: main is active", false, 0},
	})
}

func TestTheSecondBackupStandsInForTheFirst(t *testing.T) {
	play(t, config(PrimaryBackup, "a", "b", "c"), []line{
		{0, "---", ".xx", "", false, 5 * s},
		{5 * s, "-hh", "..x", "standby: b waits for the stream", false, 0},
		{6 * s, "--h", "..x", "standby: b is tried first", false, 11 * s},
		{11 * s, "--h", "...", "", false, 0},
		{12 * s, "--A", "...", "", false, 0},
		{13 * s, "-AA", "...", "", false, 43 * s},
		{43 * s, "-AA", "..x", "standby: b is active", false, 0},
		{50 * s, "AAh", "..x", "", false, 80 * s},
		{80 * s, "AAh", ".xx", "standby: a is active", false, 0},
	})
}

func TestMembersThatAreOutAreDoneWithout(t *testing.T) {
	play(t, config(PrimaryBackup, "a", "b", "c"), []line{
		{0, "Ahh", ".xx", "standby: a is active", false, 0},
		{1 * s, "ohh", "..x", "standby: b waits for the stream", false, 0},
		{2 * s, "oAh", "..x", "standby: b is active", false, 0},
		{3 * s, "-Ah", "..x", "", false, 0}, // back, but b goes on until a works
		{4 * s, "AAh", "..x", "", false, 34 * s},
		{34 * s, "AAh", ".xx", "standby: a is active", false, 0},
		{40 * s, "oAh", "..x", "", false, 0},
		{41 * s, "ooo", "...", "", false, 0},
		{42 * s, "woo", "...", "", false, 0},
	})
	play(t, config(All, "a", "b"), []line{
		{0, "AA", "..", "", false, 0},
		{1 * s, "oA", "..", "", false, 0},
		{60 * s, "oA", "..", "", false, 0},
	})
}

func TestAMissingProgrammeIsNoFailover(t *testing.T) {
	play(t, config(PrimaryBackup, "a", "b"), []line{
		{0, "Ah", ".x", "", false, 0},
		{1 * s, "wh", ".x", "standby: a waits for the stream", false, 0},
		{time.Hour, "wh", ".x", "", false, 0},
	})
}

func TestAChangedGroupGoesOnWhereItWas(t *testing.T) {
	play(t, config(PrimaryBackup, "a", "b"), []line{{0, "-A", "..", "", false, 0}})
	play(t, config(PrimaryBackup, "a", "b"), []line{{0, "AA", ".x", "", false, 0}})
	play(t, config(PrimaryBackup, "a", "b", "c"), []line{{0, "--A", "...", "", false, 0}})
}

func TestAllOrNone(t *testing.T) {
	play(t, config(All, "a", "b", "c"), []line{
		{0, "---", "...", "", false, 10 * s},
		{2 * s, "AAA", "...", "", false, 0},
		{20 * s, "A-A", "...", "", false, 30 * s},
		{30 * s, "A-A", "x.x", "all or none: waits for b", false, 0},
		{31 * s, "h-h", "x.x", "", false, 0},
		{60 * s, "hAh", "...", "", false, 0},
		{61 * s, "-A-", "...", "", false, 71 * s},
		{62 * s, "AAA", "...", "", false, 0},
		{70 * s, "--A", "...", "", false, 80 * s},
		{80 * s, "--A", "..x", "all or none: waits for a and b", false, 0},
		{81 * s, "A-h", "x.x", "all or none: waits for b", false, 0},
	})
}

func TestTheMinimum(t *testing.T) {
	c := config(Independent, "a", "b", "c")
	c.Minimum = 2
	play(t, c, []line{
		{0, "www", "...", "", false, 0},
		{time.Hour, "---", "...", "", false, time.Hour + 10*s},
		{time.Hour + 2*s, "A--", "...", "", false, time.Hour + 10*s},
		{time.Hour + 3*s, "AA-", "...", "", false, 0},
		{2 * time.Hour, "A--", "...", "", false, 2*time.Hour + 10*s},
		{2*time.Hour + 10*s, "A--", "...", "", true, 0},
		{2*time.Hour + 11*s, "www", "...", "", false, 0},
		{3 * time.Hour, "ooA", "...", "", false, 3*time.Hour + 10*s},
		{3*time.Hour + 10*s, "ooA", "...", "", true, 0},
		{3*time.Hour + 11*s, "oAA", "...", "", false, 0},
	})
}

func TestAMissingProgrammeIsNoAlarm(t *testing.T) {
	for _, p := range []Policy{PrimaryBackup, All, Independent} {
		c := config(p, "a", "b")
		c.Minimum = 1
		held := map[bool]string{true: ".x", false: ".."}[p == PrimaryBackup]
		play(t, c, []line{
			{0, "Ah", held, "", false, 0},
			{1 * s, "wh", held, "", false, 0}, // the backup is held, the primary has nothing to send
			{time.Hour, "wh", held, "", false, 0},
		})
	}
	c := config(Independent, "a", "b")
	c.Minimum = 1
	play(t, c, []line{
		{0, "wo", "..", "", false, 0}, // one is paused by a person
		{time.Hour, "wo", "..", "", false, 0},
		{2 * time.Hour, "oo", "..", "", false, 2*time.Hour + 10*s},
		{2*time.Hour + 10*s, "oo", "..", "", true, 0}, // nobody pushes, though there may be something to push
	})
}

func TestTexts(t *testing.T) {
	for _, tc := range []struct {
		policy Policy
		steps  []string // a minute apart
		want   string
	}{
		{Independent, []string{"A-"}, "1 of 2 active"},
		{All, []string{"A-", "A-"}, "held: b is not active"},
		{All, []string{"AA"}, "2 of 2 active"},
		{PrimaryBackup, []string{"Ah"}, "a is active"},
		{PrimaryBackup, []string{"-h"}, "a is tried first"},
		{PrimaryBackup, []string{"-h", "-h"}, "b is to stand in for a"},
		{PrimaryBackup, []string{"-h", "-A"}, "b stands in for a"},
		{PrimaryBackup, []string{"-h", "--", "--"}, "none is active: all are tried"},
		{PrimaryBackup, []string{"-h", "--", "--", "A-"}, "a is active again, but not for long enough yet"},
	} {
		g := New(config(tc.policy, "a", "b"))
		var d Decision
		for i, st := range tc.steps {
			d = g.Step(began.Add(time.Duration(i)*time.Minute), []State{letters[st[0]], letters[st[1]]})
		}
		if d.Text != tc.want {
			t.Errorf("%s %v: %q, want %q", tc.policy, tc.steps, d.Text, tc.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		c    Config
		want string
	}{
		{config(All), "needs members"},
		{config(All, "a", "a"), "named twice"},
		{Config{Members: []string{"a"}, Minimum: 2}, "minimum is 2, but the group has 1 members"},
		{Config{Members: []string{"a", "b"}, Minimum: 2, Policy: PrimaryBackup}, "one member pushes at a time"},
		{config(PrimaryBackup, "a", "b"), ""},
	} {
		err := tc.c.Check()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %q", tc.c, err, tc.want)
		}
	}
}

// What holds whatever happens.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "members")
		c := config(rapid.SampledFrom([]Policy{Independent, All, PrimaryBackup}).Draw(t, "policy"))
		for i := range n {
			c.Members = append(c.Members, fmt.Sprint("m", i))
		}
		c.Minimum = rapid.IntRange(0, n).Draw(t, "minimum")
		g, now := New(c), began
		states := make([]State, n)
		watch := newWatch(c)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, s, 4 * s, 5 * s, 6 * s, 10 * s, 29 * s, 31 * s, time.Hour}).Draw(t, "wait"))
			if rapid.Bool().Draw(t, "change") {
				i := rapid.IntRange(0, n-1).Draw(t, "who")
				states[i] = State(rapid.IntRange(int(Waiting), int(Active)).Draw(t, "state"))
			}
			d := g.Step(now, slices.Clone(states))
			watch.step(now, states)
			watch.check(t, d, states)
			again := g.Step(now, slices.Clone(states))
			if !slices.Equal(again.Hold, d.Hold) || again.Alarm != d.Alarm || again.Text != d.Text || !again.Next.Equal(d.Next) {
				t.Fatalf("asked twice, decided %+v and then %+v", d, again)
			}
			if !d.Next.IsZero() && !d.Next.After(now) {
				t.Fatalf("look again at %v, which is past at %v", d.Next, now)
			}
		}
	})
}

// watch knows for how long each member has been what it is, by its own count.
type watch struct {
	c     Config
	state []State
	since []time.Time
	now   time.Time
}

func newWatch(c Config) *watch {
	return &watch{c: c, state: make([]State, len(c.Members)), since: make([]time.Time, len(c.Members))}
}

func (w *watch) step(now time.Time, states []State) {
	for i, st := range states {
		if st != w.state[i] || w.since[i].IsZero() {
			w.state[i], w.since[i] = st, now
		}
	}
	w.now = now
}

func (w *watch) check(t *rapid.T, d Decision, states []State) {
	in, held, active := 0, 0, 0
	for i, st := range states {
		if st == Active {
			active++
		}
		if st == Out {
			if d.Hold[i] != "" {
				t.Fatalf("member %d is out and held", i)
			}
			continue
		}
		in++
		if d.Hold[i] != "" {
			held++
		}
	}
	if in > 0 && held == in {
		t.Fatalf("all members are held: %+v in %v", d, states)
	}
	if d.Active != active || d.Alarm != "" && active >= w.c.Minimum {
		t.Fatalf("%d active: %+v", active, d)
	}
	switch w.c.Policy {
	case Independent:
		if held > 0 {
			t.Fatalf("held in an independent group: %+v", d)
		}
	case All:
		w.checkAll(t, d)
	case PrimaryBackup:
		w.checkInTurn(t, d)
	}
}

func (w *watch) checkAll(t *rapid.T, d Decision) {
	late := func(i int) bool { return w.state[i] == Away && w.now.Sub(w.since[i]) >= w.c.Grace }
	isLate := false
	for i := range w.state {
		isLate = isLate || late(i)
	}
	for i := range w.state {
		if want := isLate && !late(i) && w.state[i] != Out; (d.Hold[i] != "") != want {
			t.Fatalf("member %d of %v: held %q, want %t", i, w.state, d.Hold[i], want)
		}
	}
}

// checkInTurn: a member runs only where none before it has been active for long
// enough, and whoever is relied on has not been away for too long.
func (w *watch) checkInTurn(t *rapid.T, d Decision) {
	for i := range w.state {
		if w.state[i] == Out {
			continue
		}
		for j := range i {
			before := w.state[j]
			if d.Hold[i] == "" && before == Active && w.now.Sub(w.since[j]) >= w.c.FailbackAfter {
				t.Fatalf("%d runs though %d has been active since %v: %v at %v", i, j, w.since[j], w.state, w.now)
			}
		}
		if d.Hold[i] != "" {
			first := slices.IndexFunc(w.state, func(st State) bool { return st != Out })
			if first == i {
				t.Fatalf("the primary is held: %v", w.state)
			}
			lead := i - 1
			for d.Hold[lead] != "" || w.state[lead] == Out {
				lead--
			}
			if w.state[lead] == Away && w.now.Sub(w.since[lead]) >= max(w.c.FailoverAfter, w.c.FailbackAfter) && d.Hold[lead] == "" {
				t.Fatalf("%d is held though %d is away since %v: %v at %v", i, lead, w.since[lead], w.state, w.now)
			}
		}
	}
}
