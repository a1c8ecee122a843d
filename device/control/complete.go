package control

import (
	"slices"
	"strings"
)

// Completion is one way for a line to go on.
type Completion struct {
	// Word replaces the word that is being typed, quoted as needed.
	Word string
	Help string
}

// Complete says how the words of a line may go on, for a caller: the last word is the
// one that is being typed, "" behind a space. It is fast enough for each key.
func (t *Table) Complete(by Caller, words []string) []Completion {
	if len(words) == 0 {
		words = []string{""}
	}
	typed := words[len(words)-1]
	if c, rest, err := t.match(words[:len(words)-1]); err == nil {
		if !c.open(by) {
			return nil // its values tell of the state
		}
		return t.completeArg(c, rest, typed)
	}
	var all []Completion
	depth := len(words) - 1
	for _, c := range t.Of(by) {
		name := strings.Fields(c.Name)
		if depth >= len(name) || !strings.HasPrefix(name[depth], typed) || !begins(name, words[:depth]) {
			continue
		}
		next := Completion{Word: name[depth], Help: c.Help}
		if n := len(all); n > 0 && all[n-1].Word == next.Word {
			all[n-1].Help = t.further(by, name[:depth+1])
			continue
		}
		if depth < len(name)-1 {
			next.Help = c.Name + ": " + c.Help
		}
		all = append(all, next)
	}
	return all
}

// further are the words that several commands go on with behind the first ones.
func (t *Table) further(by Caller, first []string) string {
	var all []string
	for _, c := range t.Of(by) {
		if name := strings.Fields(c.Name); len(name) > len(first) && slices.Equal(name[:len(first)], first) && !slices.Contains(all, name[len(first)]) {
			all = append(all, name[len(first)])
		}
	}
	return strings.Join(all, ", ")
}

// begins says that typed words stand for the first ones of a name.
func begins(name, typed []string) bool {
	for i, w := range typed {
		if !strings.HasPrefix(name[i], w) {
			return false
		}
	}
	return true
}

func (t *Table) completeArg(c Command, rest []string, typed string) (all []Completion) {
	r := Request{Args: map[string]string{}}
	free := slices.Clone(c.Args)
	take := func(name, value string) {
		r.Args[name] = value
		free = slices.DeleteFunc(free, func(a Arg) bool { return a.Name == name })
	}
	for _, w := range rest {
		if name, value, ok := strings.Cut(w, "="); ok && c.arg(name) != nil {
			take(name, value)
		} else if len(free) > 0 {
			take(free[0].Name, w)
		}
	}
	if len(free) == 0 {
		return nil
	}
	prefix, a := "", free[0]
	if name, value, ok := strings.Cut(typed, "="); ok && c.arg(name) != nil {
		prefix, typed, a = name+"=", value, *c.arg(name)
	}
	for _, v := range a.completions(t.snapshot(), r.Args, typed) {
		all = append(all, Completion{Word: Quote(prefix + v), Help: a.Help})
	}
	if len(all) == 0 && typed == "" {
		return []Completion{{Help: strings.ToUpper(a.Name) + ": " + a.Help}}
	}
	return all
}
