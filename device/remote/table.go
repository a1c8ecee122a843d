package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/device/control"
)

// commandJSON is a command as GET /api/v1/commands tells it.
type commandJSON struct {
	Name  string        `json:"name"`
	Help  string        `json:"help"`
	Args  []control.Arg `json:"args"`
	Long  bool          `json:"long"`
	Reads bool          `json:"reads"`
}

// ParseTable makes a table of the API's: to read command lines as the box does, and to
// explain commands. Its commands do nothing by themselves.
func ParseTable(doc []byte) (t *control.Table, err error) {
	var all []commandJSON
	if err := json.Unmarshal(doc, &all); err != nil {
		return nil, fmt.Errorf("the box's table of commands is not understood: is encoderd of another version? (%w)", err)
	}
	var commands []control.Command
	for _, c := range all {
		next := control.Command{
			Name: c.Name, Help: c.Help, Args: c.Args, Role: control.Viewer, Long: c.Long, Reads: c.Reads,
			Run: func(context.Context, control.Call) (control.Result, error) {
				return control.Result{}, errors.New("it is the box that does this")
			},
		}
		commands = append(commands, next)
	}
	defer func() { // of a program's mistake, there; of the other side's, here
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("the box's table of commands contradicts itself: %v", p)
		}
	}()
	return control.New(nil, nil, commands...), nil
}

// table asks the box for its commands.
func (c *client) table(ctx context.Context) (*control.Table, error) {
	var doc json.RawMessage
	if err := c.get(ctx, "commands", nil, &doc); err != nil {
		return nil, err
	}
	return ParseTable(doc)
}

// read makes a request of words. What is not in the box's table may be there for
// others: the box then says so itself.
func (c *client) read(ctx context.Context, words []string) (control.Command, control.Request, error) {
	t, err := c.table(ctx)
	var e *control.Error
	if errors.As(err, &e) && e.Code != control.Forbidden {
		return control.Command{}, control.Request{}, fmt.Errorf("%w: no command %q: the box at this address tells no commands (%w)", errUsage, words[0], err)
	}
	if err != nil {
		return control.Command{}, control.Request{}, err
	}
	r, err := t.Read(words)
	if err != nil {
		if errors.As(err, &e) && e.Code == control.Unknown {
			err = c.hidden(ctx, words, err)
		}
		return control.Command{}, r, err
	}
	found, _ := t.Find(r.Command)
	return found, r, nil
}

// hidden is the box's own word on a command that is not in its table for us: it tells
// only what may be had. Nothing is done: the role is looked at first, and then there is
// an argument that no command has.
func (c *client) hidden(ctx context.Context, words []string, unknown error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for n := min(3, len(words)); n > 0; n-- {
		if slices.ContainsFunc(words[:n], func(w string) bool { return strings.Trim(w, "abcdefghijklmnopqrstuvwxyz-") != "" }) {
			continue
		}
		body, err := c.call(ctx, http.MethodPost, "commands/"+strings.Join(words[:n], "-"), nil,
			&request{body: control.Request{Args: map[string]string{"?": ""}}})
		if err == nil {
			_ = body.Close()
		}
		if e := (*control.Error)(nil); errors.As(err, &e) && e.Code == control.Forbidden {
			return err
		}
	}
	return unknown
}

// help explains encoderctl, or commands of the box that begin so.
func (c *client) help(ctx context.Context, words []string) error {
	t, err := c.table(ctx)
	if len(words) == 0 || slices.Contains([]string{"destinations", "preflight", "pause", "resume", "retry", "monitor", "completion", "help"}, words[0]) {
		text := usage
		if err == nil {
			text += "\nCommands of this box:\n" + synopses(t.Commands())
		}
		_, err := fmt.Fprint(c.stdout, text)
		return err
	}
	if err != nil {
		return err
	}
	var found []control.Command
	for _, x := range t.Commands() {
		if begins(strings.Fields(x.Name), words) {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 0:
		_, err := t.Read(words)
		return err
	case 1:
		return c.explain(found[0])
	}
	_, err = fmt.Fprint(c.stdout, synopses(found))
	return err
}

func begins(name, words []string) bool {
	for i, w := range words[:min(len(words), len(name))] {
		if !strings.HasPrefix(name[i], w) {
			return false
		}
	}
	return true
}

func synopses(commands []control.Command) string {
	var b strings.Builder
	for _, x := range commands {
		fmt.Fprintf(&b, "  %-*s  %s\n", control.Listed, printable(x.Brief()), printable(x.Help))
	}
	return b.String()
}

func (c *client) explain(x control.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %s.\n", x.Synopsis(), x.Help)
	for _, a := range x.Args {
		fmt.Fprintf(&b, "  %-12s %s", strings.ToUpper(a.Name), a.Help)
		if a.Default != "" {
			fmt.Fprintf(&b, " (default %s)", a.Default)
		}
		if a.Kind == control.Document {
			b.WriteString("; @FILE takes a file of this machine, @- the standard input")
		}
		b.WriteString("\n")
	}
	return c.printText(b.String())
}
