package remote

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
)

// completeTime is how long a person who presses TAB waits for a box.
const completeTime = 2 * time.Second

// ownWords are the commands of encoderctl itself, with what completion says of them.
var ownWords = [][2]string{
	{"destinations", "every destination with its state"},
	{"preflight", "go the way to a destination"},
	{"pause", "end a destination's connection until resume"},
	{"resume", "take back a pause"},
	{"retry", "try a destination again now"},
	{"monitor", "what happens, as it happens"},
	{"completion", "the completion for a shell"},
	{"help", "what there is"},
}

// complete prints how the words of a command line may go on, of which the last one is
// being typed: a word, a TAB and what it means on each line. What is wrong shows
// itself when the line is run.
func (p Program) complete(ctx context.Context, words []string) {
	if len(words) == 0 {
		words = []string{""}
	}
	typed := words[len(words)-1]
	o, err := parse(words[:len(words)-1])
	if err != nil {
		return
	}
	say := func(word, help string) {
		if strings.HasPrefix(word, typed) && word != "" {
			fmt.Fprintf(p.Stdout, "%s\t%s\n", printable(word), printable(help))
		}
	}
	if strings.HasPrefix(typed, "-") {
		for _, name := range optionNames {
			say(name, "")
		}
		return
	}
	if len(o.words) == 0 {
		for _, w := range ownWords {
			say(w[0], w[1])
		}
	} else {
		switch o.words[0] {
		case "completion":
			for _, shell := range []string{"bash", "zsh", "fish"} {
				say(shell, "")
			}
			return
		case "preflight", "pause", "resume", "retry":
			if len(o.words) > 1 {
				return
			}
			o.words = []string{"destination", o.words[0]}
		case "help":
			o.words = o.words[1:]
		case "destinations", "monitor":
			return
		}
	}
	ctx, cancel := context.WithTimeout(ctx, completeTime)
	defer cancel()
	c := &client{stdout: p.Stdout, stderr: p.Stderr}
	if c.connect(ctx, p.Env, o) != nil {
		return
	}
	defer c.http.CloseIdleConnections()
	c.completions(ctx, append(o.words, typed), say)
}

// completions asks the box.
func (c *client) completions(ctx context.Context, words []string, say func(word, help string)) {
	var all []control.Completion
	if c.get(ctx, "completions", url.Values{"word": words}, &all) != nil {
		return
	}
	for _, x := range all {
		if w, _ := control.Words(x.Word); len(w) == 1 { // the shell quotes by itself
			say(w[0], x.Help)
		}
	}
}

// scripts has a shell ask encoderctl how a line goes on.
var scripts = map[string]string{
	"bash": `_encoderctl() {
    local word
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        COMPREPLY+=("$(printf %q "$word")")
    done < <(encoderctl __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [[ ${COMPREPLY[0]} == --*= ]] && compopt -o nospace
    return 0
}
complete -F _encoderctl encoderctl
`,
	"zsh": `#compdef encoderctl
_encoderctl() {
    local word help
    local -a found
    while IFS=$'\t' read -r word help; do
        found+=("${word//:/\\:}:${help}")
    done < <(encoderctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    _describe encoderctl found
}
compdef _encoderctl encoderctl
`,
	"fish": `function __encoderctl_complete
    set -l typed (commandline -ct)
    test -z "$typed"; and set typed ''
    set -l words (commandline -opc)
    encoderctl __complete $words[2..-1] $typed 2>/dev/null
end
complete -c encoderctl -f -a '(__encoderctl_complete)'
`,
}

// script prints the completion for a shell.
func (c *client) script(args []string) error {
	if len(args) != 1 || scripts[args[0]] == "" {
		return fmt.Errorf("%w: completion takes bash, zsh or fish", errUsage)
	}
	_, err := fmt.Fprint(c.stdout, scripts[args[0]])
	return err
}
