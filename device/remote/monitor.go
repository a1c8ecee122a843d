package remote

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

const (
	// before is how many of the events are shown that were before.
	before = 10
	// quiet is when a box that says nothing, not even that it is there, has gone.
	quiet = 40 * time.Second
	// again is when it is looked for then.
	again = 2 * time.Second
)

// monitor shows what happens: on a terminal the state and the last events, otherwise
// each event in a line, or with JSON {"event":…} and {"status":…}.
type monitor struct {
	*client
	out    io.Writer
	screen bool
	log    []status.Event // the last ones
	live   bool           // what came before has been shown
	lastID string
}

// monitor runs until ctx ends.
func (c *client) monitor(ctx context.Context) error {
	m := &monitor{client: c, out: c.stdout}
	_, _, m.screen = terminal(c.stdout)
	for {
		err := m.follow(ctx)
		var lost *unreachable
		switch {
		case ctx.Err() != nil && m.live:
			return nil
		case !m.live || !errors.As(err, &lost):
			return err
		}
		fmt.Fprintln(c.stderr, "encoderctl:", printable(err.Error()))
		if !pause(ctx, again) {
			return nil
		}
	}
}

// follow shows one stream of events (HTML Standard §9.2).
func (m *monitor) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(quiet, func() { cancel(errors.New("it says nothing any more")) })
	defer silent.Stop()
	body, err := m.call(ctx, http.MethodGet, "events", nil, &request{accept: "text/event-stream", lastID: m.lastID})
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxAnswer)
	event := ""
	for lines.Scan() {
		silent.Reset(quiet)
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "event":
			event = value
		case "id":
			m.lastID = value
		case "data":
			if err := m.message(event, []byte(value)); err != nil {
				return err
			}
		}
	}
	return m.lost(errors.Join(lines.Err(), context.Cause(ctx)))
}

// message takes one of the stream.
func (m *monitor) message(event string, doc []byte) error {
	if event == "log" {
		var e status.Event
		if err := json.Unmarshal(doc, &e); err != nil {
			return fmt.Errorf("the box's event is not understood: %w", err)
		}
		if m.log = append(m.log, e); len(m.log) > before {
			m.log = m.log[1:]
		}
		if !m.live || m.screen && !m.json {
			return nil
		}
		return m.tell(e)
	}
	if event != "status" {
		return nil
	}
	if !m.live {
		m.live = true
		for _, e := range m.log {
			if m.screen && !m.json {
				break
			}
			if err := m.tell(e); err != nil {
				return err
			}
		}
	}
	switch {
	case m.json:
		m.watching = true
		return m.printJSON(fmt.Appendf(nil, `{"status":%s}`, doc))
	case m.screen:
		return m.redraw(doc)
	}
	return nil
}

func (m *monitor) tell(e status.Event) error {
	if m.json {
		m.watching = true
		doc, err := json.Marshal(map[string]status.Event{"event": e})
		if err != nil {
			return err
		}
		return m.printJSON(doc)
	}
	_, err := fmt.Fprintln(m.stdout, eventLine(e))
	return err
}

func eventLine(e status.Event) string {
	subject := e.Subject
	if e.Stream != "" {
		subject = e.Stream + " " + subject
	}
	return printable(fmt.Sprintf("%s %-7s %s: %s", e.Time.Local().Format(time.DateTime), e.Severity, subject, e.Message))
}

// redraw shows the state, what is wrong, and the last events.
func (m *monitor) redraw(doc []byte) error {
	var s status.Snapshot
	if err := json.Unmarshal(doc, &s); err != nil {
		return fmt.Errorf("the box's status is not understood: %w", err)
	}
	var page bytes.Buffer
	m.stdout = &page
	err := m.overview(s)
	m.stdout = m.out
	if err != nil {
		return err
	}
	fmt.Fprintln(&page)
	for _, e := range m.log {
		fmt.Fprintln(&page, eventLine(e))
	}
	title := fmt.Sprintf("%s  %s  encoderd %s", s.Time.Local().Format(time.TimeOnly), printable(s.Hostname), printable(s.Version))
	return draw(m.out, title, page.String())
}

// overview is the state in short.
func (m *monitor) overview(s status.Snapshot) error {
	conditions := s.Conditions
	for _, st := range s.Streams {
		line := fmt.Sprintf("%s: input %s %s", st.Name, st.Input.Kind, st.Input.State)
		if st.Input.Signal != nil {
			line += ", signal " + st.Input.Signal.State
		}
		if v := st.Video; v != nil {
			line += fmt.Sprintf(", %dx%d %.1f fps %.2f Mb/s", v.Width, v.Height, v.FrameRate, float64(v.Bitrate)/1e6)
		}
		if st.Recording != nil {
			line += ", recording " + st.Recording.State
		}
		fmt.Fprintln(m.stdout, printable(line))
		conditions = append(conditions[:len(conditions):len(conditions)], st.Conditions...)
	}
	if err := m.list(s); err != nil {
		return err
	}
	for _, c := range conditions {
		fmt.Fprintln(m.stdout, printable(fmt.Sprintf("%s: %s", c.Severity, c.Message)))
	}
	return nil
}
