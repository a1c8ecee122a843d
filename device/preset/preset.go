// Package preset keeps presets: named pieces of configuration, each the streams of a box
// with all that is in them, as a document that could stand in the box's own file. Two
// folders have them: the box's own, and one that its maker ships, which is never written.
//
// The package knows names, sizes and files; whether a preset is valid on a box depends on
// its other settings, and is asked where it is applied. The presets of platforms that a
// destination can name are another thing: see output/preset.
package preset

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits.
const (
	MaxSize = 64 << 10 // bytes of a document
	MaxKept = 64       // presets of a folder
	MaxNote = 80       // runes of a note
)

// Extension ends the name of a preset's file.
const Extension = ".toml"

// The errors that callers tell apart.
var (
	ErrNotFound = errors.New("there is no such preset")
	ErrMakers   = errors.New("it came with the box and cannot be removed")
	ErrFull     = fmt.Errorf("%d presets are kept already: remove one first", MaxKept)
)

// Preset is one that is kept, or one on a medium.
type Preset struct {
	Name string
	// Note is what the first line says behind "# ".
	Note   string
	Makers bool // it is the maker's
	File   string
	Doc    []byte // secrets included; nil where Err is not
	Err    error  // why the file is no preset
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// CheckName says what is wrong with a name.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("%.40q is no name of a preset: 1 to 32 of a-z, 0-9 and -, not starting with -", name)
	}
	return nil
}

// Check says what is wrong with a document before anything is known of its content.
func Check(doc []byte) error {
	switch {
	case len(doc) > MaxSize:
		return fmt.Errorf("more than %d bytes, no preset is so long", MaxSize)
	case len(strings.TrimSpace(string(doc))) == 0:
		return errors.New("it is empty, expected tables such as [streams.main]")
	case !utf8.Valid(doc):
		return errors.New("it is no text in UTF-8")
	}
	return nil
}

// Noted is a document with a note as its first line, in place of the one it has.
func Noted(note string, doc []byte) []byte {
	text := string(doc)
	if noteOf(doc) != "" {
		_, text, _ = strings.Cut(text, "\n")
	}
	if note = clean(note); note == "" {
		return []byte(text)
	}
	return []byte("# " + note + "\n" + text)
}

// noteOf is what a document's first line says, if that is a comment.
func noteOf(doc []byte) string {
	line, _, _ := strings.Cut(string(doc), "\n")
	if !strings.HasPrefix(line, "#") {
		return ""
	}
	return clean(strings.TrimLeft(line, "#"))
}

// clean makes a note one short line.
func clean(note string) string {
	note = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(note, ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if runes := []rune(note); len(runes) > MaxNote {
		note = string(runes[:MaxNote-1]) + "…"
	}
	return note
}
