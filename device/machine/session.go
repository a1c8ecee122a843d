package machine

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
)

// settings are what a client may choose (SET).
type settings struct {
	CRC     bool     `json:"crc"`      // every line ends in its CRC, both ways
	Every   int64    `json:"every_ms"` // between two tellings of changes
	MaxLine int      `json:"max_line"` // of the box
	Paths   []string `json:"paths"`    // what of the state is told; none: all of it
	Events  bool     `json:"events"`   // are told
}

func defaults() settings {
	return settings{Every: every.Milliseconds(), MaxLine: defaultLine, Paths: []string{}, Events: true}
}

// outgoing is a message from those who read and do to the one that writes.
type outgoing struct {
	text  string    // a line; "" for none
	ack   string    // the id of an answer in body, which may be longer than a line
	body  string    // JSON
	set   *settings // from this line on
	hello bool      // a hello follows
	state bool      // the whole state follows
}

// session is one client.
type session struct {
	*Server
	o      Options
	wire   *wire
	lines  *lineReader
	cancel context.CancelCauseFunc

	set      settings // of the reader; the writer has its own
	garbled  int      // lines in a row that could not be understood
	answered time.Time

	jobs    chan job
	answers chan outgoing
	long    chan struct{} // a place for each long command
	under   under
	wakeup  chan struct{} // the writer has to look
	heard   atomic.Int64  // when the client last said something, ns
	ended   atomic.Bool   // the client's side has
}

func newSession(s *Server, w *wire, o Options, cancel context.CancelCauseFunc) *session {
	x := &session{
		Server: s, o: o, wire: w, cancel: cancel, set: defaults(),
		jobs: make(chan job, jobs), answers: make(chan outgoing, jobs),
		long: make(chan struct{}, long), wakeup: make(chan struct{}, 1),
		under: under{running: map[string]context.CancelFunc{}, progress: map[string]control.Progress{}},
	}
	x.hear()
	x.lines = &lineReader{r: w, limit: MaxLine + crcLen, heard: x.hear}
	return x
}

func (x *session) hear() { x.heard.Store(time.Now().UnixNano()) }

// admit asks for the token where there must be one.
func (x *session) admit(ctx context.Context) error {
	if x.o.Token == "" {
		return nil
	}
	late := time.AfterFunc(authTime, func() { x.cancel(ErrToken) })
	defer late.Stop()
	if _, err := io.WriteString(x.wire, `HELLO {"protocol":1,"auth":"token"}`+"\n"); err != nil {
		return err
	}
	x.lines.limit = authLine
	line, err := x.lines.next()
	for err == nil && strings.TrimSpace(line) == "" {
		line, err = x.lines.next()
	}
	if err != nil && !errors.Is(err, errTooLong) {
		return err
	}
	m, _ := parse(line)
	if m.verb == "AUTH" && subtle.ConstantTimeCompare([]byte(m.rest), []byte(x.o.Token)) == 1 {
		x.lines.limit = MaxLine + crcLen
		return nil
	}
	select {
	case <-time.After(authDelay):
	case <-ctx.Done():
	}
	_, _ = io.WriteString(x.wire, nack("-", "auth", control.Error{Message: "send AUTH and the token first"})+"\n")
	return ErrToken
}

// run is the session behind the token. It returns when all of it has ended.
func (x *session) run(ctx context.Context) error {
	var doing, writing sync.WaitGroup
	writing.Go(func() {
		if err := newWriter(x).run(ctx); err != nil {
			x.cancel(err)
		}
	})
	doing.Go(func() { x.work(ctx, &doing) })
	err := x.read(ctx)
	if err != nil {
		x.cancel(err)
	}
	close(x.jobs)
	doing.Wait()
	close(x.answers)
	writing.Wait()
	return reason(ctx, err)
}

// read takes lines until the client goes, which is no error.
func (x *session) read(ctx context.Context) error {
	for {
		line, err := x.lines.next()
		switch {
		case errors.Is(err, errTooLong):
			x.garble(ctx, "too_long", err)
		case errors.Is(err, io.EOF):
			x.ended.Store(true)
			x.nudge()
			return nil
		case err != nil:
			return err
		case strings.Trim(line, " \t") == "":
		default:
			if gone := x.line(ctx, line); gone {
				return nil
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// line does what a line says. gone: it was EXIT.
func (x *session) line(ctx context.Context, line string) (gone bool) {
	line, right := x.check(line)
	if !right {
		x.garble(ctx, "crc", errors.New("the CRC is missing or wrong: noise, or send HELLO to begin anew without"))
		return false
	}
	m, err := parse(line)
	if err != nil {
		if m.id != "" {
			x.say(ctx, nack(m.id, control.Usage, control.Error{Message: err.Error()}))
			return false
		}
		x.garble(ctx, "garbled", err)
		return false
	}
	x.garbled = 0
	switch m.verb {
	case "DO":
		x.do(ctx, m)
	case "CANCEL":
		x.under.stop(m.id)
	case "SET":
		x.choose(ctx, m.rest)
	case "STATE":
		x.send(ctx, outgoing{state: true})
	case "PING":
		x.say(ctx, strings.TrimSpace("PONG "+clip(m.rest)))
	case "HELLO":
		x.set = defaults()
		fresh := x.set
		x.send(ctx, outgoing{hello: true, set: &fresh, state: true})
	case "EXIT":
		return true
	}
	return false
}

// check takes the CRC off a line where there must be one. A HELLO needs none: it is
// how a client begins anew that does not know what was agreed before.
func (x *session) check(line string) (string, bool) {
	if !x.set.CRC || strings.EqualFold(strings.TrimSpace(line), "HELLO") {
		return line, true
	}
	return checked(strings.TrimRight(line, " "))
}

// choose takes a SET.
func (x *session) choose(ctx context.Context, body string) {
	next := x.set
	if body != "" {
		if err := strict(body, &next); err != nil {
			x.say(ctx, nack("-", control.Usage, control.Error{Message: "SET: " + err.Error()}))
			return
		}
	}
	if next.Every < leastEvery.Milliseconds() || next.Every > mostEvery.Milliseconds() ||
		next.MaxLine < leastLine || next.MaxLine > MaxLine || len(next.Paths) > 64 {
		x.say(ctx, nack("-", control.Usage, control.Errorf(control.Usage, "SET: every_ms is %d to %d, max_line %d to %d, paths at most 64",
			leastEvery.Milliseconds(), mostEvery.Milliseconds(), leastLine, MaxLine)))
		return
	}
	x.set = next
	x.send(ctx, outgoing{text: "SETTINGS " + ascii(next), set: &next, state: true})
}

// garble answers what could not be understood: now and then, or two boxes on one
// line, or an echo, would talk of it for ever.
func (x *session) garble(ctx context.Context, code string, err error) {
	const freely = 10
	if x.garbled++; x.garbled > freely && time.Since(x.answered) < time.Second {
		return
	}
	x.answered = time.Now()
	x.say(ctx, nack("-", control.Code(code), control.Error{Message: err.Error()}))
}

func (x *session) say(ctx context.Context, text string) { x.send(ctx, outgoing{text: text}) }

// send waits for a place: a client that takes no answers is not read from.
func (x *session) send(ctx context.Context, m outgoing) {
	select {
	case x.answers <- m:
	case <-ctx.Done():
	}
}

// nudge has the writer look.
func (x *session) nudge() {
	select {
	case x.wakeup <- struct{}{}:
	default:
	}
}

// nack is a refusal: its id, or -.
func nack(id string, code control.Code, e any) string {
	if err, ok := e.(control.Error); ok {
		err.Code = code
		e = err
	}
	return "NACK " + id + " " + string(code) + " " + ascii(e)
}

// clip keeps what is echoed short.
func clip(s string) string {
	const most = 64
	var b strings.Builder
	for _, r := range s {
		if r > ' ' && r < 0x7f && b.Len() < most {
			b.WriteRune(r)
		}
	}
	return b.String()
}
