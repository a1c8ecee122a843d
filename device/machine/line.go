package machine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/encoderbox/encoderbox/device/control"
)

// message is a line of the client's.
type message struct {
	verb string // in capitals
	id   string // of DO and CANCEL
	rest string // behind it
}

// maxID bounds the name that a client gives to a command.
const maxID = 32

// verbs are what a client may say; true: with an id.
var verbs = map[string]bool{
	"AUTH": false, "HELLO": false, "SET": false, "STATE": false, "DO": true,
	"CANCEL": true, "PING": false, "PONG": false, "EXIT": false,
}

// parse reads a line without its end. The message has an id as soon as one could be
// read, also with an error.
func parse(line string) (m message, err error) {
	if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
		return m, errors.New("bytes that are no text: noise, or another bit rate")
	}
	verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	m.verb, m.rest = strings.ToUpper(verb), strings.TrimSpace(rest)
	named, known := verbs[m.verb]
	switch {
	case !known:
		return m, fmt.Errorf("there is no %.20q: expected DO, CANCEL, SET, STATE, PING, HELLO or EXIT", verb)
	case m.rest != "" && (m.verb == "HELLO" || m.verb == "STATE"):
		return m, fmt.Errorf("%s has nothing behind it: does the line echo?", m.verb)
	case !named:
		return m, nil
	}
	id, rest, _ := strings.Cut(m.rest, " ")
	if !isID(id) {
		return m, fmt.Errorf("%s needs an id of 1 to %d letters, digits, and . _ -", m.verb, maxID)
	}
	m.id, m.rest = id, strings.TrimSpace(rest)
	return m, nil
}

func isID(id string) bool {
	return id != "" && len(id) <= maxID && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '.' && r != '_' && (r != '-' || id == "-")
	})
}

// request is what a DO asks for: as on the console, or as a control.Request in JSON.
func request(t *control.Table, text string) (r control.Request, err error) {
	if !strings.HasPrefix(text, "{") {
		words, open := control.Words(text)
		if open {
			return r, control.Errorf(control.Usage, "a quote is not closed, or nothing follows a backslash")
		}
		return t.Read(words)
	}
	if err := strict(text, &r); err != nil {
		return r, control.Errorf(control.Usage, "the body is no request: %v", err)
	}
	return r, nil
}

// strict is json.Unmarshal that knows all keys.
func strict(text string, to any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON")
	}
	return nil
}

// ascii is a value as JSON without anything but ASCII.
func ascii(v any) string {
	doc, err := json.Marshal(v)
	if err != nil {
		return `{"error":"the box cannot encode this"}`
	}
	return escape(string(doc))
}

// escape makes ASCII of JSON.
func escape(doc string) string {
	plain := true
	for i := range len(doc) {
		plain = plain && doc[i] < 0x7f
	}
	if plain {
		return doc
	}
	var b strings.Builder
	for _, r := range doc {
		switch {
		case r < 0x7f:
			b.WriteByte(byte(r))
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// crcLen is what sum adds to a line.
const crcLen = 9

// sum is the end of a line with a check: its CRC-32 (IEEE 802.3).
func sum(line string) string {
	return fmt.Sprintf("*%08X", crc32.ChecksumIEEE([]byte(line)))
}

// checked is a line without its check, if that is right.
func checked(line string) (string, bool) {
	if len(line) < crcLen {
		return line, false
	}
	head, tail := line[:len(line)-crcLen], line[len(line)-crcLen:]
	return head, strings.EqualFold(tail, sum(head))
}

var errTooLong = errors.New("the line is too long")

// lineReader cuts what comes into lines. It finds back at the next end of a line.
type lineReader struct {
	r     io.Reader
	limit int
	heard func() // told whenever something came
	buf   []byte // read and not yet cut
	skip  bool   // the rest of a line that is too long
	err   error
}

// next is a line without its end, errTooLong for one that was dropped, or why there
// are no more. What stands before the end of the connection without a newline is none.
func (l *lineReader) next() (string, error) {
	chunk := make([]byte, 2<<10)
	from := 0
	for {
		if i := bytes.IndexAny(l.buf[from:], "\n\r"); i >= 0 {
			line, whole := string(l.buf[:from+i]), !l.skip
			l.buf = l.buf[from+i+1:]
			l.skip = false
			if !whole || len(line) > l.limit {
				return "", errTooLong
			}
			return line, nil
		}
		from = len(l.buf)
		if from > l.limit {
			l.skip, l.buf, from = true, nil, 0
		}
		if l.err != nil {
			return "", l.err
		}
		var n int
		n, l.err = l.r.Read(chunk)
		l.buf = append(l.buf, chunk[:n]...)
		switch {
		case n > 0:
			l.heard()
		case l.err == nil: // a serial port whose read timed out, at best
			time.Sleep(time.Millisecond)
		}
	}
}

// rest is what was read behind the last line.
func (l *lineReader) rest() []byte {
	if len(l.buf) > 0 && l.buf[0] == '\n' { // of a \r\n
		return l.buf[1:]
	}
	return l.buf
}
