package link

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/scenario"
)

func TestEveryScenarioIsALink(t *testing.T) {
	for _, s := range scenario.All() {
		c, err := ScenarioConfig(s, 1)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if c.Up.Delay+c.Down.Delay != s.RTT || c.Up.QueueBytes != s.Queue || (s.Back != nil) != (c.Down.Trace != nil) {
			t.Errorf("%s: up %+v, down %+v", s.Name, c.Up, c.Down)
		}
		l, err := Start(t.Context(), c)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if err := l.Close(); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

func TestTrafficOfAScenario(t *testing.T) {
	s, ok := scenario.ByName("cubic")
	if !ok {
		t.Fatal("no such scenario")
	}
	s.Competitors = []scenario.Competitor{{To: time.Hour}, {BBR: true, To: time.Hour}, {From: time.Hour, To: 2 * time.Hour}}
	s.BackLoad = 1e6
	c, err := ScenarioConfig(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	l := started(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Traffic(ctx, s) }()
	eventually(t, "two connections and the way back carry much", func() bool {
		var carried [2]int64
		for i := range l.Log().Flows() {
			if i < 2 {
				carried[i] = Carried(l.Log().Events(), i, 0, time.Hour)
			}
		}
		return slices.Min(carried[:]) > 20_000 && l.Stats().Down.Delivered.Bytes > 20_000
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := len(l.Log().Flows()); n != 2 {
		t.Errorf("%d flows", n)
	}
}
