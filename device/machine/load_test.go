package machine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

func TestOverlongLinesAndNoise(t *testing.T) {
	s, _, _ := stand(t)
	c, _ := open(t, s, Options{Caller: admin})
	go func() {
		_, _ = c.conn.Write([]byte("DO 1 destination pause " + strings.Repeat("x", 3*MaxLine) + "\n"))
	}()
	c.until("NACK - too_long")
	noise := make([]byte, 20_000)
	for i := range noise {
		noise[i] = byte(i*i>>3) ^ byte(i)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range 50 {
			_, _ = c.conn.Write(noise)
		}
		c.say("\nDO 2 destination pause x")
	}()
	answers := 0
	for line := c.line(); !strings.HasPrefix(line, "ACK 2"); line = c.line() {
		if strings.HasPrefix(line, "NACK") {
			answers++
		}
	}
	<-sent
	if answers > 100 {
		t.Errorf("noise was answered %d times", answers)
	}
}

// Two boxes on one line, or a line that echoes, must not talk for ever.
func TestAnEcho(t *testing.T) {
	s, _, _ := stand(t)
	here, there := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var lines atomic.Int64
	all.Go(func() { _, _ = s.Serve(ctx, there, Options{Caller: admin}) })
	all.Go(func() {
		in := bufio.NewScanner(here)
		in.Buffer(nil, MaxLine)
		for in.Scan() {
			lines.Add(1)
			_ = here.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = fmt.Fprintf(here, "%s\n", in.Bytes())
		}
	})
	time.Sleep(300 * time.Millisecond)
	if n := lines.Load(); n > 40 {
		t.Errorf("%d lines", n)
	}
	cancel()
	_ = here.Close()
	all.Wait()
	_ = there.Close()
}

func TestTenThousandCommandsOfManyClients(t *testing.T) {
	s, _, done := stand(t)
	const clients, each = 8, 1250
	var all sync.WaitGroup
	for n := range clients {
		c, ended := open(t, s, Options{Caller: admin})
		all.Go(func() {
			for i := range each {
				if _, err := fmt.Fprintf(c.conn, "DO %d destination pause d%d\n", i, n); err != nil {
					t.Error(err)
					return
				}
			}
			_, _ = io.WriteString(c.conn, "EXIT\n")
		})
		all.Go(func() {
			next := 0
			for line := c.line(); line != "BYE"; line = c.line() {
				if strings.HasPrefix(line, "ACK") {
					if !strings.HasPrefix(line, fmt.Sprintf("ACK %d ", next)) {
						t.Errorf("out of order: %s, want %d", line, next)
						return
					}
					next++
				}
			}
			if err := <-ended; next != each || err != nil {
				t.Errorf("%d answers, %v", next, err)
			}
		})
	}
	all.Wait()
	if n := done.Load(); n != clients*each {
		t.Errorf("%d commands done", n)
	}
}

func TestASlowReaderGetsTheNewestState(t *testing.T) {
	s, store, _ := stand(t)
	c, _ := open(t, s, Options{Caller: admin})
	c.until("STATE")
	for n := range 5000 {
		store.Stream("main").SetDestination(status.Destination{Name: "youtube", Attempts: uint64(n + 1)})
		store.Log(status.Event{Message: fmt.Sprint(n)})
	}
	changes, lines := 0, 0
	state := flat{}
	lost := false
	for state["streams/main/destinations/youtube/attempts"] != "5000" {
		line := c.line()
		lines++
		verb, body, _ := strings.Cut(line, " ")
		switch verb {
		case "LOST":
			lost = true
		case "STATE":
			state = flat{}
			body = body[strings.Index(body, "{"):]
			fallthrough
		case "CHANGE":
			changes++
			var values map[string]json.RawMessage
			if err := json.Unmarshal([]byte(body), &values); err != nil {
				t.Fatal(err)
			}
			for k, v := range values {
				state[k] = string(v)
			}
		}
	}
	if changes > 5 || lines > 1200 || !lost {
		t.Errorf("%d changes, %d lines, lost %v", changes, lines, lost)
	}
}

func TestTheEnd(t *testing.T) {
	s, _, _ := stand(t)
	for name, o := range map[string]Options{
		"by a client that reads nothing": {Caller: admin, Stall: 50 * time.Millisecond},
		"by a client that says nothing":  {Caller: admin, Silence: 50 * time.Millisecond},
		"by the daemon":                  {Caller: admin},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			stop := errors.New("shutdown")
			switch name {
			case "by the daemon": // which nobody reads: its write waits
				time.AfterFunc(50*time.Millisecond, func() { cancel(stop) })
			case "by a client that says nothing":
				go io.Copy(io.Discard, here)
			}
			_, err := s.Serve(ctx, there, o)
			if err == nil || name == "by the daemon" && !errors.Is(err, stop) || o.Silence > 0 && !errors.Is(err, ErrSilence) {
				t.Error(err)
			}
			_, _ = here.Close(), there.Close()
		})
	}
	if _, err := s.Serve(t.Context(), struct{ io.ReadWriter }{}, Options{}); err == nil {
		t.Error("a connection that nothing can wake")
	}
}

func TestTheStateInSmallLines(t *testing.T) {
	f := flat{"long": ascii(strings.Repeat("x", 5000))}
	for i := range 300 {
		f[fmt.Sprintf("streams/s%d/state", i)] = `"running"`
	}
	bodies := f.bodies(leastLine)
	all := flat{}
	for _, b := range bodies {
		var values map[string]json.RawMessage
		if err := json.Unmarshal([]byte(b), &values); err != nil || len(b) > leastLine {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		for k, v := range values {
			all[k] = string(v)
		}
	}
	if len(all) != len(f) || all["long"] != `"(too long for a line)"` || !slices.Equal(flat{}.bodies(100), []string{"{}"}) {
		t.Errorf("%d of %d", len(all), len(f))
	}
}

// What an idle session costs: changes are told four times a second at most.
func BenchmarkAChange(b *testing.B) {
	store := status.NewStore("1")
	for n := range 8 {
		for _, stream := range []string{"main", "second"} {
			store.Stream(stream).SetDestination(status.Destination{Name: fmt.Sprint("d", n), Errors: make([]status.TimedError, 5)})
		}
	}
	var old flat
	for n := 0; b.Loop(); n++ {
		store.Stream("main").SetDestination(status.Destination{Name: "d1", Bytes: uint64(n), Errors: make([]status.TimedError, 5)})
		now, err := flatten(store.Load())
		if err != nil {
			b.Fatal(err)
		}
		now.since(old).bodies(defaultLine)
		old = now
	}
}
