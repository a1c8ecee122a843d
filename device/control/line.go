package control

import (
	"fmt"
	"slices"
	"strings"
)

// Words splits a typed line as a shell does: spaces part words, quotes of both kinds
// hold them together, and a backslash takes the next character as it is. open says
// that a quote or a backslash waits for more.
func Words(line string) (words []string, open bool) {
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '"' || r == '\'':
			quote, inWord = r, true
		case r == ' ' || r == '\t':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, quote != 0 || escaped
}

// Quote is a word as Words takes it.
func Quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\"'\\") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// Read makes a request of typed words: a command's name, of which each word may be
// cut short as long as only one is meant, and its arguments in their order, or as
// name=value. The error is an *Error.
func (t *Table) Read(words []string) (Request, error) {
	c, rest, err := t.match(words)
	if err != nil {
		return Request{}, err
	}
	r := Request{Command: c.Name, Args: map[string]string{}}
	next := 0
	for i, word := range rest {
		if name, value, ok := strings.Cut(word, "="); ok && c.arg(name) != nil && c.arg(name).Kind != Text {
			r.Args[name] = value
			continue
		}
		for next < len(c.Args) && r.has(c.Args[next].Name) {
			next++
		}
		if next == len(c.Args) {
			return Request{}, &Error{Code: Usage, Message: fmt.Sprintf("%q takes no %q", c.Name, clip(word)), Hint: c.Synopsis()}
		}
		if c.Args[next].Kind == Text {
			r.Args[c.Args[next].Name] = strings.Join(rest[i:], " ")
			break
		}
		r.Args[c.Args[next].Name] = word
	}
	return r, nil
}

func (r Request) has(name string) bool {
	_, ok := r.Args[name]
	return ok
}

func (c Command) arg(name string) *Arg {
	if i := slices.IndexFunc(c.Args, func(a Arg) bool { return a.Name == name }); i >= 0 {
		return &c.Args[i]
	}
	return nil
}

// match finds the command that words begin with.
func (t *Table) match(words []string) (Command, []string, error) {
	left := t.commands
	for depth := range words {
		var exact, begun []Command
		for _, c := range left {
			switch name := strings.Fields(c.Name); {
			case depth >= len(name):
			case name[depth] == words[depth]:
				exact = append(exact, c)
			case strings.HasPrefix(name[depth], words[depth]) && words[depth] != "":
				begun = append(begun, c)
			}
		}
		if len(exact) == 0 && !sameWord(begun, depth) {
			return Command{}, nil, &Error{Code: Unknown, Message: fmt.Sprintf("%q may be %s", strings.Join(words[:depth+1], " "), list(begun)), Hint: "type more of it"}
		}
		if exact == nil {
			exact = begun
		}
		if len(exact) == 0 {
			return Command{}, nil, t.unknown(words, left, depth)
		}
		if left = exact; len(left) == 1 && len(strings.Fields(left[0].Name)) == depth+1 {
			return left[0], words[depth+1:], nil
		}
	}
	if len(words) == 0 {
		return Command{}, nil, Errorf(Unknown, "no command")
	}
	return Command{}, nil, &Error{Code: Unknown, Message: fmt.Sprintf("%q goes on: %s", strings.Join(words, " "), list(left)), Hint: left[0].Synopsis()}
}

// sameWord says that commands have the same word at a depth, or that there are none.
func sameWord(commands []Command, depth int) bool {
	for _, c := range commands {
		if strings.Fields(c.Name)[depth] != strings.Fields(commands[0].Name)[depth] {
			return false
		}
	}
	return true
}

func list(commands []Command) string {
	const most = 8
	var names []string
	for _, c := range commands {
		names = append(names, c.Name)
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}
