package device

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// showCommands need no more than the status.
func (d *box) showCommands() []control.Command {
	show := func(f func(s *status.Snapshot, w *tabwriter.Writer) any) func(context.Context, control.Call) (control.Result, error) {
		return func(context.Context, control.Call) (control.Result, error) {
			var b strings.Builder
			w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
			data := f(d.store.Load(), w)
			_ = w.Flush() // into memory
			return control.Result{Text: plain(strings.TrimRight(b.String(), "\n")), Data: data}, nil
		}
	}
	return []control.Command{
		{Name: "show status", Help: "What runs, and what is wrong", Role: control.Viewer, Reads: true, Run: show(showStatus)},
		{Name: "show input", Help: "The source of each stream and its signal", Role: control.Viewer, Reads: true, Run: show(showInput)},
		{Name: "show destinations", Help: "Each destination with its state", Role: control.Viewer, Reads: true, Run: show(showDestinations)},
		{
			Name: "show events", Help: "What has happened, the newest last", Role: control.Viewer, Reads: true,
			Args: []control.Arg{{Name: "count", Kind: control.Integer, Unit: "events", Help: "how many", Optional: true, Default: "20", Min: 1, Max: 1000}},
			Run:  d.showEvents,
		},
		{
			Name: "show version", Help: "The version of the firmware", Role: control.Viewer, Reads: true,
			Run: func(context.Context, control.Call) (control.Result, error) {
				s := d.store.Load()
				return control.Result{
					Text: fmt.Sprintf("encoderbox %s on %s (%s/%s), running for %s", s.Version, s.Hostname, runtime.GOOS, runtime.GOARCH, age(s.Started)),
					Data: table{"version": s.Version, "hostname": s.Hostname, "os": runtime.GOOS, "arch": runtime.GOARCH, "started": s.Started},
				}, nil
			},
		},
	}
}

// plain is text that others wrote, without what would disturb a terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, text)
}

// age is how long ago something was, to the second.
func age(since time.Time) string { return time.Since(since).Round(time.Second).String() }

func megabits(bits int) string { return fmt.Sprintf("%.2f Mb/s", float64(bits)/1e6) }

func showStatus(s *status.Snapshot, w *tabwriter.Writer) any {
	fmt.Fprintf(w, "%s\tencoderbox %s, running for %s, CPU %.0f %%\n", s.Hostname, s.Version, age(s.Started), s.Process.CPUPercent)
	for _, c := range s.Conditions {
		fmt.Fprintf(w, "%s\t%s\n", c.Severity, c.Message)
	}
	for i := range s.Streams {
		showStream(&s.Streams[i], w)
	}
	return s
}

func showStream(st *status.Stream, w *tabwriter.Writer) {
	fmt.Fprintf(w, "\nstream %s\t%s\n", st.Name, cmp.Or(st.OffAir, "on the air"))
	fmt.Fprintf(w, "  input\t%s\n", inputLine(&st.Input))
	if v := st.Video; v != nil {
		fmt.Fprintf(w, "  video\t%dx%d %.2f fps, %s, %s\n", v.Width, v.Height, v.FrameRate, megabits(v.Bitrate), v.Encoder)
	}
	if a := st.Audio; a != nil {
		fmt.Fprintf(w, "  audio\t%s %d Hz, %s\n", a.Codec, a.SampleRate, a.Encoder)
	}
	if k := st.Rate; k != nil {
		fmt.Fprintf(w, "  bit rate\t%s of at most %s: %s\n", megabits(k.Target), megabits(k.Max), k.Reason)
	}
	if r := st.Recording; r != nil {
		fmt.Fprintf(w, "  recording\t%s %s %s\n", r.State, r.File, r.Label)
	}
	for i := range st.Destinations {
		fmt.Fprintf(w, "  to %s\t%s\n", st.Destinations[i].Name, destinationLine(&st.Destinations[i]))
	}
	for _, c := range st.Conditions {
		fmt.Fprintf(w, "  %s\t%s\n", c.Severity, c.Message)
	}
}

func inputLine(in *status.Input) string {
	text := strings.TrimSpace(in.Kind + " " + string(in.State) + " " + in.Description)
	if g := in.Signal; g != nil {
		text += fmt.Sprintf(": signal %s, %dx%d", g.State, g.Width, g.Height)
		if g.Slate {
			text += ", the slate is on the air"
		}
	}
	if in.Error != "" {
		text += ": " + in.Error
	}
	return text
}

func destinationLine(dest *status.Destination) string {
	text := string(dest.State)
	if dest.State == status.Active {
		text += " " + megabits(dest.Bitrate)
	}
	if dest.Reason != "" {
		text += ", " + dest.Reason
	}
	if len(dest.Errors) > 0 && dest.State != status.Active && dest.State != status.Disabled {
		text += ": " + dest.Errors[0].Message
	}
	return text
}

func showInput(s *status.Snapshot, w *tabwriter.Writer) any {
	inputs := map[string]status.Input{}
	for _, st := range s.Streams {
		inputs[st.Name] = st.Input
		fmt.Fprintf(w, "%s\t%s\n", st.Name, inputLine(&st.Input))
		if g := st.Input.Signal; g != nil {
			fmt.Fprintf(w, "\t%s, for %s, lost %d times, %s\n", g.Device, age(g.Since), g.Losses, g.Transfer)
		}
	}
	return inputs
}

func showDestinations(s *status.Snapshot, w *tabwriter.Writer) any {
	all := map[string][]status.Destination{}
	for _, st := range s.Streams {
		all[st.Name] = st.Destinations
		for i := range st.Destinations {
			dest := &st.Destinations[i]
			fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\n", st.Name, dest.Name, dest.Kind, destinationLine(dest), dest.URL)
		}
	}
	return all
}

func (d *box) showEvents(_ context.Context, call control.Call) (control.Result, error) {
	events, _ := d.store.Events(0)
	if n := int(call.Args.Int("count")); len(events) > n {
		events = events[len(events)-n:]
	}
	var lines []string
	for _, e := range events {
		lines = append(lines, fmt.Sprintf("%s %-7s %s: %s", e.Time.Local().Format(time.DateTime), e.Severity,
			strings.TrimSpace(e.Stream+" "+e.Subject), strings.ReplaceAll(e.Message, "\n", " ")))
	}
	return control.Result{Text: plain(strings.Join(lines, "\n")), Data: events}, nil
}
