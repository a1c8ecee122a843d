package acceptance

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// twoLinks is a daemon that pushes to one RTMP server twice: as home, the primary
// destination, straight, and as away through a gate.
type twoLinks struct {
	*encoderd.Daemon
	t    *testing.T
	gate *peer.Gate
}

func startTwoLinks(t *testing.T, policy string) *twoLinks {
	t.Helper()
	n := peer.StartNginx(t, peer.NginxOptions{})
	g := peer.StartGate(t, n.Addr())
	d := encoderd.Start(t, binary, rawFiles(t)+fmt.Sprintf(
		"[streams.main.destinations.home]\nurl = %q\nprimary = true\n[streams.main.destinations.away]\nurl = %q\n",
		rtmpURL(n.Addr(), "home"), rtmpURL(g.Addr(), "away")))
	l := &twoLinks{d, t, g}
	d.Patch(`{"streams":{"main":{"video":{"bitrate":{"min":%d,"max":%d,"mode":"adaptive","policy":%q}}}}}`, lowest, highest, policy)
	l.at("both to be given nearly the highest", func(k *status.Rate, home, away status.RatePath) bool {
		return k.Target > highest*9/10 && k.Policy == policy && home.State == "following" && away.State == "following" && away.Acked > 0
	})
	return l
}

// at waits until it is so of the bit rate and both paths.
func (l *twoLinks) at(what string, wanted func(k *status.Rate, home, away status.RatePath) bool) status.Rate {
	l.t.Helper()
	s := l.Await(what, 6*patience, func(s status.Snapshot) bool {
		k := encoderd.Stream(s, "main").Rate
		if k == nil || len(k.Paths) != 2 {
			return false
		}
		away, home := k.Paths[0], k.Paths[1] // by name
		return wanted(k, home, away)
	})
	return *encoderd.Stream(s, "main").Rate
}

func (l *twoLinks) history() (h status.RateHistory) {
	l.t.Helper()
	if err := json.Unmarshal(l.Get("/api/v1/streams/main/rate"), &h); err != nil {
		l.t.Fatal(err)
	}
	return h
}

// lowestTarget is the least of the points after one.
func lowestTarget(h status.RateHistory, after uint64) int {
	least := highest
	for _, p := range h.Points {
		if p.Sequence > after {
			least = min(least, p.Target)
		}
	}
	return least
}

// A second destination whose link gets slow is left sound alone, and the primary one
// keeps its pictures as they are. It comes back by itself when its link does.
func TestASlowSecondDestinationShedsAndComesBack(t *testing.T) {
	t.Parallel()
	l := startTwoLinks(t, "protect-primary")
	before := l.history().Next
	l.gate.Trickle(narrow / 8)
	k := l.at("the slow one to be left sound alone", func(_ *status.Rate, _, away status.RatePath) bool { return away.State == "shed" })
	if k.Decider != "home" || k.Step != "full" {
		t.Errorf("decided by %q, step %s", k.Decider, k.Step)
	}
	l.gate.Open()
	l.at("it to have pictures again", func(k *status.Rate, home, away status.RatePath) bool {
		return away.State == "following" && home.State == "following" && away.Acked > highest*7/10
	})
	h := l.history()
	if least := lowestTarget(h, before); least < highest/2 {
		t.Errorf("the primary destination had to do with %d b/s for the other's sake", least)
	}
	for _, p := range h.Points {
		if s := p.Paths["home"].State; p.Sequence > before && s != "following" {
			t.Fatalf("the primary destination was %s", s)
		}
	}
	for _, name := range []string{"home", "away"} {
		if d := mainDestination(l.Status(), name); d.State != status.Active || len(d.Errors) != 0 {
			t.Errorf("%s is %s: %+v", name, d.State, d.Errors)
		}
	}
}

// Where all are to be protected, the bit rate goes down to what the slow one carries,
// and up again with it; nobody is left without pictures.
func TestASlowDestinationIsProtectedToo(t *testing.T) {
	t.Parallel()
	l := startTwoLinks(t, "protect-all")
	before := l.history().Next
	l.gate.Trickle(narrow / 8)
	l.at("the bit rate to be what the slow one carries", func(k *status.Rate, home, away status.RatePath) bool {
		return k.Target < narrow && k.Decider == "away" && home.State == "following" && away.State == "following"
	})
	l.gate.Open()
	l.at("the bit rate to rise again", func(k *status.Rate, home, away status.RatePath) bool {
		return k.Target > highest*8/10 && away.State == "following"
	})
	h := l.history()
	shed := func(p status.RatePoint) bool {
		return p.Sequence > before && (p.Paths["away"].State == "shed" || p.Paths["home"].State == "shed")
	}
	if slices.ContainsFunc(h.Points, shed) {
		t.Error("somebody was left without pictures")
	}
}
