package serialpanel

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
)

// What both sides count on; docs/panel-protocol.md.
const (
	askEvery    = 500 * time.Millisecond // for a hello
	pingEvery   = time.Second
	silence     = 3 * time.Second        // after which a panel is gone
	resendAfter = 300 * time.Millisecond // a line that is not acknowledged
	maxTries    = 10
	maxWindow   = 4 // lines on their way, so that a panel with little memory keeps up
	maxAcks     = 16
)

// Stats counts what happened on the line.
type Stats struct {
	Received int // good lines
	Bad      int // lines with a wrong checksum, or noise
	Resent   int
	Refused  int // lines that the panel has not done
	Refusal  string
}

// link is the protocol without its port: what is to be sent, and what a line that came means.
type link struct {
	seq     byte
	hello   *Hello // nil: not heard yet
	things  []*thing
	byName  map[string]*thing
	acks    []byte
	held    map[panel.Key]bool
	window  int
	heard   time.Time // anything, last
	pinged  time.Time
	stats   Stats
	changed []panel.Event // of the line being received
}

// thing is what the panel is told the state of: a line of text, a piece of a row of pixels, a
// light. The newest state alone counts; what is outdated is never sent again.
type thing struct {
	name   string
	word   string
	want   string
	has    string
	known  bool // that it has what stands there
	flying bool // sent, not acknowledged
	sent   string
	seq    byte
	at     time.Time
	tries  int
}

func newLink() *link {
	return &link{byName: map[string]*thing{}, held: map[panel.Key]bool{}, window: maxWindow}
}

// set says what a thing is to be.
func (l *link) set(name, word, want string) {
	t := l.byName[name]
	if t == nil {
		t = &thing{name: name, word: word}
		l.byName[name] = t
		l.things = append(l.things, t)
	}
	t.want = want
}

// send appends the lines that are due, and says when it wants to be called again at the
// latest. An error is that the panel is gone.
func (l *link) send(lines []byte, now time.Time) ([]byte, time.Time, error) {
	if l.hello != nil && now.Sub(l.heard) >= silence {
		return lines, now, fmt.Errorf("nothing heard for %v: is it unplugged, without power, or at another speed?", silence)
	}
	for _, seq := range l.acks {
		lines = message{seq: seq, word: "ack"}.append(lines)
	}
	l.acks = l.acks[:0]
	word, every := "ping", pingEvery
	switch {
	case l.hello == nil:
		word, every = "who", askEvery
	case l.pinged.After(l.heard): // the ping or its answer was lost, unless it is about to come
		every = resendAfter
	}
	if l.pinged.IsZero() || now.Sub(l.pinged) >= every {
		lines = message{seq: l.number(), word: word}.append(lines)
		l.pinged = now
		every = resendAfter
	}
	next := l.pinged.Add(every)
	if l.hello == nil {
		return lines, next, nil
	}
	lines, again, err := l.sendThings(lines, now)
	if !again.IsZero() && again.Before(next) {
		next = again
	}
	return lines, next, err
}

func (l *link) sendThings(lines []byte, now time.Time) (_ []byte, next time.Time, err error) {
	flying := 0
	for _, t := range l.things {
		if t.flying && now.Sub(t.at) >= resendAfter {
			t.flying = false
			l.window = 1 // until it is heard again
			l.stats.Resent++
			if t.tries >= maxTries {
				return lines, now, fmt.Errorf("it acknowledged %q in none of %d tries", t.name, t.tries)
			}
		}
		if t.flying {
			flying++
		}
	}
	for _, t := range l.things {
		if flying < l.window && !t.flying && (!t.known || t.has != t.want) {
			t.flying, t.known, t.sent, t.seq, t.at = true, false, t.want, l.number(), now
			t.tries++
			flying++
			lines = message{seq: t.seq, word: t.word, rest: t.want}.append(lines)
		}
		if t.flying && (next.IsZero() || t.at.Add(resendAfter).Before(next)) {
			next = t.at.Add(resendAfter)
		}
	}
	return lines, next, nil
}

func (l *link) number() byte {
	l.seq++
	return l.seq
}

// errOther is a panel that was changed for another.
var errOther = errors.New("it is another panel now")

// receive takes a line and returns the changes of keys. An error is that the panel has to be
// opened anew.
func (l *link) receive(line []byte, now time.Time) ([]panel.Event, error) {
	m, err := parse(line)
	if err != nil {
		l.stats.Bad++
		return nil, nil //nolint:nilerr // noise: what is lost is sent again
	}
	l.stats.Received++
	l.heard = now
	l.changed = l.changed[:0]
	switch m.word {
	case "hello":
		err = l.greet(m.rest)
	case "ack":
		l.acknowledged(m.seq)
	case "nak":
		l.stats.Refused++
		l.stats.Refusal = m.rest
		l.acknowledged(m.seq) // it would refuse it again
	case "down", "up":
		l.acks = append(l.acks, m.seq)
		if len(l.acks) > maxAcks {
			l.acks = l.acks[1:] // the panel sends again
		}
		l.key(panel.Key(m.rest), m.word == "down", now)
	case "alive":
		l.alive(m.rest, now)
	}
	return l.changed, err
}

// greet takes a hello. One that is not the first says that the panel was switched off and on,
// and shows nothing, or is the answer to one more of our questions. Which of its keys are down
// it is asked at once: a key that is held through several hellos is not let go.
func (l *link) greet(rest string) error {
	h, err := readHello(rest)
	if err != nil {
		return err
	}
	if l.hello != nil && !l.hello.equal(h) {
		return errOther
	}
	if l.hello != nil {
		l.pinged = time.Time{}
	}
	l.hello = &h
	for _, t := range l.things {
		t.known, t.flying, t.tries = false, false, 0
	}
	return nil
}

func (l *link) acknowledged(seq byte) {
	for _, t := range l.things {
		if t.flying && t.seq == seq {
			t.flying, t.known, t.has, t.tries = false, true, t.sent, 0
			l.window = maxWindow
		}
	}
}

// alive takes the list of keys that are down, which puts right what was lost.
func (l *link) alive(rest string, now time.Time) {
	if l.hello == nil {
		return
	}
	names, err := list(rest)
	if err != nil {
		return
	}
	for _, k := range l.hello.Keys {
		l.key(k, slices.Contains(names, string(k)), now)
	}
}

func (l *link) key(k panel.Key, down bool, now time.Time) {
	if l.hello == nil || l.held[k] == down || !slices.Contains(l.hello.Keys, k) {
		return
	}
	l.held[k] = down
	l.changed = append(l.changed, panel.Event{Key: k, Down: down, At: now})
}
