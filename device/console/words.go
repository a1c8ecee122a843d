package console

import (
	"fmt"
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/device/control"
)

// candidates are the ways in which a line may go on.
func (s *session) candidates(before string) (typed string, all []control.Completion) {
	words, _ := control.Words(before)
	if len(words) == 0 || !inQuotes(before) && strings.HasSuffix(before, " ") {
		words = append(words, "")
	}
	tables := s.tables()
	if all, ok := s.configCandidates(words); ok {
		return begun(before), all
	}
	if s.candidate != nil && len(words) > 1 && words[0] == "do" {
		words, tables = words[1:], []*control.Table{s.console.options.Table}
	}
	for _, t := range tables {
		for _, c := range t.Complete(s.by, words) {
			if !slices.ContainsFunc(all, func(have control.Completion) bool { return have.Word == c.Word && c.Word != "" }) {
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b control.Completion) int {
		if len(words) > 1 {
			return 0 // values come in an order of their own
		}
		return strings.Compare(a.Word, b.Word)
	})
	return begun(before), all
}

// begun is the word that is being typed, as it was typed.
func begun(before string) string {
	start := 0
	var q quoting
	for i, r := range before {
		if (r == ' ' || r == '\t') && !q.open() {
			start = i + 1
		}
		q.next(r)
	}
	return before[start:]
}

// complete is what TAB does: it inserts what is the same in all ways to go on, or
// shows them. What nobody can type, such as a file's name with an escape sequence, is
// none.
func (s *session) complete(before string) (insert, show string) {
	typed, all := s.candidates(before)
	all = slices.DeleteFunc(all, func(c control.Completion) bool { return !strings.HasPrefix(c.Word, typed) || clean(c.Word) != c.Word })
	if len(all) == 0 {
		return "", ""
	}
	common := all[0].Word
	for _, c := range all[1:] {
		for !strings.HasPrefix(c.Word, common) {
			common = common[:len(common)-1]
		}
	}
	common = strings.ToValidUTF8(common, "")
	switch {
	case len(all) == 1 && !strings.HasSuffix(common, "."): // a path that ends so goes on
		return common[len(typed):] + " ", ""
	case len(common) > len(typed):
		return common[len(typed):], ""
	case len(all) == 1:
		return "", ""
	}
	var names []string
	for _, c := range all {
		names = append(names, c.Word)
	}
	return "", inColumns(names, s.term.row.width)
}

// help is what ? shows: how the line may go on, with what it means.
func (s *session) help(before string) string {
	_, all := s.candidates(before)
	var b strings.Builder
	wide := 0
	for _, c := range all {
		wide = max(wide, columns([]rune(c.Word)))
	}
	wide = min(wide, s.term.row.width/2)
	for _, c := range all {
		b.WriteString("  " + cut(fmt.Sprintf("%-*s  %s", wide, c.Word, c.Help), s.term.row.width-3) + "\n")
	}
	if len(all) == 0 {
		return s.synopsis(before)
	}
	return b.String()
}

// synopsis says how the command of a line is typed, where nothing can be offered.
func (s *session) synopsis(before string) string {
	words, _ := control.Words(before)
	table, r, err := read(words, s.tables())
	if err != nil {
		return "  nothing begins like that here; ? on an empty line lists what there is\n"
	}
	c, _ := table.Find(r.Command)
	return "  " + c.Synopsis() + ": " + c.Help + "\n"
}

// inColumns lays short words out.
func inColumns(words []string, width int) string {
	wide := 0
	for _, w := range words {
		wide = max(wide, columns([]rune(w)))
	}
	per := max(1, (width-1)/(wide+2))
	var b strings.Builder
	for i, w := range words {
		b.WriteString(w)
		if i%per == per-1 || i == len(words)-1 {
			b.WriteString("\n")
		} else {
			b.WriteString(strings.Repeat(" ", wide+2-columns([]rune(w))))
		}
	}
	return b.String()
}

// explain is the long help of commands whose names begin with words, or of all.
func (s *session) explain(words []string) string {
	var found []control.Command
	for _, t := range s.tables() {
		for _, c := range t.Of(s.by) {
			if begins(strings.Fields(c.Name), words) {
				found = append(found, c)
			}
		}
	}
	slices.SortFunc(found, func(a, b control.Command) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	if len(found) == 1 {
		c := found[0]
		fmt.Fprintf(&b, "%s\n  %s.\n", c.Synopsis(), c.Help)
		for _, a := range c.Args {
			fmt.Fprintf(&b, "  %-12s %s\n", strings.ToUpper(a.Name), argHelp(a))
		}
		return b.String()
	}
	for _, c := range found {
		b.WriteString(cut(fmt.Sprintf("%-*s  %s", control.Listed, c.Brief(), c.Help), s.term.row.width-1) + "\n")
	}
	if len(words) == 0 {
		b.WriteString("\nWords may be cut short. TAB completes, ? shows how a line may go on, ^C drops it.\nhelp COMMAND explains one.\n")
	}
	return b.String()
}

func argHelp(a control.Arg) string {
	text := a.Help
	if a.Unit != "" {
		text += ", in " + a.Unit
	}
	if a.Min != 0 || a.Max != 0 {
		text += fmt.Sprintf(", %d to %d", a.Min, a.Max)
	}
	switch {
	case a.Default != "":
		text += " (" + a.Default + " if left out)"
	case a.Optional:
		text += " (may be left out)"
	}
	return text
}

// begins says that a name begins with typed words, each maybe cut short.
func begins(name, typed []string) bool {
	if len(typed) > len(name) {
		return false
	}
	for i, w := range typed {
		if !strings.HasPrefix(name[i], w) {
			return false
		}
	}
	return true
}
