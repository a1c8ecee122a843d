package machine

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func read(r io.Reader, limit int) (lines []string) {
	l := &lineReader{r: r, limit: limit, heard: func() {}}
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, errTooLong):
			lines = append(lines, "TOO LONG")
		case err != nil:
			return lines
		default:
			lines = append(lines, line)
		}
	}
}

func TestLines(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                  nil,
		"no end":                            nil,
		"a\nb\r\n\nc":                       {"a", "b", "", ""},
		"12345678\n123456789\nx\n":          {"12345678", "TOO LONG", "x"},
		strings.Repeat("y", 9000) + "\nx\n": {"TOO LONG", "x"},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
			if got := read(r, 8); !slices.Equal(got, want) {
				t.Errorf("%.20q %s: %q, want %q", text, name, got, want)
			}
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"DO 17 destination pause name=youtube", `DO 1 {"command":"reset","confirmed":1}`, "SET {\"crc\":true}*00000000", "HELLO", "PING \x00", "\xff\r\nEXIT\n"} {
		f.Add(s)
	}
	s, _, _ := stand(&testing.T{})
	f.Fuzz(func(t *testing.T, text string) {
		whole, bytewise := read(strings.NewReader(text), 64), read(iotest.OneByteReader(strings.NewReader(text)), 64)
		if !slices.Equal(whole, bytewise) {
			t.Errorf("%q in one: %q, byte by byte: %q", text, whole, bytewise)
		}
		for _, line := range append(whole, text) {
			if back, ok := checked(line + sum(line)); !ok || back != line {
				t.Errorf("%q is not its own check", line)
			}
			m, err := parse(line)
			if err == nil && verbs[m.verb] && !isID(m.id) {
				t.Errorf("%q: id %q", line, m.id)
			}
			if m.verb == "DO" {
				_, _ = request(s.Table, m.rest)
			}
			for _, b := range []byte(ascii(line)) {
				if b < ' ' || b > '~' {
					t.Errorf("%q is told as %q", line, ascii(line))
				}
			}
		}
	})
}
