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
func (g grid) lay(v view) []line {
	out, foot, n := g.frame(v)
	out = append(out, g.body(v, n)...)
	for len(out)+len(foot)+big(out) < g.lines && len(foot) > 0 {
		out = append(out, line{})
	}
	return append(out, foot...)
}

// frame is what stands at the top and at the bottom, and how many lines are left between.
func (g grid) frame(v view) (head, foot []line, left int) {
	switch {
	case v.big != "" && g.pixels:
		text := v.big
		if g.lines > 4 {
			head = append(head, g.title(v))
		} else if 2*utf8.RuneCountInString(text)+1+utf8.RuneCountInString(v.corner) <= g.columns {
			text += "\t" + v.corner
		}
		head = append(head, line{text: text, big: true})
	case v.big != "":
		head = append(head, line{text: g.sides(row{left: v.big, right: v.corner})})
	case v.hasBar && g.lines <= 2:
		head = append(head, line{text: g.sides(row{left: v.barText})})
	case v.title != "":
		head = append(head, g.title(v))
	}
	left = g.lines - len(head) - big(head)
	foot = g.foot(v, left)
	return head, foot, left - len(foot)
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
	all, prose := g.contents(v, n)
	switch last := furthest(len(all), n, prose); {
	case len(all) <= n:
		return all
	case prose:
		first := min(max(v.scroll, 0), last)
		return marked(all[first:first+n], first > 0, first < last, g)
	default:
		first := (v.turn + v.scroll) % (last + 1) * n
		return all[first:min(first+n, len(all))]
	}
}

// contents are all lines of a body that has room for n. prose: they are scrolled line by
// line; else windows of them take turns.
func (g grid) contents(v view, n int) (all []line, prose bool) {
	wrapped := func(g grid, text string) {
		for _, l := range g.wrap(text) {
			all = append(all, line{text: l})
		}
	}
	wrapped(g, v.text)
	prose = len(all) > 0 && n > 1 && len(v.rows) == 0
	for _, r := range v.rows {
		all = append(all, line{text: g.sides(r)})
	}
	wrapped(g, v.below)
	if n == 1 && v.hint != "" && !v.hasBar {
		all = append(all, line{text: g.cut(v.hint)})
	}
	if prose && len(all) > n { // the signs that there is more have room of their own
		all = nil
		wrapped(grid{columns: g.columns - 2}, v.text+"\n"+v.below)
	}
	return all, prose
}

// furthest is the last scroll of so many lines in room for n.
func furthest(lines, n int, prose bool) int {
	switch {
	case n <= 0 || lines <= n:
		return 0
	case prose:
		return lines - n
	}
	return (lines+n-1)/n - 1
}

// scrolled is a view's scroll after a step, which goes neither before the first line nor
// behind the last.
func (g grid) scrolled(v view, step int) int {
	_, _, n := g.frame(v)
	all, prose := g.contents(v, n)
	return max(0, min(v.scroll+step, furthest(len(all), n, prose)))
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
	if n > 3 || n == 3 && !g.pixels { // characters have the sign of the cursor there
		out = append(out, line{})
	}
	room := max(0, n-len(out))
	if room > 0 && len(text) > room { // what does not fit takes turns
		windows := (len(text) + room - 1) / room
		text = text[v.turn%windows*room:]
	}
	for _, l := range text[:min(len(text), room)] {
		out = append(out, line{text: l})
	}
	return out
}

// sides writes a name at the left and a value at the right. What is too long is cut: the
// left to a third at least, then the right.
func (g grid) sides(r row) string {
	left, right := fold(r.left), g.noted(r)
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

// noted is a row's right, and of its note what there is room for beside the whole left.
func (g grid) noted(r row) string {
	const least = 4 // characters that a cut note has at least
	right, note := fold(r.right), fold(r.note)
	room := g.columns - utf8.RuneCountInString(fold(r.left)) - 1
	if right != "" {
		room -= utf8.RuneCountInString(right) + 1
	}
	if n := utf8.RuneCountInString(note); n == 0 || room < min(n, least) {
		return right
	}
	return strings.TrimSpace(right + " " + grid{columns: room}.cut(note))
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
