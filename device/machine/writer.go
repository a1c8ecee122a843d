package machine

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

// writer sends everything that a client is told. It alone writes to the connection.
type writer struct {
	*session
	out  *bufio.Writer
	set  settings
	only [][]string // set.Paths, split

	told  flat   // the state as the client has it; nil: not at all
	event uint64 // the last one that was told
	next  time.Time
	spoke time.Time
	asked time.Time // the last PING
	pings uint64
	err   error // of the first write that failed
}

func newWriter(x *session) *writer {
	w := &writer{session: x, out: bufio.NewWriter(x.wire)}
	w.choose(defaults())
	if log, _ := x.State.Events(0); len(log) > 0 {
		w.event = log[len(log)-1].Sequence
	}
	return w
}

func (w *writer) choose(s settings) {
	w.set, w.only = s, nil
	for _, p := range s.Paths {
		w.only = append(w.only, strings.Split(strings.Trim(p, "/"), "/"))
	}
}

// run writes until there is nothing more to answer, then says BYE; or until ctx ends,
// the client goes silent, or a write fails.
func (w *writer) run(ctx context.Context) error {
	w.hello()
	for w.err == nil {
		if ended := w.reply(); ended {
			w.line("BYE")
			w.flush()
			return w.err
		}
		for _, line := range w.under.noted() {
			w.line(line)
		}
		wake, err := w.news()
		if err != nil {
			return err
		}
		w.flush()
		if err := w.wait(ctx, wake); err != nil {
			return err
		}
	}
	return w.err
}

// reply gives the answers that wait, but lets what is new have its turn.
func (w *writer) reply() (ended bool) {
	for range jobs {
		select {
		case m, ok := <-w.answers:
			if !ok {
				return true
			}
			w.answer(m)
		default:
			return false
		}
	}
	return false
}

// wakes are what the writer waits for besides answers; nil ones never come.
type wakes struct {
	changed, logged <-chan struct{}
	again           bool // there is more to tell
}

// news tells what is new: some events, and what has changed when it is time for that.
func (w *writer) news() (wake wakes, err error) {
	log, logged := w.State.Events(w.event)
	wake.logged = logged
	if len(log) > 0 {
		wake.again = w.events(log)
	}
	if time.Now().Before(w.next) {
		return wake, nil
	}
	snapshot, changed := w.State.Watch()
	wake.changed = changed
	now, err := w.flattened.take(snapshot)
	if err != nil {
		return wake, err
	}
	w.tell(now.only(w.only))
	return wake, nil
}

// events tells some, and says whether there are more. Where the log no longer has what
// the client missed, it says so, and tells the whole state.
func (w *writer) events(log []status.Event) (more bool) {
	if !w.set.Events {
		w.event = log[len(log)-1].Sequence
		return false
	}
	if lost := log[0].Sequence - w.event - 1; w.event != 0 && lost > 0 {
		w.line(fmt.Sprintf(`LOST {"events":%d}`, lost))
		w.told, w.next = nil, time.Time{}
	}
	n := min(len(log), events)
	for _, e := range log[:n] {
		w.event = e.Sequence
		line := "EVENT " + ascii(e)
		if message := []rune(e.Message); len(line) > w.limit() {
			e.Message = string(message[:min(50, len(message))]) + "…"
			line = "EVENT " + ascii(e)
		}
		w.line(line)
	}
	return n < len(log)
}

// tell brings the client's state to now.
func (w *writer) tell(now flat) {
	if w.told == nil {
		const head = len("STATE 9999 9999 ")
		parts := now.bodies(w.limit() - head)
		for i, body := range parts {
			w.line(fmt.Sprintf("STATE %d %d %s", i+1, len(parts), body))
		}
	} else if diff := now.since(w.told); len(diff) > 0 {
		for _, body := range diff.bodies(w.limit() - len("CHANGE ")) {
			w.line("CHANGE " + body)
		}
	} else {
		return
	}
	w.told = now
	w.next = time.Now().Add(time.Duration(w.set.Every) * time.Millisecond)
}

// wait returns when there is something to do.
func (w *writer) wait(ctx context.Context, wake wakes) error {
	if wake.again || wake.changed == nil && !w.next.After(time.Now()) {
		return context.Cause(ctx)
	}
	until, err := w.alive()
	if err != nil {
		return err
	}
	if wake.changed == nil && w.next.Before(until) {
		until = w.next
	}
	if w.flush(); w.err != nil {
		return w.err
	}
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	select {
	case m, ok := <-w.answers:
		if ok {
			w.answer(m)
		}
	case <-w.wakeup:
	case <-wake.changed:
	case <-wake.logged:
	case <-late.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// alive looks whether the client is there, shows it that the box is, and says when to
// do that again.
func (w *writer) alive() (again time.Time, err error) {
	now, heard := time.Now(), time.Unix(0, w.heard.Load())
	quiet := w.spoke // the later of: the box spoke, or asked a client that must answer
	if w.o.Silence > 0 {
		if now.Sub(heard) >= w.o.Silence {
			return again, ErrSilence
		}
		if asked := latest(heard, w.asked); asked.Before(quiet) {
			quiet = asked
		}
	}
	beat := beat
	if w.ended.Load() {
		beat = endBeat
	}
	if now.Sub(quiet) >= beat {
		w.pings++
		w.line(fmt.Sprintf("PING %d", w.pings))
		w.asked, quiet = now, now
	}
	again = quiet.Add(beat)
	if end := heard.Add(w.o.Silence); w.o.Silence > 0 && end.Before(again) {
		again = end
	}
	return again, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (w *writer) hello() {
	s := w.State
	snapshot, _ := s.Watch()
	w.line("HELLO " + ascii(struct {
		Protocol int      `json:"protocol"`
		Product  string   `json:"product"`
		Version  string   `json:"version"`
		Host     string   `json:"host"`
		Role     string   `json:"role"`
		MaxLine  int      `json:"max_line"` // that the client may send
		Set      settings `json:"set"`
	}{Protocol, w.Product, snapshot.Version, snapshot.Hostname, w.o.Caller.Role.String(), MaxLine, w.set}))
}

func (w *writer) answer(m outgoing) {
	if m.set != nil {
		w.choose(*m.set)
	}
	if m.hello {
		w.hello()
	}
	if m.state {
		w.told, w.next = nil, time.Time{}
	}
	switch {
	case m.text != "":
		w.line(m.text)
	case m.ack != "":
		w.ack(m.ack, m.body)
	}
}

// ack answers with a body, in pieces where a line does not hold it: then it is what
// the strings of the PART lines make together.
func (w *writer) ack(id, body string) {
	line := "ACK " + id + " " + body
	if len(line) <= w.limit() {
		w.line(line)
		return
	}
	// A character of the body may take two in a JSON string.
	size := (w.limit() - len("PART ") - maxID - len(` ""`)) / 2
	for len(body) > 0 {
		n := min(size, len(body))
		w.line("PART " + id + " " + ascii(body[:n]))
		body = body[n:]
	}
	w.line("ACK " + id)
}

// limit is what a line may have before its check and its end.
func (w *writer) limit() int { return w.set.MaxLine - crcLen - 1 }

func (w *writer) line(text string) {
	if w.err != nil {
		return
	}
	if w.set.CRC {
		text += sum(text)
	}
	_, w.err = w.out.WriteString(text + "\n")
	w.spoke = time.Now()
}

func (w *writer) flush() {
	if w.err == nil {
		w.err = w.out.Flush()
	}
}
