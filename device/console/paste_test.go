package console

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// TABs of a paste are its indentation; the key completes.
func TestPastedTabsAreSpaces(t *testing.T) {
	for name, typed := range map[string][]string{
		"in one piece":          {"\tdes\tpau\tyoutube\t\r"},
		"in a terminal's marks": {"\x1b[200~", "\tdes\t", "pau\tyoutube\t", "\r\x1b[201~"},
		"as a slow line has it": strings.Split("\tdes\tpau\tyoutube\r", ""),
		"as an adapter has it":  {"\tdes", "\tp", "au\t", "youtube\r"},
		"after a marked one":    {"\x1b[200~dest pau x\x1b[201~\x15dest\tpau\tyoutube\r"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *box, p *person) {
				for _, piece := range typed {
					p.types(piece)
					time.Sleep(16 * time.Millisecond)
				}
				p.sees("It is youtube\r\n")
				p.sees("box> ")
				p.types("des\t").sees("destination ") // the key is one again
				p.types("\x03").sees("^C")
			})
		})
	}
}

func TestAMarkedPasteAsksForNoHelp(t *testing.T) {
	inBubble(t, func(t *testing.T, b *box, p *person) {
		p.types("\x1b[200~dest pau why?\r\x1b[201~").sees("It is why?")
		p.types("\x1b[200~dest pau \x03").sees("^C") // the end of the marks is lost
		p.types("des\t").sees("destination ")
		p.types("\x15update\r").sees("10%")
		p.types("\x1b[200~des\x03").sees("you pressed ^C")
		p.types("des\t").sees("destination ")
	})
}

// A line as long as lines are is completed at once.
func TestCompletionOfALongLineIsLinear(t *testing.T) {
	for name, line := range map[string]string{
		"blanks": strings.Repeat(" ", 1<<20), "quoted": `"` + strings.Repeat(" ", 1<<20), "words": strings.Repeat("a ", 1<<19),
	} {
		done := make(chan string, 1)
		go func() { done <- begun(line + "x") }()
		select {
		case got := <-done:
			if want := map[string]string{"blanks": "x", "words": "x", "quoted": line + "x"}[name]; got != want {
				t.Errorf("%s: %d characters, want %d", name, len(got), len(want))
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: it goes on for ever", name)
		}
	}
}

// FuzzSession has anything come over a line that ends.
func FuzzSession(f *testing.F) {
	for _, s := range []string{"\x1b[200~des\tp\r", "reset\ry\ry\r", "conf\rset http.listen :90\rcommit\rexit\r", "update\r\x03", "monitor\rq", "show lines\r q", "machine\nENDshow status\r", "terminal dumb\rhelp\r", "user password ada\ra\ra\r", "watch events\r\x04"} {
		f.Add([]byte(s), byte(3))
	}
	f.Fuzz(func(t *testing.T, typed []byte, piece byte) {
		synctest.Test(t, func(t *testing.T) {
			line := &tape{typed: append([]byte{'\r'}, typed[:min(len(typed), 400)]...), piece: max(1, int(piece))}
			if err := New(newBox().options).Run(t.Context(), "fuzz", line); err == nil {
				t.Error("no end")
			}
			// A program in the line's hands may write what it likes.
			if ours, _, _ := strings.Cut(line.shown.String(), "READY"); !utf8.ValidString(ours) {
				t.Errorf("%q is shown", line.shown.String())
			}
		})
	})
}

// tape is a line on which something was typed, in pieces.
type tape struct {
	typed []byte
	piece int
	shown strings.Builder
}

func (l *tape) Read(p []byte) (int, error) {
	if len(l.typed) == 0 {
		time.Sleep(time.Minute)
		return 0, io.EOF
	}
	time.Sleep(30 * time.Millisecond)
	n := copy(p, l.typed[:min(l.piece, len(l.typed))])
	l.typed = l.typed[n:]
	return n, nil
}

func (l *tape) Write(p []byte) (int, error) { return l.shown.Write(p) }
func (l *tape) Close() error                { return nil }
