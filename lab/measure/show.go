package measure

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// Table is shown on a terminal and in a document.
type Table struct {
	Columns []string
	Rows    [][]string
}

// Print writes it for a terminal.
func (t Table) Print(w io.Writer) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, strings.Join(t.Columns, "\t"))
	for _, row := range t.Rows {
		fmt.Fprintln(tab, strings.Join(row, "\t"))
	}
	_ = tab.Flush()
}

// Markdown is the table in a document.
func (t Table) Markdown() string {
	var b strings.Builder
	row := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			if c != "" {
				c += " "
			}
			b.WriteString(" " + c + "|")
		}
		b.WriteString("\n")
	}
	row(t.Columns)
	b.WriteString("|" + strings.Repeat("---|", len(t.Columns)) + "\n")
	for _, cells := range t.Rows {
		row(cells)
	}
	return b.String()
}

// Section is the part of a document that a tool writes, between two lines.
type Section struct{ Begin, End string }

// SectionOf is the section of what a tool (such as ./lab/bench) measures.
func SectionOf(figures, tool string) Section {
	return Section{
		Begin: fmt.Sprintf("<!-- %s: written by go run %s -docs, do not edit -->", figures, tool),
		End:   fmt.Sprintf("<!-- end of %s -->", figures),
	}
}

// Write replaces what is between the lines. Without them nothing is written.
func (s Section) Write(file, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), s.Begin+"\n")
	_, after, ok2 := strings.Cut(rest, s.End)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no lines %q and %q to write the figures between", file, s.Begin, s.End)
	}
	return os.WriteFile(file, []byte(before+s.Begin+"\n"+text+s.End+after), 0o644)
}

// Save keeps a report as JSON.
func Save(file string, report any) error {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// Load reads what Save has kept.
func Load(file string, report any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("no run to show: %w", err)
	}
	if err := json.Unmarshal(text, report); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}
