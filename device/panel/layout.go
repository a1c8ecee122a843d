package panel

import (
	"strings"
	"unicode/utf8"
)

// line is a line of a screen, of characters or pixels.
type line struct {
	text    string
	inverse bool    // light background
	big     bool    // twice as large: takes two lines
	bar     bool    // a bar instead of text
	done    float64 // of the bar; below 0 it wanders
	cursor  int     // 1 + the column of the character that is being changed; 0: none
}

// grid is what a display has room for.
type grid struct {
	columns, lines int
	pixels         bool // has large characters and inverse lines
}

// lay lays a view out. It returns grid.lines lines at most, of at most grid.columns
// characters.
func (g grid) lay(v view) (out []line) {
	left := g.lines
	add := func(l line) {
		out = append(out, l)
		left--
	}
	switch {
	case v.big != "" && g.pixels:
		if left > 4 {
			add(g.title(v))
		}
		text := v.big
		if left <= 4 && 2*utf8.RuneCountInString(text)+1+utf8.RuneCountInString(v.corner) <= g.columns {
			text += "\t" + v.corner
		}
		add(line{text: text, big: true})
		left--
	case v.big != "":
		add(line{text: g.sides(row{left: v.big, right: v.corner})})
	case v.hasBar && left <= 2:
		add(line{text: g.sides(row{left: v.barText})})
	case v.title != "":
		add(g.title(v))
	}
	foot := g.foot(v, left)
	left -= len(foot)
	out = append(out, g.body(v, left)...)
	for len(out)+len(foot)+big(out) < g.lines && len(foot) > 0 {
		out = append(out, line{})
	}
	return append(out, foot...)
}

// big is how many lines are large.
func big(lines []line) (n int) {
	for _, l := range lines {
		if l.big {
			n++
		}
	}
	return n
}

func (g grid) title(v view) line {
	return line{text: g.sides(row{left: v.title, right: v.corner}), inverse: true}
}

// foot is what stands at the bottom: a bar with its text, or a hint. On two lines, hints
// are among what takes turns in the body.
func (g grid) foot(v view, left int) (foot []line) {
	if v.hasBar {
		if left > 2 && v.barText != "" && v.barText != v.text {
			foot = append(foot, line{text: g.cut(v.barText)})
		}
		return append(foot, line{bar: true, done: v.bar})
	}
	if v.hint != "" && left > 1 {
		return []line{{text: g.cut(v.hint)}}
	}
	return nil
}

func (g grid) body(v view, n int) []line {
	switch {
	case n <= 0:
		return nil
	case v.menu:
		return g.menu(v, n)
	case v.edit != "":
		return g.editor(v, n)
	}
	var all []line
	for _, l := range g.wrap(v.text) {
		all = append(all, line{text: l})
	}
	prose := len(all)
	for _, r := range v.rows {
		all = append(all, line{text: g.sides(r)})
	}
	for _, l := range g.wrap(v.below) {
		all = append(all, line{text: l})
	}
	if n == 1 && v.hint != "" && !v.hasBar {
		all = append(all, line{text: g.cut(v.hint)})
	}
	if len(all) <= n {
		return all
	}
	if prose > 0 && n > 1 && len(v.rows) == 0 {
		narrow := grid{columns: g.columns - 2} // the signs that there is more have room of their own
		all = nil
		for _, l := range narrow.wrap(v.text + "\n" + v.below) {
			all = append(all, line{text: l})
		}
		first := min(max(v.scroll, 0), len(all)-n)
		return marked(all[first:first+n], first > 0, first+n < len(all), g)
	}
	windows := (len(all) + n - 1) / n
	first := (v.turn + v.scroll) % windows * n
	return all[first:min(first+n, len(all))]
}

// marked shows at the right edge that there is more above and below.
func marked(lines []line, above, below bool, g grid) []line {
	out := append([]line(nil), lines...)
	mark := func(i int, up, down string) {
		if !g.pixels {
			up, down = "^", "v"
		}
		sign := down
		if i == 0 {
			sign = up
		}
		out[i].text = pad(out[i].text, g.columns-1) + sign
	}
	if above {
		mark(0, "↑", "↓")
	}
	if below {
		mark(len(out)-1, "↑", "↓")
	}
	return out
}

func (g grid) menu(v view, n int) (out []line) {
	first := 0
	if len(v.rows) > n {
		first = min(max(v.selected-n/2, 0), len(v.rows)-n)
	}
	for i := first; i < min(first+n, len(v.rows)); i++ {
		l := line{inverse: i == v.selected && g.pixels}
		mark := " "
		if i == v.selected && !g.pixels {
			mark = ">"
		}
		narrow := grid{columns: g.columns - 1}
		l.text = mark + narrow.sides(v.rows[i])
		out = append(out, l)
	}
	return out
}

// editor shows the value that is being entered, and around it what v.text says.
func (g grid) editor(v view, n int) (out []line) {
	value := []rune(v.edit)
	first := 0
	if len(value) > g.columns {
		first = min(max(v.cursor-g.columns/2, 0), len(value)-g.columns)
		value = value[first : first+g.columns]
	}
	text := g.wrap(v.text)
	if n > 3 {
		out = append(out, line{})
	}
	out = append(out, line{text: string(value), cursor: v.cursor - first + 1})
	if n > 3 {
		out = append(out, line{})
	}
	for _, l := range text[:max(0, min(len(text), n-len(out)))] {
		out = append(out, line{text: l})
	}
	return out
}

// sides writes a name at the left and a value at the right. What is too long is cut: the
// left to a third at least, then the right.
func (g grid) sides(r row) string {
	left, right := fold(r.left), fold(r.right)
	ll, lr := utf8.RuneCountInString(left), utf8.RuneCountInString(right)
	switch {
	case lr == 0:
		return g.cut(left)
	case r.whole && ll+1+lr > g.columns:
		if lr+3 > g.columns {
			return g.cut(right)
		}
		left = grid{columns: g.columns - 1 - lr}.cut(left)
		ll = utf8.RuneCountInString(left)
	}
	if ll+1+lr > g.columns {
		least := ll
		if r.wide {
			least = min(ll, max(g.columns/3, 1))
		}
		most := max(g.columns-1-lr, least)
		left = grid{columns: min(most, g.columns)}.cut(left)
		ll = utf8.RuneCountInString(left)
		if room := g.columns - 1 - ll; room > 0 {
			right = grid{columns: room}.cut(right)
		} else {
			right = ""
		}
		lr = utf8.RuneCountInString(right)
	}
	return left + strings.Repeat(" ", max(g.columns-ll-lr, 0)) + right
}

// cut shortens text to a line, with a sign that it was.
func (g grid) cut(text string) string {
	runes := []rune(fold(text))
	if len(runes) <= g.columns {
		return string(runes)
	}
	if g.columns < 4 {
		return string(runes[:max(g.columns, 0)])
	}
	return strings.TrimRight(string(runes[:g.columns-1]), " ") + "~"
}

func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(columns-utf8.RuneCountInString(text), 0))
}

// wrap breaks prose into lines, between words where they are short enough.
func (g grid) wrap(text string) (lines []string) {
	g.columns = max(g.columns, 1)
	for paragraph := range strings.SplitSeq(text, "\n") {
		current := ""
		for _, word := range strings.Fields(fold(paragraph)) {
			for {
				sep := ""
				if current != "" {
					sep = " "
				}
				room := g.columns - len(current) - len(sep)
				if len(word) <= room {
					current += sep + word
					break
				}
				if len(word) > g.columns && (room > 3 || current == "") {
					current += sep + word[:room]
					word = word[room:]
				}
				lines = append(lines, current)
				current = ""
			}
		}
		if current != "" {
			lines = append(lines, current)
		}
	}
	return lines
}
