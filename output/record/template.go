package record

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// DefaultTemplate names files by stream, time and part.
const DefaultTemplate = "{stream}_{date}_{time}_{label}_{part}"

// maxName bounds a file's name without its extension, in bytes: file systems
// take 255, and "-999.finished.mp4.sha256.tmp" must fit behind it.
const maxName = 180

// Template makes files' names. Make one by ParseTemplate.
type Template struct{ text string }

// placeholders are all there are.
var placeholders = []string{"stream", "date", "time", "part", "label", "host"}

// ParseTemplate checks a template: text with placeholders in braces.
func ParseTemplate(s string) (Template, error) {
	if s == "" {
		return Template{DefaultTemplate}, nil
	}
	if len(s) > maxName {
		return Template{}, fmt.Errorf("name template of %d bytes: at most %d", len(s), maxName)
	}
	if !utf8.ValidString(s) {
		return Template{}, fmt.Errorf("name template %q: not UTF-8", s)
	}
	for rest := s; ; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			break
		}
		end := strings.IndexByte(rest[i:], '}')
		if rest[i] == '}' || end < 0 {
			return Template{}, fmt.Errorf("name template %q: a brace without its other half", s)
		}
		name := rest[i+1 : i+end]
		if !slices.Contains(placeholders, name) {
			return Template{}, fmt.Errorf("name template %q: unknown placeholder {%s}; there are {%s}", s, name, strings.Join(placeholders, "}, {"))
		}
		rest = rest[i+end+1:]
	}
	return Template{s}, nil
}

func (t Template) String() string { return t.text }

// Values fill in a template.
type Values struct {
	Stream, Label, Host string
	Begin               time.Time // in the zone to show it in; zero while not known
	Part                int       // from 0
}

// Name is a file's name without extension: never empty, of what every file
// system takes (FAT and NTFS too), and no longer than they do.
func (t Template) Name(v Values) string {
	date, clock := "nodate", "notime"
	if !v.Begin.IsZero() {
		date, clock = v.Begin.Format("2006-01-02"), v.Begin.Format("15-04-05")
	}
	name := strings.NewReplacer(
		"{stream}", v.Stream, "{label}", v.Label, "{host}", v.Host,
		"{date}", date, "{time}", clock, "{part}", fmt.Sprintf("%03d", v.Part+1),
	).Replace(t.text)
	if v.Label == "" { // what stood around it does not stay as a double or loose end
		for _, sep := range []string{"_", "-", " ", "."} {
			name = strings.Trim(strings.ReplaceAll(name, sep+sep, sep), sep)
		}
	}
	return clean(name)
}

// clean replaces what FAT, NTFS, shells and URLs stumble over.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.IsControl(r), strings.ContainsRune(`/\:*?"<>|%#`, r):
			return '_'
		case !unicode.IsPrint(r):
			return '_'
		}
		return r
	}, name)
	for len(name) > maxName {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	name = strings.TrimLeft(strings.Trim(name, " "), ".-") // hidden files, options
	name = strings.TrimRight(name, " .")
	if stem, _, _ := strings.Cut(name, "."); name == "" || reserved(stem) {
		return "recording_" + name
	}
	return name
}

// reserved are the names of devices in DOS and its heirs.
func reserved(stem string) bool {
	stem = strings.ToUpper(stem)
	switch stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	if len(stem) == 4 && (stem[:3] == "COM" || stem[:3] == "LPT") {
		_, err := strconv.Atoi(stem[3:])
		return err == nil
	}
	return false
}
