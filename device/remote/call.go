package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/encoderbox/encoderbox/device/status"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// answerTime bounds the wait for an answer, and for all of a short one.
const answerTime = 20 * time.Second

// unreachable: no encoderd answers.
type unreachable struct {
	address string
	cause   error
}

func (u *unreachable) Error() string {
	return fmt.Sprintf("no encoderd answers at %s: is it running, and is the address right? (%v)", u.address, u.cause)
}

func (u *unreachable) Unwrap() error { return u.cause }

// call makes a request to the API. The caller closes the body.
func (c *client) call(ctx context.Context, method, path string, query url.Values) (io.ReadCloser, error) {
	u := c.base.JoinPath("/api/v1", path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, &unreachable{c.base.Host, err}
	}
	if resp.StatusCode/100 == 2 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp)
}

// refusal is an answer of the API that says no, in its own words.
func refusal(resp *http.Response) error {
	var body struct{ Error string }
	doc, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil {
		err = json.Unmarshal(doc, &body)
	}
	if err != nil || body.Error == "" {
		return fmt.Errorf("the box answers %s: does encoderd serve this address?", resp.Status)
	}
	return errors.New(printable(body.Error))
}

// printable is a text of the box on one line, without what would disturb a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
}

// newHTTP is a client that does not wait for ever for a box that takes the question
// and says nothing. What a preflight takes is not bounded by it: the answer begins at
// once, and then comes line by line.
func newHTTP() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = answerTime
	return &http.Client{Transport: t}
}

// snapshot is the box's status.
func (c *client) snapshot(ctx context.Context) (s status.Snapshot, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body, err := c.call(ctx, http.MethodGet, "status", nil)
	if err != nil {
		return s, err
	}
	defer body.Close()
	doc, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return s, &unreachable{c.base.Host, err}
	}
	if err := json.Unmarshal(doc, &s); err != nil {
		return s, fmt.Errorf("the box's status is not understood: is encoderd of another version? (%w)", err)
	}
	return s, nil
}

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
	return "", fmt.Errorf("no destination %q: there are %s", name, printable(strings.Join(all, ", ")))
}

// command is a POST to a destination.
func (c *client) command(ctx context.Context, name, command string) error {
	path, err := c.find(ctx, name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body, err := c.call(ctx, http.MethodPost, path+"/"+command, nil)
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
		doc, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			return fmt.Errorf("destinations: %w", err)
		}
		_, err = fmt.Fprintf(c.stdout, "%s\n", doc)
		return err
	}
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
