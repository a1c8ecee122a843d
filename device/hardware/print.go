package hardware

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Print writes a report for a person.
func (r Report) Print(w io.Writer) error {
	var p strings.Builder
	fmt.Fprintf(&p, "Board model   %s: %s (%s)\n", r.Model.Name, r.Model.Title, r.Model.How)
	if r.Model.Tried == "" {
		p.WriteString("              nobody has tried this model yet: docs/hardware.md has the list to work through\n")
	}
	fmt.Fprintf(&p, "Kernel        %s\n", r.Kernel)
	section(&p, "Capture", len(r.Capture))
	for _, c := range r.Capture {
		fmt.Fprintf(&p, "  %s  %s (%s), %s   input.device = %q\n", c.Path, c.Card, c.Driver, c.Role, c.Select)
		if len(c.Inputs) > 0 {
			fmt.Fprintf(&p, "      inputs: %s\n", strings.Join(c.Inputs, ", "))
		}
		c.printFormats(&p)
		printQuirks(&p, c.Quirks)
	}
	section(&p, "H.264 encoders", len(r.Encoders))
	for _, e := range r.Encoders {
		e.print(&p)
	}
	section(&p, "Sound", len(r.Sound))
	for _, s := range r.Sound {
		fmt.Fprintf(&p, "  %s  %s (%s)\n", s.Card, s.Name, s.ID)
	}
	list(&p, "Other video", names(r.Other))
	list(&p, "Media", r.Media)
	list(&p, "Buttons", r.Panel.Buttons)
	list(&p, "LEDs", r.Panel.LEDs)
	list(&p, "LEDs missing", r.Panel.Missing)
	list(&p, "Serial", r.Serial)
	list(&p, "Watchdogs", r.Watchdogs)
	if len(r.Problems) > 0 {
		p.WriteString("\nTo be looked at:\n")
		for _, s := range r.Problems {
			fmt.Fprintf(&p, "  - %s\n", s)
		}
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// printFormats writes the formats that serve, those of the same sizes together,
// and how many others there are.
func (c ReportCapture) printFormats(p *strings.Builder) {
	unused := 0
	var groups []ReportFormat // FourCC lists those of the group
	for _, f := range c.Formats {
		if f.Use == useNone || f.Use == useBayer {
			unused++
			continue
		}
		i := slices.IndexFunc(groups, func(g ReportFormat) bool { return g.Use == f.Use && slices.Equal(g.Sizes, f.Sizes) })
		if i < 0 {
			groups = append(groups, f)
			continue
		}
		groups[i].FourCC += ", " + f.FourCC
	}
	for _, g := range groups {
		fmt.Fprintf(p, "      %s: %s\n", g.Use, g.FourCC)
		for _, size := range g.Sizes {
			fmt.Fprintf(p, "        %s\n", size)
		}
	}
	switch {
	case unused == 1:
		p.WriteString("      not used: 1 other format\n")
	case unused > 1:
		fmt.Fprintf(p, "      not used: %d other formats\n", unused)
	}
}

func (e ReportEncoder) print(p *strings.Builder) {
	fmt.Fprintf(p, "  %s  %s (%s): takes %s\n", e.Path, e.Card, e.Driver, strings.Join(e.Raw, ", "))
	if e.Limit != "" {
		fmt.Fprintf(p, "      at most %s\n", e.Limit)
	}
	if len(e.Lacks) > 0 {
		fmt.Fprintf(p, "      without control of: %s\n", strings.Join(e.Lacks, ", "))
	}
	printQuirks(p, e.Quirks)
	if e.Problem != "" {
		fmt.Fprintf(p, "      could not be asked: %s\n", e.Problem)
	}
}

func printQuirks(p *strings.Builder, quirks []ReportQuirk) {
	for _, q := range quirks {
		value := ""
		if q.Value != 0 {
			value = fmt.Sprintf(" %d", q.Value)
		}
		if q.Text != "" {
			value += fmt.Sprintf(" %q", q.Text)
		}
		fmt.Fprintf(p, "      quirk %s%s (%s)\n", q.Is, value, q.Source)
	}
}

func section(p *strings.Builder, title string, n int) {
	fmt.Fprintf(p, "\n%s", title)
	if n == 0 {
		p.WriteString(": none")
	}
	p.WriteByte('\n')
}

func list(p *strings.Builder, title string, items []string) {
	if len(items) > 0 {
		fmt.Fprintf(p, "\n%-13s %s\n", title, strings.Join(items, ", "))
	}
}

func names(nodes []ReportNode) []string {
	var list []string
	for _, n := range nodes {
		list = append(list, fmt.Sprintf("%s %s (%s)", n.Path, n.Card, n.Role))
	}
	return list
}
