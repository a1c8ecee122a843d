// Command gen writes the configuration reference from the schema.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/encoderbox/encoderbox/device/config"
)

func main() {
	out := flag.String("o", "docs/configuration.md", "file to write")
	flag.Parse()
	if err := os.WriteFile(*out, config.Reference(), 0o644); err != nil { //nolint:gosec // a document for everyone
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
