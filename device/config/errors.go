package config

import (
	"fmt"
	"strings"
)

// Error is one thing that is wrong in a configuration.
type Error struct {
	File         string // "" for a change by the API
	Line, Column int    // where the key stands, from 1; 0 where there is no place
	Key          string // "streams.main.video.bitrate"; "" for the document as a whole
	Message      string // one line: what was found, and what was expected
}

// Error is one line: file:line:column, the key, what was found and expected.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", e.Line, e.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Errors is everything that is wrong in a configuration, in the order of the
// document.
type Errors []*Error

// Error is one line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As each of them.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}
