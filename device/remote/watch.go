package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// watch repeats what shows something until ctx ends, which is its proper end. Once it
// has been shown, a box that does not answer is waited for.
func (c *client) watch(ctx context.Context, every time.Duration, words []string, show func(context.Context) error) error {
	out := c.stdout
	defer func() { c.stdout, c.watching = out, false }()
	_, _, screen := terminal(out)
	c.watching = true
	for shown := false; ; shown = true {
		var page bytes.Buffer
		c.stdout = &page
		err := show(ctx)
		var lost *unreachable
		switch {
		case ctx.Err() != nil && shown:
			return nil
		case errors.As(err, &lost) && shown:
			page.Reset()
			err = nil
			if c.json { // a document a line, or nothing
				break
			}
			fmt.Fprintln(&page, printable(lost.Error()))
		}
		if err != nil {
			return err
		}
		title := fmt.Sprintf("%s  every %s: %s", time.Now().Format(time.TimeOnly), every, printable(strings.Join(words, " ")))
		switch {
		case screen && !c.json:
			err = draw(out, title, page.String())
		case c.json:
			_, err = page.WriteTo(out)
		default:
			_, err = fmt.Fprintf(out, "%s\n%s\n", title, &page)
		}
		if err != nil {
			return err
		}
		if !pause(ctx, every) {
			return nil
		}
	}
}

// pause says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// draw shows a page on a terminal, as much of it as there is room for, without a
// moment in which it is empty.
func draw(out io.Writer, title, page string) error {
	rows, columns, _ := terminal(out)
	lines := append([]string{title, ""}, strings.Split(strings.TrimRight(page, "\n"), "\n")...)
	if len(lines) > rows-1 {
		lines = append(lines[:rows-2:rows-2], "…")
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, line := range lines {
		if r := []rune(line); len(r) > columns {
			line = string(r[:columns-1]) + "…"
		}
		b.WriteString(line + "\x1b[K\r\n")
	}
	b.WriteString("\x1b[J")
	_, err := io.WriteString(out, b.String())
	return err
}
