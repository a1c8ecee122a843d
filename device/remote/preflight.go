package remote

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/encoderbox/encoderbox/output/preflight"
)

// errNoGo: the preflight says no, and that has been printed.
var errNoGo = errors.New("no go")

// maxLine bounds a line of the answer.
const maxLine = 1 << 20

func (c *client) preflight(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("preflight", flag.ContinueOnError)
	flags.SetOutput(c.stderr)
	flags.Usage = func() {}
	publish, seconds := flags.Bool("publish", false, ""), flags.Int("seconds", 0, "")
	// The name may stand before its options.
	name := ""
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, err = fmt.Fprint(c.stdout, usage)
		return err
	case err != nil:
		return fmt.Errorf("%w: preflight NAME [-publish] [-seconds N]", errUsage)
	}
	if name == "" && flags.NArg() == 1 {
		name = flags.Arg(0)
	} else if name == "" || flags.NArg() > 0 {
		return fmt.Errorf("%w: preflight needs the name of one destination", errUsage)
	}
	path, err := c.find(ctx, name)
	if err != nil {
		return err
	}
	query := url.Values{}
	if *publish {
		query.Set("publish", "true")
	}
	if *seconds != 0 {
		query.Set("seconds", strconv.Itoa(*seconds))
	}
	body, err := c.call(ctx, http.MethodPost, path+"/preflight", query, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var l struct {
			Step   *preflight.Step
			Report *preflight.Report
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("the box's answer is not understood: %w", err)
		}
		switch {
		case l.Report != nil:
			return c.verdict(*l.Report)
		case l.Step != nil && !c.json:
			fmt.Fprintf(c.stdout, "%-8s %-14s %s\n", printable(string(l.Step.Verdict)), printable(l.Step.Name), printable(l.Step.Text))
		}
	}
	return &unreachable{c.box.name, errors.Join(errors.New("it stopped answering in the middle"), lines.Err())}
}

// verdict prints the report.
func (c *client) verdict(r preflight.Report) error {
	if c.json {
		doc, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("preflight: %w", err)
		}
		if err := c.printJSON(doc); err != nil {
			return err
		}
	}
	word := "GO"
	if !r.Go {
		word = "NO GO"
	}
	if !c.json {
		if _, err := fmt.Fprintf(c.stdout, "%s: %s\n", word, printable(r.Reason)); err != nil {
			return err
		}
	}
	if !r.Go {
		return errNoGo
	}
	return nil
}
