package control

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
)

// Kind is the type of an argument.
type Kind string

// The kinds, and how they are typed.
const (
	Word     Kind = "word"     // one word: a name, an address
	Text     Kind = "text"     // anything; where words are typed, the rest of the line
	Integer  Kind = "integer"  // 12
	Duration Kind = "duration" // 90s, 5m
	Bitrate  Kind = "bitrate"  // 2.5M, 800k
	Switch   Kind = "switch"   // on, off
	Choice   Kind = "choice"   // one of Choices
	Document Kind = "document" // a file's text, lines and all; where words are typed, it is left out or one line
)

// Arg is one argument of a Command. Those that may be left out come last. Its JSON form
// is that of the API.
type Arg struct {
	Name     string   `json:"name"` // lower case, unique in its command
	Help     string   `json:"help"` // one line, without a period
	Kind     Kind     `json:"kind"`
	Unit     string   `json:"unit,omitempty"` // for people: "seconds"
	Optional bool     `json:"optional"`
	Default  string   `json:"default,omitempty"` // of an optional one; "" stays ""
	Choices  []string `json:"choices,omitempty"` // of a Choice
	Spaces   bool     `json:"spaces,omitempty"`  // a Word may have spaces in it: it is typed in quotes then
	// Of an Integer, in Unit; of a Duration, seconds; both 0: no bounds.
	Min int64 `json:"min,omitempty"`
	Max int64 `json:"max,omitempty"`
	// Values are what it may be now, for completion, in the order to offer them; nil
	// where nobody knows. given are the arguments typed so far. It does not block.
	Values func(s *status.Snapshot, given Args) []string `json:"-"`
	Secret bool                                          `json:"secret,omitempty"` // is neither echoed nor logged
}

// maxArg and maxDocument bound an argument, bytes.
const (
	maxArg      = 64 << 10
	maxDocument = 1 << 20
)

// Args are a command's arguments by name, valid and in canonical form.
type Args map[string]string

// Get is an argument as text, "" when it was left out.
func (a Args) Get(name string) string { return a[name] }

// Int is an Integer, 0 when it was left out.
func (a Args) Int(name string) int64 {
	n, _ := strconv.ParseInt(a[name], 10, 64)
	return n
}

// Duration is a Duration, 0 when it was left out.
func (a Args) Duration(name string) time.Duration {
	var d config.Duration
	_ = d.UnmarshalText([]byte(a[name]))
	return d.Std()
}

// Bitrate is a Bitrate in bits per second, 0 when it was left out.
func (a Args) Bitrate(name string) int {
	var b config.Bitrate
	_ = b.UnmarshalText([]byte(a[name]))
	return int(b)
}

// On is a Switch, false when it was left out.
func (a Args) On(name string) bool { return a[name] == "on" }

// parse makes an argument canonical.
func (a Arg) parse(text string) (string, error) {
	most, document := maxArg, a.Kind == Document
	if document {
		most = maxDocument
	}
	if len(text) > most {
		return "", fmt.Errorf("%d bytes long, at most %d are taken", len(text), most)
	}
	if i := strings.IndexFunc(text, func(r rune) bool {
		return (unicode.IsControl(r) || r == unicode.ReplacementChar) && (!document || !strings.ContainsRune("\n\r\t", r))
	}); i >= 0 {
		return "", fmt.Errorf("byte %d is no character that can be typed", i+1)
	}
	switch a.Kind {
	case Integer:
		return a.integer(text)
	case Duration:
		return a.duration(text)
	case Bitrate:
		var b config.Bitrate
		if err := b.UnmarshalText([]byte(text)); err != nil {
			return "", fmt.Errorf("%q is no bit rate such as 2.5M or 800k", clip(text))
		}
		return b.String(), nil
	case Switch:
		return a.choose(text, []string{"on", "off"})
	case Choice:
		return a.choose(text, a.Choices)
	case Word:
		if text == "" || !a.Spaces && strings.ContainsFunc(text, unicode.IsSpace) {
			return "", fmt.Errorf("%q is not one word", text)
		}
	case Text, Document:
	}
	return text, nil
}

func (a Arg) integer(text string) (string, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "", fmt.Errorf("%q is no whole number", clip(text))
	}
	if err := a.within(n, strconv.FormatInt, strings.TrimSpace(" "+a.Unit)); err != nil {
		return "", err
	}
	return strconv.FormatInt(n, 10), nil
}

func (a Arg) duration(text string) (string, error) {
	var d config.Duration
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		text = strconv.FormatUint(n, 10) + "s" // what people mean
	}
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return "", fmt.Errorf("%q is no duration such as 90s, 5m or 1h30m", clip(text))
	}
	if d < 0 {
		return "", fmt.Errorf("%s is less than nothing", d)
	}
	rounded := int64(math.Ceil(d.Std().Seconds()))
	seconds := func(n int64, _ int) string { return config.Duration(time.Duration(n) * time.Second).String() }
	if err := a.within(rounded, seconds, ""); err != nil {
		return "", err
	}
	return d.String(), nil
}

func (a Arg) within(n int64, format func(int64, int) string, unit string) error {
	if (a.Min != 0 || a.Max != 0) && (n < a.Min || n > a.Max) {
		if unit != "" {
			unit = " " + unit
		}
		return fmt.Errorf("%s is not between %s and %s%s", format(n, 10), format(a.Min, 10), format(a.Max, 10), unit)
	}
	return nil
}

func (a Arg) choose(text string, choices []string) (string, error) {
	if slices.Contains(choices, strings.ToLower(text)) {
		return strings.ToLower(text), nil
	}
	return "", fmt.Errorf("%q is none of %s", clip(text), strings.Join(choices, ", "))
}

// clip keeps what people typed short in what they are told.
func clip(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// completions are what the argument may be, that begin with what was typed.
func (a Arg) completions(s *status.Snapshot, given Args, typed string) (all []string) {
	values := a.Choices
	switch {
	case a.Kind == Switch:
		values = []string{"on", "off"}
	case a.Values != nil:
		values = a.Values(s, given)
	}
	for _, v := range values {
		if strings.HasPrefix(v, typed) {
			all = append(all, v)
		}
	}
	return all
}
