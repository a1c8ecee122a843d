package main

import (
	"fmt"
	"strings"

	"github.com/encoderbox/encoderbox/lab/measure"
)

// markdown is what stands in the document between the lines of its section.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nMeasured on %s: %d repeats of %.0f s, %.2f Mb/s; %v, libsrt %s. %s\n\n",
		r.Time.Format("2 January 2006"), r.Repeats, r.Window, r.Bitrate/1e6, r.Machine, r.SRT, r.Machine.Noise())
	b.WriteString(measure.GoalTable(r.Goals).Markdown() + "\n" + r.suite.table(r).Markdown() + "\n")
	return b.String()
}
