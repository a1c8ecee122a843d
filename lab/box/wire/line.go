package wire

import (
	"fmt"
	"io"
	"strings"
)

// AwaitLine reads until a line that begins with one of the prefixes, and returns
// that prefix and the rest of the line. What is left of an earlier connection is passed over. It reads byte by
// byte, so that nothing after the line is taken.
func AwaitLine(r io.Reader, prefixes ...string) (prefix, rest string, err error) {
	const longest = 128
	var line []byte
	var b [1]byte
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", "", fmt.Errorf("wire: wait for %q: %w", prefixes, err)
		}
		if b[0] != '\n' {
			line = append(line, b[0])
			if len(line) > longest {
				line = line[len(line)-longest:]
			}
			continue
		}
		// Bytes of an earlier connection may stand before it.
		for _, prefix := range prefixes {
			if _, rest, found := strings.Cut(string(line), prefix); found {
				return prefix, rest, nil
			}
		}
		line = line[:0]
	}
}
