package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

// Status is a snapshot as a table for people, in lines of at most so many columns.
func Status(now *status.Snapshot, width int) string {
	var b strings.Builder
	row := func(format string, args ...any) {
		b.WriteString(cut(fmt.Sprintf(format, args...), width-1) + "\n")
	}
	row("%s  version %s  up %s  CPU %.0f %%  %sB", now.Hostname, now.Version, short(now.Time.Sub(now.Started)), now.Process.CPUPercent, size(float64(now.Process.RSS)))
	conditions(row, "", now.Conditions)
	if len(now.Streams) == 0 {
		row("no streams")
	}
	for _, st := range now.Streams {
		row("")
		name := "stream " + st.Name
		if st.Default {
			name += " (default)"
		}
		row("%s", name)
		stream(row, st)
		conditions(row, "  ", st.Conditions)
	}
	return b.String()
}

// stream is one stream's rows.
func stream(row func(string, ...any), st status.Stream) {
	row("  input    %-12s %s", inputState(st.Input), strings.TrimSpace(st.Input.Kind+" "+st.Input.Description))
	if st.Input.Error != "" {
		row("           %s", st.Input.Error)
	}
	if v := st.Video; v != nil {
		row("  video    %-12s %dx%d at %.4g/s, %s", size(float64(v.Bitrate))+"bit/s", v.Width, v.Height, v.FrameRate, v.Encoder)
	}
	if a := st.Audio; a != nil {
		row("  audio    %-12s %d Hz, %d channels, %s", size(float64(a.Bitrate))+"bit/s", a.SampleRate, a.Channels, a.Encoder)
	}
	if r := st.Rate; r != nil {
		row("  rate     %-12s %s to %s, %s: %s", size(float64(r.Target))+"bit/s", size(float64(r.Min)), size(float64(r.Max)), r.Mode, r.Reason)
	}
	if h := st.HLS; h != nil && h.URL != "" {
		row("  HLS      %-12s %s", fmt.Sprintf("%d segments", h.Segments), h.URL)
	}
	if r := st.Recording; r != nil && r.Mode != "off" {
		text := fmt.Sprintf("%d files, %sB", r.Files, size(float64(r.Bytes)))
		if r.Remaining != nil {
			text += ", room for " + short(time.Duration(*r.Remaining*float64(time.Second)))
		}
		row("  record   %-12s %s", r.State, text)
	}
	destinations(row, st.Destinations)
	for _, g := range st.Groups {
		row("  group    %-12s %s: %s", g.Name, g.Policy, g.Text)
	}
}

// inputState is an input's state in a word or two.
func inputState(in status.Input) string {
	if in.Signal != nil && in.State == status.InputRunning {
		return strings.ReplaceAll(in.Signal.State, "_", " ")
	}
	return string(in.State)
}

// destinations are a stream's, one a row.
func destinations(row func(string, ...any), all []status.Destination) {
	if len(all) == 0 {
		row("  destinations: none")
		return
	}
	wide := len("destination")
	for _, d := range all {
		wide = max(wide, columns([]rune(d.Name)))
	}
	row("  %-*s  %-12s %-11s %-8s %s", wide, "destination", "state", "bit rate", "kind", "address, or why")
	for _, d := range all {
		what := d.URL
		if d.Reason != "" {
			what = d.Reason
		} else if d.State != status.Active && len(d.Errors) > 0 {
			what = d.Errors[0].Message
		}
		row("  %-*s  %-12s %-11s %-8s %s", wide, d.Name, d.State, size(float64(d.Bitrate))+"bit/s", d.Kind, what)
	}
}

// conditions are what holds and should be known.
func conditions(row func(string, ...any), indent string, all []status.Condition) {
	for _, c := range all {
		row("%s! %s: %s (since %s)", indent, c.Severity, c.Message, c.Since.Format("15:04:05"))
	}
}

// event is one line.
func event(e status.Event) string {
	where := e.Subject
	if e.Stream != "" {
		where = e.Stream + " " + where
	}
	return fmt.Sprintf("%s %-7s %s: %s", e.Time.Format("15:04:05"), e.Severity, where, e.Message)
}

// size is a number with its magnitude: 2.5M.
func size(n float64) string {
	unit := ""
	for _, next := range []string{"k", "M", "G", "T"} {
		if n < 1000 {
			break
		}
		n, unit = n/1000, next
	}
	if unit == "" || n >= 100 {
		return fmt.Sprintf("%.0f %s", n, unit)
	}
	return fmt.Sprintf("%.3g %s", n, unit)
}

// short is a duration without what does not matter.
func short(d time.Duration) string {
	d = d.Round(time.Second)
	if day := 24 * time.Hour; d >= day {
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	}
	if d >= time.Hour {
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return d.String()
}
