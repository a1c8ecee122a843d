package console

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// decode is all keys of some bytes.
func decode(text string) (all []key) {
	var d decoder
	for i := range len(text) {
		d.feed(text[i], func(k key) { all = append(all, k) })
	}
	return all
}

func TestKeys(t *testing.T) {
	for name, c := range map[string]struct {
		bytes string
		want  []key
	}{
		"CR LF is one Enter":                 {"a\r\nb\n\r", []key{'a', keyEnter, 'b', keyEnter, keyEnter}},
		"a break is no key":                  {"a\x00b", []key{'a', 'b'}},
		"arrows in both notations":           {"\x1b[A\x1bOB\x1b[1;5C", []key{keyUp, keyDown, keyWordRight}},
		"a terminal's answer is no text":     {"\x1b[?1;2cx", []key{'x'}},
		"a function key is no text":          {"\x1b[15~x", []key{'x'}},
		"UTF-8":                              {"ä😀", []key{'ä', '😀'}},
		"a character that is cut off":        {"\xc3x", []key{keyNoise, 'x'}},
		"bytes of no character":              {"\xff\x80", []key{keyNoise, keyNoise}},
		"a character that is not seen":       {"\u200b\ufeff", []key{keyNoise, keyNoise}},
		"an escape sequence broken by Enter": {"\x1b[12\rx", []key{keyEnter, 'x'}},
		"a sequence without an end":          {"\x1b[" + strings.Repeat("1", 16) + "x", []key{keyNoise, '1', 'x'}},
		"ESC pressed before a character":     {"\x1bq", []key{'q'}},
		"flow control that gets through":     {"\x11\x13x", []key{'x'}},
		"an Alt key":                         {"\x1bb\x1b\x7f", []key{keyWordLeft, keyEraseWord}},
	} {
		if got := decode(c.bytes); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// row is a terminal's row: it knows characters and backspace.
type row struct {
	cells []rune
	at    int
}

func (r *row) write(t *testing.T, text string) {
	for _, c := range text {
		if c == '\b' {
			r.at--
		} else {
			w := columns([]rune{c})
			for len(r.cells) < r.at+w {
				r.cells = append(r.cells, ' ')
			}
			if w > 0 {
				r.cells[r.at] = c
			}
			for i := 1; i < w; i++ {
				r.cells[r.at+i] = -1 // the second half of a wide one
			}
			r.at += w
		}
		if r.at < 0 {
			t.Fatal("left of the row")
		}
	}
}

// text is what somebody sees.
func (r *row) text() string {
	return strings.TrimRight(string(slices.DeleteFunc(slices.Clone(r.cells), func(c rune) bool { return c == -1 })), " ")
}

// checkRow says that a display shows what it should after any keys.
func checkRow(t *testing.T, typed string, width int) {
	d := display{prompt: "box> ", width: width}
	e := &editor{past: &history{lines: []string{"one", strings.Repeat("long ", 40)}}}
	r := &row{}
	r.write(t, d.fresh())
	for _, k := range decode(typed) {
		e.press(k)
		if !utf8.ValidString(string(e.line)) || e.pos < 0 || e.pos > len(e.line) || len(e.line) > maxLine {
			t.Fatalf("after %q: %q at %d", typed, string(e.line), e.pos)
		}
		r.write(t, d.render(e.line, e.pos))
		if len(r.cells) > width && width > 20 {
			t.Fatalf("%d columns of %d: %q", len(r.cells), width, r.text())
		}
		window, at := d.window(e.line, e.pos)
		marks := func(c rune) bool { return columns([]rune{c}) == 0 }
		want := strings.TrimRight("box> "+string(slices.DeleteFunc(slices.Clone(window), marks)), " ")
		if got := r.text(); got != want || r.at != 5+columns(window[:at]) {
			t.Fatalf("after %q: %q at %d, want %q at %d", typed, got, r.at, want, 5+columns(window[:at]))
		}
		if at > 0 && e.pos > d.start && window[at-1] != e.line[e.pos-1] {
			t.Fatalf("the cursor is not behind %q in %q", e.line[e.pos-1], string(window))
		}
	}
}

func TestTheRowShowsTheLine(t *testing.T) {
	keys := []string{"a", "b", " ", "word", "ä", "漢", "e\u0301", "\x1b[D", "\x1b[C", "\x7f", "\x17", "\x15", "\x0b", "\x01", "\x05", "\x1b[A", "\x1b[B", "\x1b[3~", "\x1bb", "\x1bf", "a long run of text"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var b strings.Builder
		for range 60 {
			b.WriteString(keys[random.IntN(len(keys))])
		}
		checkRow(t, b.String(), 20+random.IntN(80))
	}
}

func FuzzEditor(f *testing.F) {
	f.Add("dest\tpau \x1b[D\x7f\r", 80)
	f.Add("漢字e\u0301\x17\xff\x1b[1;", 21)
	f.Fuzz(func(t *testing.T, typed string, width int) {
		if len(typed) > 2000 {
			return
		}
		checkRow(t, typed, max(21, min(width, 500)))
	})
}

// FuzzLine has nothing that is typed disturb a session.
func FuzzLine(f *testing.F) {
	for _, line := range []string{"", "destination pause ", "show status", "help ", "set http", `dest "a`, "do show st", "terminal width 9999999999999999999", "terminal w -1", "machine", "conf commit confirmed"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		b := newBox()
		s := &session{console: New(b.options), term: newTerminal(newInput(), discard{}, 0), where: "fuzz"}
		if err := s.login(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.here, s.config = s.commands(), s.configCommands()
		for _, c := range []Candidate{nil, b.candidate} {
			s.candidate = c
			insert, show := s.complete(line)
			if insert != "" && show != "" || !utf8.ValidString(insert) && utf8.ValidString(line) {
				t.Errorf("%q: inserts %q and shows %q", line, insert, show)
			}
			if text := s.help(line); text == "" {
				t.Errorf("%q: no help", line)
			}
			_ = s.explain(strings.Fields(line))
			e := &editor{line: []rune(line)}
			e.pos = len(e.line)
			_ = e.asks()
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
