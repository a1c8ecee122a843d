package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/encoderbox/encoderbox/device/status"
)

// find is the path of a destination in the API, by "NAME" or "STREAM/NAME".
func (c *client) find(ctx context.Context, name string) (string, error) {
	s, err := c.snapshot(ctx)
	if err != nil {
		return "", err
	}
	stream, dest, both := strings.Cut(name, "/")
	if !both {
		stream, dest = "", name
	}
	var found, all []string
	for _, st := range s.Streams {
		for _, d := range st.Destinations {
			all = append(all, st.Name+"/"+d.Name)
			if d.Name == dest && (stream == "" || st.Name == stream) {
				found = append(found, st.Name+"/"+d.Name)
			}
		}
	}
	slices.Sort(all)
	switch {
	case len(found) == 1:
		stream, dest, _ = strings.Cut(found[0], "/")
		return "streams/" + url.PathEscape(stream) + "/destinations/" + url.PathEscape(dest), nil
	case len(found) > 1:
		return "", fmt.Errorf("%w: several streams have a destination %q: say %s", errUsage, name, printable(strings.Join(found, " or ")))
	case len(all) == 0:
		return "", fmt.Errorf("no destination %q: the box has none", name)
	}
	return "", fmt.Errorf("no destination %q: the box has %s", name, printable(strings.Join(all, ", ")))
}

// command is a POST to a destination.
func (c *client) command(ctx context.Context, name, command string) error {
	path, err := c.find(ctx, name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body, err := c.call(ctx, http.MethodPost, path+"/"+command, nil, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if c.json {
		_, err = io.Copy(c.stdout, io.LimitReader(body, maxAnswer))
		return err
	}
	return nil
}

// destinations lists them.
func (c *client) destinations(ctx context.Context) error {
	s, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	if c.json {
		all := map[string][]status.Destination{}
		for _, st := range s.Streams {
			all[st.Name] = st.Destinations
		}
		doc, err := json.Marshal(all)
		if err != nil {
			return fmt.Errorf("destinations: %w", err)
		}
		return c.printJSON(doc)
	}
	return c.list(s)
}

// list is the destinations of a status for people, and the bit rates.
func (c *client) list(s status.Snapshot) error {
	t := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DESTINATION\tKIND\tSTATE\tBIT RATE\tURL\tWHY")
	for _, st := range s.Streams {
		for _, d := range st.Destinations {
			why := d.Reason
			if len(d.Errors) > 0 && d.State != status.Active && d.State != status.Disabled {
				why = d.Errors[0].Message
			}
			fmt.Fprintf(t, "%s/%s\t%s\t%s\t%.2f Mb/s\t%s\t%s\n", printable(st.Name), printable(d.Name), printable(d.Kind),
				printable(string(d.State)), float64(d.Bitrate)/1e6, printable(d.URL), printable(why))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return c.rates(s)
}

// rates says what bit rate the pictures of each stream have, and why.
func (c *client) rates(s status.Snapshot) error {
	for _, st := range s.Streams {
		k := st.Rate
		if k == nil {
			continue
		}
		line := fmt.Sprintf("%s: %.2f of at most %.2f Mb/s: %s", st.Name, float64(k.Target)/1e6, float64(k.Max)/1e6, k.Reason)
		if k.Decider != "" {
			line += " (" + k.Decider + ")"
		}
		if k.Step != "" && k.Step != "full" {
			line += ", " + k.Step
		}
		if _, err := fmt.Fprintln(c.stdout, printable(line)); err != nil {
			return err
		}
	}
	return nil
}
