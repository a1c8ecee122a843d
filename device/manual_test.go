package device

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var manual = flag.String("manual", "", "write the table of commands into this file (docs/encoderctl.md)")

// The manual has every command of the box.
func TestManualHasEveryCommand(t *testing.T) {
	const head = "| command | does | role |\n|---|---|---|\n"
	var b strings.Builder
	for _, c := range newBench(t).table.Commands() {
		help := c.Help
		if len(c.Confirm) > 0 {
			help += "; asks first"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(c.Synopsis(), "|", `\|`), help, c.Role)
	}
	table := head + b.String()
	path := *manual
	if path == "" {
		path = "../docs/encoderctl.md"
	}
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(doc), head)
	if !found {
		t.Fatalf("%s has no table of commands", path)
	}
	for strings.HasPrefix(rest, "|") {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	switch next := before + table + rest; {
	case *manual != "":
		if err := os.WriteFile(path, []byte(next), 0o644); err != nil {
			t.Fatal(err)
		}
	case next != string(doc):
		t.Errorf("%s has another table of commands: go test ./device -run %s -args -manual ../docs/encoderctl.md", path, t.Name())
	}
}
