package link

import (
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
)

func event(kind bottleneck.Kind, at time.Duration, size int) bottleneck.Event {
	return bottleneck.Event{At: at, Kind: kind, Packet: bottleneck.Packet{Flow: 0, Size: size, ID: 7, Data: make([]byte, size)}}
}

func TestLogIsBounded(t *testing.T) {
	const limit = logChunk + 10
	l := newLog(limit)
	for i := range limit + 5 {
		l.add(event(bottleneck.Enqueue, time.Duration(i), 100))
	}
	events := l.Events()
	if len(events) != limit || l.Missed() != 5 {
		t.Errorf("%d events, %d missed", len(events), l.Missed())
	}
	for i, e := range events {
		if e.At != time.Duration(i) || e.Data != nil {
			t.Fatalf("event %d: %+v", i, e)
		}
	}
	l.Reset()
	if len(l.Events()) != 0 || l.Missed() != 0 {
		t.Error("something is left")
	}
	l.add(event(bottleneck.Enqueue, 1, 100))
	if len(l.Events()) != 1 {
		t.Error("nothing new is kept")
	}
}

func TestLogAsCSV(t *testing.T) {
	l := newLog(10)
	f, _ := parseFlow(unhex(t, udp))
	l.name(f)
	l.add(event(bottleneck.Enqueue, 1500*time.Microsecond, 100))
	var b strings.Builder
	if err := l.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	want := "# flow 0: udp 10.77.1.1:4000 > 10.77.1.2:9000\n" + bottleneck.Columns + "1500,enqueue,0,7,100,0,0\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}

func TestCarried(t *testing.T) {
	other := event(bottleneck.Dequeue, 3, 1000)
	other.Flow = 1
	events := []bottleneck.Event{event(bottleneck.Dequeue, 1, 1), event(bottleneck.Dequeue, 2, 10),
		event(bottleneck.Enqueue, 2, 100), other, event(bottleneck.Dequeue, 4, 10_000)}
	for name, c := range map[string]struct {
		flow, want int
	}{"one flow": {0, 10}, "the other": {1, 1000}, "all": {-1, 1010}} {
		if got := Carried(events, c.flow, 2, 4); got != int64(c.want) {
			t.Errorf("%s: %d", name, got)
		}
	}
}
