package machine

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// stand is a server whose commands do what tests need.
func stand(t *testing.T) (*Server, *status.Store, *atomic.Int64) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%d goroutines are left, %d were there", runtime.NumGoroutine(), before)
				return
			}
		}
	})
	store, done := status.NewStore("1.4"), new(atomic.Int64)
	store.Stream("main").SetDestination(status.Destination{Name: "youtube", State: status.Connecting})
	name := control.Arg{Name: "name", Kind: control.Word, Help: "which"}
	table := control.New(store, nil,
		control.Command{Name: "destination pause", Help: "Pause it", Role: control.Operator, Args: []control.Arg{name}, Run: func(_ context.Context, c control.Call) (control.Result, error) {
			done.Add(1)
			store.Stream("main").SetDestination(status.Destination{Name: c.Args.Get("name"), State: status.Disabled})
			return control.Result{Text: "paused ü", Data: map[string]string{"name": c.Args.Get("name")}}, nil
		}},
		control.Command{Name: "reset", Help: "Forget all", Role: control.Admin, Confirm: []control.Ask{control.Question("Sure?")}, Run: func(context.Context, control.Call) (control.Result, error) {
			return control.Result{Text: "reset"}, nil
		}},
		control.Command{Name: "big", Help: "Say much", Role: control.Viewer, Reads: true, Run: func(context.Context, control.Call) (control.Result, error) {
			return control.Result{Text: strings.Repeat(`"<ü`, 20_000)}, nil
		}},
		control.Command{Name: "try", Help: "Take long", Role: control.Viewer, Long: true, Run: func(ctx context.Context, c control.Call) (control.Result, error) {
			c.Progress(control.Progress{Done: 0.5, Text: "negotiate"})
			<-ctx.Done()
			return control.Result{}, ctx.Err()
		}},
	)
	return &Server{State: store, Table: table, Product: "encoderbox", Log: slog.New(slog.DiscardHandler)}, store, done
}

var admin = control.Caller{Name: "a test", Surface: control.Machine, Role: control.Admin}

// client is the other side.
type client struct {
	t    *testing.T
	conn io.ReadWriter
	in   *bufio.Reader
}

func newClient(t *testing.T, conn io.ReadWriter) *client {
	return &client{t, conn, bufio.NewReaderSize(conn, 1<<20)}
}

// open begins a session over a pipe, which the end of the test ends.
func open(t *testing.T, s *Server, o Options) (c *client, ended chan error) {
	t.Helper()
	here, there := net.Pipe()
	ended = make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		_, err := s.Serve(ctx, there, o)
		ended <- err
		_ = there.Close()
	}()
	t.Cleanup(func() { cancel(); <-finished; _ = here.Close() })
	_ = here.SetDeadline(time.Now().Add(time.Minute))
	return newClient(t, here), ended
}

func (c *client) say(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.conn, format+"\n", args...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) line() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%q: %v", line, err)
	}
	for _, b := range []byte(line[:len(line)-1]) {
		if b < ' ' || b > '~' {
			c.t.Fatalf("not ASCII: %q", line)
		}
	}
	return line[:len(line)-1]
}

// until reads on to a line that begins so.
func (c *client) until(begin string) string {
	c.t.Helper()
	for {
		if line := c.line(); strings.HasPrefix(line, begin) {
			return line
		}
	}
}

func TestASession(t *testing.T) {
	s, store, done := stand(t)
	c, ended := open(t, s, Options{Caller: admin})
	if line := c.line(); !strings.HasPrefix(line, `HELLO {"protocol":1,"product":"encoderbox","version":"1.4"`) {
		t.Error(line)
	}
	if line := c.line(); !strings.HasPrefix(line, "STATE 1 1 {") || !strings.Contains(line, `"streams/main/destinations/youtube/state":"connecting"`) {
		t.Error(line)
	}
	store.Log(status.Event{Severity: status.Info, Subject: "input", Message: "ok ✓"})
	if line := c.until("EVENT"); !strings.Contains(line, `ok \u2713`) {
		t.Error(line)
	}
	c.say("DO 17 dest pause name=youtube")
	if line := c.until("ACK 17 "); !strings.Contains(line, `"data":{"name":"youtube"}`) {
		t.Error(line)
	}
	if line := c.until("CHANGE"); !strings.Contains(line, `"streams/main/destinations/youtube/state":"disabled"`) {
		t.Error(line)
	}
	store.Stream("main").RemoveDestination("youtube")
	if line := c.until("CHANGE"); !strings.Contains(line, `"streams/main/destinations/youtube/state":null`) {
		t.Error(line)
	}
	for _, x := range []struct{ say, want string }{
		{`do 1 {"command":"destination pause","args":{"name":"a"}}`, "ACK 1 "},
		{`DO 2 reset`, `NACK 2 confirm {"code":"confirm","error":"Sure?"}`},
		{`DO 2 {"command":"reset","confirmed":1}`, `ACK 2 {"text":"reset"}`},
		{`DO 3 dance`, "NACK 3 unknown "},
		{`DO 3 destination pause`, "NACK 3 usage "},
		{`DO 3 "dance`, "NACK 3 usage "},
		{`DO 3 {"command":"reset","sure":true}`, "NACK 3 usage "},
		{`DO 3 {"command":7}`, "NACK 3 usage "},
		{`DO 3 {"command":"reset"}}`, "NACK 3 usage "},
		{`DO`, "NACK - garbled "},
		{`DO - reset`, "NACK - garbled "},
		{`JUMP`, "NACK - garbled "},
		{`PING a b`, "PONG ab"},
		{`STATE`, "STATE 1 1 "},
		{`SET {"every_ms":1}`, "NACK - usage "},
		{`SET {"every":1}`, "NACK - usage "},
		{`SET`, `SETTINGS {"crc":false,"every_ms":250,`},
		{"\x00\xff\x17", "NACK - garbled "},
	} {
		c.say("%s", x.say)
		c.until(x.want)
	}
	if n := done.Load(); n != 2 {
		t.Errorf("%d commands done", n)
	}
	c.say("EXIT")
	c.until("BYE")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRolesHold(t *testing.T) {
	s, _, _ := stand(t)
	c, _ := open(t, s, Options{Caller: control.Caller{Name: "v", Surface: control.Machine, Role: control.Viewer}})
	c.say("DO 1 destination pause x")
	c.until("NACK 1 forbidden ")
}

func TestALongCommandReportsAndCanBeCancelled(t *testing.T) {
	s, _, _ := stand(t)
	c, ended := open(t, s, Options{Caller: admin})
	c.say("DO 1 try")
	if line := c.until("PROGRESS 1"); !strings.Contains(line, `"done":0.5`) {
		t.Error(line)
	}
	c.say("DO 1 try")
	c.until("NACK 1 in_use")
	c.say("DO 2 destination pause x") // beside it
	c.until("ACK 2")
	c.say("CANCEL 1")
	c.until("NACK 1 failed")
	c.say("DO 1 try")
	c.until("PROGRESS 1")
	_ = c.conn.(net.Conn).Close() // the command ends with the session
	if err := <-ended; err == nil {
		t.Log("ended as a half-closed side does")
	}
}

func TestWhatComesBehindExitIsLeft(t *testing.T) {
	s, _, _ := stand(t)
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		_, _ = io.WriteString(here, "DO 1 destination pause a\r\nexit\r\nshow status\n")
		_, _ = io.Copy(io.Discard, here)
	}()
	rest, err := s.Serve(t.Context(), there, Options{Caller: admin})
	if err != nil || string(rest) != "show status\n" {
		t.Errorf("%q %v", rest, err)
	}
	_ = there.Close()
}

func TestSettings(t *testing.T) {
	s, store, _ := stand(t)
	c, _ := open(t, s, Options{Caller: admin})
	c.say(`SET {"paths":["streams/*/destinations/*/state"],"events":false,"every_ms":50}`)
	c.until("SETTINGS ")
	if line := c.line(); line != `STATE 1 1 {"streams/main/destinations/youtube/state":"connecting"}` {
		t.Error(line)
	}
	store.Log(status.Event{Message: "unheard"})
	store.SetProcess(status.Process{RSS: 5})
	store.Stream("main").SetDestination(status.Destination{Name: "b/c", State: status.Active})
	if line := c.line(); line != `CHANGE {"streams/main/destinations/b~1c/state":"active"}` {
		t.Error(line)
	}
}

func TestCRC(t *testing.T) {
	s, _, _ := stand(t)
	c, _ := open(t, s, Options{Caller: admin})
	right := func(line string) {
		t.Helper()
		if _, ok := checked(line); !ok {
			t.Errorf("no CRC in %q", line)
		}
	}
	c.say(`SET {"crc":true}`)
	right(c.until("SETTINGS "))
	c.say("DO 1 reset")
	right(c.until("NACK - crc"))
	c.say("%s", "DO 1 destination pause a"+sum("DO 1 destination pause a"))
	right(c.until("ACK 1"))
	c.say("%s", "DO 2 destination pause b"+sum("DO 1 destination pause a"))
	right(c.until("NACK - crc"))
	c.say("") // whatever came before
	c.say("HELLO")
	if line := c.until("HELLO"); !strings.HasSuffix(line, "}") {
		t.Error(line)
	}
	c.until("STATE 1 1")
	c.say("PING x")
	c.until("PONG x")
}

func TestABigAnswerComesInParts(t *testing.T) {
	s, _, _ := stand(t)
	c, _ := open(t, s, Options{Caller: admin})
	c.say("DO 9 big")
	var body strings.Builder
	for {
		line := c.line()
		if len(line) >= defaultLine {
			t.Fatalf("%d bytes", len(line))
		}
		if line == "ACK 9" {
			break
		}
		if piece, ok := strings.CutPrefix(line, "PART 9 "); ok {
			var part string
			if err := json.Unmarshal([]byte(piece), &part); err != nil {
				t.Fatal(err)
			}
			body.WriteString(part)
		}
	}
	var r control.Result
	if err := json.Unmarshal([]byte(body.String()), &r); err != nil || r.Text != strings.Repeat(`"<ü`, 20_000) {
		t.Errorf("%v, %d bytes", err, body.Len())
	}
}
