package adapt

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
)

func TestHistoryGoesOnWhereItsReaderWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{next: at(3_000_000, rate.Steady)}
		r := start(t, s)
		p := r.path(1, 6_000_000)
		defer r.Add("a", p)()
		r.pass(10 * time.Second)
		h := r.History(0)
		if n := len(h.Points); n < 48 || n > 53 {
			t.Errorf("%d points in ten seconds", n)
		}
		last := h.Points[len(h.Points)-1]
		if a := last.Paths["a"]; a.Sent < 2_900_000 || a.Sent > 3_100_000 || a.Acked < 2_900_000 || a.Acked > 3_100_000 ||
			a.State != "following" || a.RTT != 20 || last.Target != 3_000_000 || last.Video < 2_900_000 {
			t.Errorf("point %+v", last)
		}
		if h.Now-last.T > 250 || h.Next < last.Sequence || h.Stream != "main" || h.Interval != 200 || h.Code != "steady" {
			t.Errorf("history %+v", h)
		}
		s.say(at(1_000_000, rate.Queueing))
		r.pass(time.Second)
		next := r.History(h.Next)
		if len(next.Points) > 6 || next.Points[0].Sequence <= h.Next || len(next.Changes) != 1 {
			t.Fatalf("after %d: %d points, changes %+v", h.Next, len(next.Points), next.Changes)
		}
		if c := next.Changes[0]; c.From != 3_000_000 || c.To != 1_000_000 || c.Code != "queue" || c.Destination != "a" ||
			c.Text != "the link is too slow: a queue grows" || c.Sequence <= h.Next {
			t.Errorf("change %+v", c)
		}
		if all := r.History(next.Next + 1000); len(all.Points) < len(h.Points) {
			t.Errorf("a reader from before a restart gets %d points", len(all.Points))
		}
		r.pass(20 * time.Minute)
		if all := r.History(0); len(all.Points) < 2900 || len(all.Points) > 3000 || len(all.Changes) != 0 || all.Now-all.Points[0].T > 600_000 {
			t.Errorf("%d points, %d changes", len(all.Points), len(all.Changes))
		}
		r.stop()
	})
}

// The page draws by the clock as it is: one that is set moves all of the past along.
func TestAClockThatIsSetDoesNotTearTheHistory(t *testing.T) {
	var h history
	m := []*member{{name: "a", state: stateIdle}}
	for i := range 5 {
		h.point(time.Duration(i)*pointInterval, 1, 1, m)
	}
	before := time.Date(1970, 1, 1, 0, 1, 0, 0, time.UTC)
	after := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, wall := range []time.Time{before, after} {
		got := h.after(0, time.Second, wall)
		for i, p := range got.Points {
			if want := wall.UnixMilli() - 1000 + int64(i)*200; p.T != want {
				t.Errorf("point %d at %d, want %d", i, p.T, want)
			}
		}
	}
}

func TestChangesThatCount(t *testing.T) {
	decision := func(bitrate int, reason rate.Reason) rate.Decision {
		return rate.Decision{Setting: rate.Setting{Bitrate: bitrate, Divider: 1, Scale: 1}, Reason: reason}
	}
	half := decision(700_000, rate.TooOld)
	half.Setting.Divider = 2
	var c changes
	for i, step := range []struct {
		at   time.Duration
		d    rate.Decision
		slow bool
		want bool
	}{
		{0, decision(2_000_000, rate.Starting), true, false}, // nothing was before
		{100, decision(2_010_000, rate.Probing), true, false},
		{200, decision(2_200_000, rate.Probing), false, false},
		{400, decision(2_200_000, rate.Probing), true, true},
		{600, decision(2_400_000, rate.Probing), true, false}, // not that soon again
		{1500, decision(2_600_000, rate.Probing), true, true},
		{1520, decision(1_500_000, rate.Queueing), false, true}, // a cut is at once
		{1540, decision(1_499_000, rate.Queueing), false, false},
		{1560, decision(700_000, rate.TooOld), false, true},
		{1580, half, false, true},
		{1800, half, true, false},
		{2000, decision(700_000, rate.Restarting), true, true},
	} {
		_, got := c.add(step.at*time.Millisecond, step.d, step.d.Setting.Bitrate, step.slow)
		if got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	if c.last.text != "all pictures again" || c.last.code != "step" || c.last.from != 700_000 {
		t.Errorf("last: %+v", c.last)
	}
}

func TestTheLogIsBounded(t *testing.T) {
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	var l logLimit
	for i := range 3000 { // a minute of cuts and growth
		now := time.Duration(i) * rate.Interval
		c := change{from: 3_000_000, to: 1_000_000, destination: "a", text: "why"}
		if i%2 == 1 {
			c.from, c.to = c.to, c.from
		}
		l.note(c)
		l.write(now, log)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 6 {
		t.Errorf("%d lines in a minute:\n%s", len(lines), out.String())
	}
	if !strings.Contains(lines[0], "to=1000000 destination=a why=why") || !strings.Contains(lines[1], "changes=499") {
		t.Errorf("%s\n%s", lines[0], lines[1])
	}
	var growth logLimit
	growth.note(change{from: 1_000_000, to: 3_000_000})
	growth.write(time.Hour, log)
	if strings.Count(out.String(), "\n") != 6 {
		t.Error("growth alone is told")
	}
}

func TestMeter(t *testing.T) {
	var m meter
	for i := range 100 {
		m.add(time.Duration(i)*rate.Interval, uint64(i)*2500) // 1 Mb/s
	}
	if got := m.rate(); got != 1_000_000 {
		t.Errorf("%d b/s", got)
	}
	if len(m.marks) > 22 {
		t.Errorf("%d marks are kept", len(m.marks))
	}
	m.add(3*time.Second, 5)
	if got := m.rate(); got != 0 {
		t.Errorf("%d b/s after the counter fell", got)
	}
	m.add(2*time.Second, 10)
	m.add(2*time.Second+10*time.Millisecond, 1<<62)
	m.add(4*time.Second, 1<<63)
	if got := m.rate(); got != 2_000_000_000 {
		t.Errorf("%d b/s of a counter that jumps", got)
	}
}
