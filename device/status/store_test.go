package status

import (
	"fmt"
	"sync"
	"testing"
)

func TestSnapshotsAreNeverChangedAfterPublication(t *testing.T) {
	s := NewStore("v1")
	r := s.Stream("main")
	r.SetDestination(Destination{Name: "b", State: Connecting})
	before := s.Load()
	r.SetDestination(Destination{Name: "a", State: Active})
	r.SetDestination(Destination{Name: "b", State: Active})
	r.Raise(Condition{Code: "x"})
	s.Stream("aux").SetInput(Input{Kind: "file"})

	if got := before.Streams[0].Destinations; len(before.Streams) != 1 || len(got) != 1 || got[0].State != Connecting {
		t.Errorf("the old snapshot changed: %+v", before.Streams)
	}
	now := s.Load()
	if now.Streams[0].Name != "aux" || now.Streams[1].Name != "main" {
		t.Errorf("streams are not in order of name: %+v", now.Streams)
	}
	d := now.Streams[1].Destinations
	if len(d) != 2 || d[0].Name != "a" || d[1].State != Active {
		t.Errorf("destinations %+v", d)
	}
	if now.Sequence <= before.Sequence {
		t.Errorf("sequence %d after %d", now.Sequence, before.Sequence)
	}
}

func TestConditionKeepsItsSinceAndClears(t *testing.T) {
	r := NewStore("").Stream("main")
	r.Raise(Condition{Code: "b", Message: "one"})
	since := r.store.Load().Streams[0].Conditions[0].Since
	r.Raise(Condition{Code: "a"})
	r.Raise(Condition{Code: "b", Message: "two"})
	c := r.store.Load().Streams[0].Conditions
	if len(c) != 2 || c[1].Message != "two" || !c[1].Since.Equal(since) || since.IsZero() {
		t.Errorf("conditions %+v, first since %v", c, since)
	}
	sequence := r.store.Load().Sequence
	r.Raise(Condition{Code: "b", Message: "two"})
	r.Clear("never raised")
	if r.store.Load().Sequence != sequence {
		t.Error("a report that changes nothing made a snapshot")
	}
	r.Clear("b")
	if c := r.store.Load().Streams[0].Conditions; len(c) != 1 || c[0].Code != "a" {
		t.Errorf("conditions after Clear %+v", c)
	}
}

func TestWatchWakesForEveryChange(t *testing.T) {
	s := NewStore("")
	snap, changed := s.Watch()
	select {
	case <-changed:
		t.Fatal("changed before anything was reported")
	default:
	}
	s.Raise(Condition{Code: "x"})
	<-changed
	if s.Load().Sequence != snap.Sequence+1 {
		t.Error("no new snapshot")
	}
	s.Clear("x")
	s.RemoveStream("none")
	if len(s.Load().Conditions) != 0 {
		t.Error("condition still there")
	}
}

func TestEventLogIsBoundedAndSequenced(t *testing.T) {
	s := NewStore("")
	for i := range eventsKept + 10 {
		s.Log(Event{Message: fmt.Sprint(i + 1)})
	}
	all, more := s.Events(0)
	if len(all) != eventsKept || all[0].Sequence != 11 || all[0].Message != "11" || all[eventsKept-1].Sequence != eventsKept+10 {
		t.Errorf("%d events from %d to %d", len(all), all[0].Sequence, all[len(all)-1].Sequence)
	}
	tail, _ := s.Events(eventsKept + 8)
	if len(tail) != 2 || tail[0].Sequence != eventsKept+9 {
		t.Errorf("tail %+v", tail)
	}
	if all, _ := s.Events(1 << 40); len(all) != eventsKept {
		t.Errorf("a reader from before a restart got %d events", len(all))
	}
	if none, _ := s.Events(eventsKept + 10); len(none) != 0 {
		t.Errorf("events twice: %+v", none)
	}
	s.Log(Event{})
	<-more
}

func TestConcurrentReports(t *testing.T) {
	s := NewStore("")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			r := s.Stream(fmt.Sprint(i))
			for n := range 500 {
				r.SetDestination(Destination{Name: fmt.Sprint(n % 7)})
				s.Log(Event{})
				_ = s.Load()
			}
		})
	}
	wg.Wait()
	for _, st := range s.Load().Streams {
		if len(st.Destinations) != 7 {
			t.Errorf("stream %s has %d destinations", st.Name, len(st.Destinations))
		}
	}
}
