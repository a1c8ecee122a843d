package control

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// unknown is the error of words that are no command, with what may have been meant: the
// command that is spelled nearly so, else how the depth words that are right go on in
// left, else the commands that end as somebody begins who knows other boxes: reboot.
func (t *Table) unknown(words []string, left []Command, depth int) *Error {
	e := Errorf(Unknown, "there is no command %q", clip(strings.Join(words, " ")))
	if len(words) == 0 {
		return e
	}
	if c, ok := t.nearest(words); ok {
		e.Hint = c.Synopsis()
		return e
	}
	if depth > 0 {
		e.Hint = list(left)
		return e
	}
	e.Hint = list(slices.DeleteFunc(t.Commands(), func(c Command) bool {
		name := strings.Fields(c.Name)
		return len(name) == 1 || name[len(name)-1] != strings.ToLower(words[0])
	}))
	return e
}

// nearest is the command that typed words are the misspelled name of.
func (t *Table) nearest(words []string) (nearest Command, ok bool) {
	const most, share = 3, 4 // mistakes: three, and one in four characters
	best := most + 1
	for _, c := range t.commands {
		typed := strings.Join(words[:min(len(strings.Fields(c.Name)), len(words))], " ")
		limit := min(best, max(1, len(c.Name)/share)+1)
		if d := distance(typed, c.Name, limit); d < limit {
			best, nearest, ok = d, c, true
		}
	}
	return nearest, ok
}

// distance is how many characters are wrong, missing, too many, or change places with
// the next one (optimal string alignment); at most is the answer for all that is further.
func distance(a, b string, atMost int) int {
	if n := utf8.RuneCountInString(a) - utf8.RuneCountInString(b); n >= atMost || -n >= atMost {
		return atMost
	}
	x, y := []rune(a), []rune(b)
	rows := [3][]int{make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := range x {
		last, row := rows[i%3], rows[(i+1)%3]
		row[0] = i + 1
		for j := range y {
			d := last[j]
			if x[i] != y[j] {
				d = min(d, last[j+1], row[j]) + 1
			}
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				d = min(d, rows[(i+2)%3][j-1]+1)
			}
			row[j+1] = d
		}
	}
	return min(rows[len(x)%3][len(y)], atMost)
}
