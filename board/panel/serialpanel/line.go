package serialpanel

import (
	"errors"
	"fmt"
	"strings"

	"github.com/encoderbox/encoderbox/board/panel"
)

// maxLine is the longest line, without its end. What is longer is noise.
const maxLine = 240

// message is a line's content: "2a text 0 Hello*9c41".
type message struct {
	seq  byte
	word string
	rest string // behind the word's space
}

// append appends the message as a line.
func (m message) append(line []byte) []byte {
	from := len(line)
	line = fmt.Appendf(line, "%02x %s", m.seq, m.word)
	if m.rest != "" {
		line = append(append(line, ' '), m.rest...)
	}
	return fmt.Appendf(line, "*%04x\n", checksum(line[from:]))
}

// The ways in which a line is no message.
var (
	errLength   = errors.New("too short or too long")
	errBytes    = errors.New("bytes that are not printable ASCII")
	errChecksum = errors.New("wrong checksum")
	errForm     = errors.New("not of the form SEQ WORD ARGUMENTS*CRC")
)

// parse reads a line without its end.
func parse(line []byte) (m message, err error) {
	const shortest = len("00 x*0000")
	if len(line) < shortest || len(line) > maxLine {
		return m, errLength
	}
	for _, c := range line {
		if c < ' ' || c > '~' {
			return m, errBytes
		}
	}
	body, sum := line[:len(line)-5], line[len(line)-5:]
	crc, ok := number(string(sum[1:]))
	if !ok || sum[0] != '*' {
		return m, errForm
	}
	if uint16(crc) != checksum(body) {
		return m, errChecksum
	}
	seq, ok := number(string(body[:2]))
	if !ok || body[2] != ' ' {
		return m, errForm
	}
	word, rest, _ := strings.Cut(string(body[3:]), " ")
	if word == "" {
		return m, errForm
	}
	return message{seq: byte(seq), word: word, rest: rest}, nil
}

// number reads hexadecimal digits, of both cases and nothing else.
func number(digits string) (n int, ok bool) {
	for _, c := range []byte(digits) {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | int(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | int(c-'a'+10)
		case c >= 'A' && c <= 'F':
			n = n<<4 | int(c-'A'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// checksum is CRC-16/CCITT-FALSE: polynomial 0x1021, begun with 0xffff.
func checksum(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// splitter makes lines of what comes in. Noise costs the line that it falls into.
type splitter struct {
	line []byte
	over bool // longer than a line may be: passed over to its end
}

// feed calls f with each line that b completes, without its end.
func (s *splitter) feed(b []byte, f func(line []byte)) {
	for _, c := range b {
		switch {
		case c == '\n':
			line := s.line
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			if s.over || len(line) > 0 {
				f(line)
			}
			s.line, s.over = s.line[:0], false
		case s.over:
		case len(s.line) > maxLine:
			s.line, s.over = s.line[:0], true // an empty line is no message either
		default:
			s.line = append(s.line, c)
		}
	}
}

// escape makes text fit for a line, of at most columns characters: printable ASCII, and, for a
// panel that asked for it, UTF-8 in escapes.
func escape(text string, columns int, utf8 bool) string {
	var full, plain strings.Builder
	n := 0
	for _, r := range text {
		if n == columns {
			break
		}
		n++
		c := panel.ASCII(r)
		quote(&plain, c)
		switch {
		case rune(c) == r:
			quote(&full, c)
		default:
			for _, b := range []byte(string(r)) {
				fmt.Fprintf(&full, "%%%02x", b)
			}
		}
	}
	const room = maxLine - len("00 text 00 *0000")
	if utf8 && full.Len() <= room {
		return strings.TrimRight(full.String(), " ")
	}
	return strings.TrimRight(plain.String(), " ")
}

func quote(s *strings.Builder, c byte) {
	if c == '%' || c == '*' {
		fmt.Fprintf(s, "%%%02x", c)
		return
	}
	s.WriteByte(c)
}

// pack writes columns of pixels as hexadecimal digits, runs of the same as ~ with their
// length.
func pack(columns []byte) string {
	var s strings.Builder
	for i := 0; i < len(columns); {
		n := 1
		for i+n < len(columns) && columns[i+n] == columns[i] && n < 255 {
			n++
		}
		switch {
		case n > 2:
			fmt.Fprintf(&s, "~%02x%02x", n, columns[i])
		default:
			for range n {
				fmt.Fprintf(&s, "%02x", columns[i])
			}
		}
		i += n
	}
	return s.String()
}
