package console

import (
	"strings"
	"unicode"
)

// display shows a line that is being typed on one row of any terminal: it needs
// nothing but characters and backspace. What is longer than the row scrolls.
type display struct {
	prompt string
	width  int    // columns of the terminal
	shown  []rune // behind the prompt
	at     int    // where in shown the cursor is
	start  int    // of the line: the first character that is in the row
}

// fresh begins a row: what it returns is the prompt.
func (d *display) fresh() string {
	d.shown, d.at = nil, 0
	return d.prompt
}

// render is what makes the row show the line, with the cursor at pos.
func (d *display) render(line []rune, pos int) string {
	next, cursor := d.window(line, pos)
	same := 0
	for same < len(next) && same < len(d.shown) && next[same] == d.shown[same] {
		same++
	}
	for same > 0 && same < len(next) && columns(next[same:same+1]) == 0 {
		same-- // a mark belongs to the character before
	}
	var b strings.Builder
	if same < len(next) || same < len(d.shown) {
		d.step(&b, same)
		b.WriteString(string(next[same:]))
		less := max(0, columns(d.shown[same:])-columns(next[same:]))
		b.WriteString(strings.Repeat(" ", less) + strings.Repeat("\b", less))
		d.at = len(next)
	}
	d.shown = next
	d.step(&b, cursor)
	return b.String()
}

// step moves the cursor within what is shown.
func (d *display) step(b *strings.Builder, to int) {
	if to < d.at {
		b.WriteString(strings.Repeat("\b", columns(d.shown[to:d.at])))
	} else {
		b.WriteString(string(d.shown[d.at:to]))
	}
	d.at = to
}

// window is the part of the line that fits, and where in it the cursor is.
func (d *display) window(line []rune, pos int) ([]rune, int) {
	room := max(8, d.width-columns([]rune(d.prompt))-1)
	if columns(line) <= room {
		d.start = 0
		return append([]rune(nil), line...), pos
	}
	room -= 2 // the marks of what is left out
	d.start = min(d.start, len(line))
	if pos < d.start || columns(line[d.start:pos]) > room {
		for d.start = pos; d.start > 0 && columns(line[d.start:pos]) < room/2; {
			d.start--
		}
	}
	end := d.start
	for used := 0; end < len(line); end++ {
		if used += columns(line[end : end+1]); used > room {
			break
		}
	}
	var row []rune
	if d.start > 0 {
		row = append(row, '<')
	}
	cursor := len(row) + pos - d.start
	row = append(row, line[d.start:end]...)
	if end < len(line) {
		row = append(row, '>')
	}
	return row, cursor
}

// columns is how much room text takes on a terminal.
func columns(text []rune) (n int) {
	for _, r := range text {
		switch {
		case r < 0x300:
			n++
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case r >= 0x1100 && unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana), r >= 0xff01 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
			n += 2
		default:
			n++
		}
	}
	return n
}
