package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/encoderbox/encoderbox/device/control"
)

const (
	// maxAsked bounds the questions of a command.
	maxAsked = 10
	// maxDocument bounds a file that is sent; the box looks closer.
	maxDocument = 1 << 20
)

// answer is control.Result as it comes.
type answer struct {
	Text string          `json:"text"`
	Data json.RawMessage `json:"data,omitempty"`
}

// boxCommand has the box do a command.
func (c *client) boxCommand(ctx context.Context, o options) error {
	command, r, err := c.read(ctx, o.words)
	if err != nil {
		return err
	}
	if err := c.files(command, r.Args); err != nil {
		return err
	}
	once := func(ctx context.Context) error {
		a, err := c.confirmed(ctx, command, r)
		if err != nil {
			return err
		}
		return c.print(a)
	}
	switch {
	case o.watch > 0 && !command.Reads:
		return fmt.Errorf("%w: -watch is for commands that show something, and %q changes something", errUsage, command.Name)
	case o.watch > 0:
		return c.watch(ctx, o.watch, o.words, once)
	}
	return once(ctx)
}

// files puts files of this machine in the place of their names, @NAME.
func (c *client) files(command control.Command, args map[string]string) error {
	for _, a := range command.Args {
		name, ok := strings.CutPrefix(args[a.Name], "@")
		if !ok || a.Kind != control.Document {
			continue
		}
		in := c.stdin
		if name != "-" {
			f, err := os.Open(name)
			if err != nil {
				return fmt.Errorf("%s: %w", a.Name, err)
			}
			defer f.Close()
			in = f
		}
		if in == nil {
			return fmt.Errorf("%s: there is no standard input", a.Name)
		}
		doc, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
		if err != nil {
			return fmt.Errorf("%s: read %s: %w", a.Name, name, err)
		}
		args[a.Name] = string(doc)
	}
	return nil
}

// confirmed does a command with its questions answered: by -yes, or by somebody at the
// terminal.
func (c *client) confirmed(ctx context.Context, command control.Command, r control.Request) (a answer, err error) {
	for range maxAsked {
		a, err = c.do(ctx, command, r)
		var e *control.Error
		if !errors.As(err, &e) || e.Code != control.Confirm {
			return a, err
		}
		if !c.yes {
			yes, asked, failed := c.ask(ctx, e.Message)
			switch {
			case failed != nil:
				return a, failed
			case !asked:
				return a, &control.Error{Code: e.Code, Message: e.Message, Hint: "say -yes, where that is what you want"}
			case !yes:
				return a, &control.Error{Code: e.Code, Message: "not done: the answer was no"}
			}
		}
		r.Confirmed++
	}
	return a, err
}

// do has the box do a command, and shows its progress.
func (c *client) do(ctx context.Context, command control.Command, r control.Request) (a answer, err error) {
	q := &request{body: r}
	if command.Long {
		q.accept = "application/x-ndjson"
	} else {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, doTime)
		defer cancel()
	}
	resp, err := c.send(ctx, http.MethodPost, "commands/"+strings.ReplaceAll(command.Name, " ", "-"), nil, q)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/x-ndjson") {
		return c.follow(resp.Body)
	}
	doc, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return a, c.lost(err)
	}
	if err := json.Unmarshal(doc, &a); err != nil {
		return a, fmt.Errorf("the box's answer is not understood: is encoderd of another version? (%w)", err)
	}
	return a, nil
}

// follow reads an answer that comes line by line.
func (c *client) follow(body io.Reader) (answer, error) {
	bar := newProgress(c.stderr)
	defer bar.end()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		var l struct {
			Progress *control.Progress
			Result   *answer
			Error    *control.Error
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return answer{}, fmt.Errorf("the box's answer is not understood: %w", err)
		}
		switch {
		case l.Result != nil:
			return *l.Result, nil
		case l.Error != nil:
			return answer{}, l.Error
		case l.Progress != nil:
			bar.show(*l.Progress)
		}
	}
	return answer{}, c.lost(lines.Err())
}

func (c *client) lost(err error) error {
	return &unreachable{c.box.name, errors.Join(errors.New("it stopped answering in the middle"), err)}
}

// print prints what came of a command. A verdict of no-go is none of success.
func (c *client) print(a answer) error {
	var err error
	if c.json {
		var doc []byte
		if doc, err = json.Marshal(a); err == nil {
			err = c.printJSON(doc)
		}
	} else {
		err = c.printText(a.Text)
	}
	var verdict struct{ Go *bool }
	if err == nil && json.Unmarshal(a.Data, &verdict) == nil && verdict.Go != nil && !*verdict.Go {
		return errNoGo
	}
	return err
}
