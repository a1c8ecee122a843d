package playlist

import (
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// line is one that says something: a tag, split at its colon, or a URI.
type line struct {
	number     int
	tag, value string // tag without "#"; empty for a URI
	colon      bool   // the tag had a value, were it empty
}

func (l line) errorf(format string, args ...any) error {
	what := l.tag
	if what == "" {
		what = "URI"
	}
	return fmt.Errorf("line %d: %s: %w", l.number, what, fmt.Errorf(format, args...))
}

// lines yields the tags and URIs of a playlist after EXTM3U.
func lines(doc []byte) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		text, err := text(doc)
		if err != nil {
			yield(line{}, err)
			return
		}
		n := 1
		for row := range strings.Lines(text) {
			n++
			row = strings.TrimSuffix(strings.TrimSuffix(row, "\n"), "\r")
			l := line{number: n, value: row}
			if row == "" || strings.HasPrefix(row, "#") && !strings.HasPrefix(row, "#EXT") {
				continue // empty lines and comments
			}
			if strings.HasPrefix(row, "#") {
				l.tag, l.value, l.colon = strings.Cut(row[1:], ":")
			}
			if strings.TrimSpace(row) != row {
				yield(l, l.errorf("white space around it"))
				return
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// text is the document after its first line, which must be EXTM3U.
func text(doc []byte) (string, error) {
	s := string(doc)
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("not UTF-8")
	}
	if !strings.HasSuffix(s, "\n") {
		return "", fmt.Errorf("the last line does not end")
	}
	for _, c := range s {
		if c != '\n' && c != '\r' && (c < 0x20 || c >= 0x7f && c <= 0x9f) {
			return "", fmt.Errorf("control character %U", c)
		}
	}
	first, rest, _ := strings.Cut(s, "\n")
	if strings.TrimSuffix(first, "\r") != "#EXTM3U" {
		return "", fmt.Errorf("line 1: not #EXTM3U")
	}
	return rest, nil
}

// once refuses tags that come a second time.
type once map[string]bool

func (o once) check(l line) error {
	if o[l.tag] {
		return l.errorf("there twice")
	}
	o[l.tag] = true
	return nil
}

func (l line) integer() (uint64, error) {
	if !isInteger.MatchString(l.value) {
		return 0, l.errorf("%q is not a decimal-integer", l.value)
	}
	return strconv.ParseUint(l.value, 10, 64)
}

var (
	isInteger    = regexp.MustCompile(`^[0-9]{1,20}$`)
	isFloat      = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	isResolution = regexp.MustCompile(`^[1-9][0-9]*x[1-9][0-9]*$`)
	isEnum       = regexp.MustCompile(`^[^",\s]+$`)
	attribute    = regexp.MustCompile(`^([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s][^",]*)(,|$)`)
)

// form is the notation of an attribute's value.
type form string

const (
	quoted     form = "quoted-string"
	integer    form = "decimal-integer"
	float      form = "decimal-floating-point"
	enum       form = "enumerated-string"
	resolution form = "decimal-resolution"
)

func (f form) fits(v string) bool {
	switch f {
	case quoted:
		return len(v) > 2 && v[0] == '"'
	case integer:
		return isInteger.MatchString(v)
	case float:
		return isFloat.MatchString(v)
	case resolution:
		return isResolution.MatchString(v)
	}
	return isEnum.MatchString(v)
}

// attributes reads an attribute list. forms has those that are known; the
// values come without quotes.
func (l line) attributes(forms map[string]form, required ...string) (map[string]string, error) {
	found := map[string]string{}
	for rest := l.value; ; {
		m := attribute.FindStringSubmatch(rest)
		if m == nil {
			return nil, l.errorf("not an attribute list at %q", rest)
		}
		name, value := m[1], m[2]
		f, known := forms[name]
		_, twice := found[name]
		switch {
		case !known:
			return nil, l.errorf("unknown attribute %s", name)
		case twice:
			return nil, l.errorf("attribute %s is there twice", name)
		case !f.fits(value):
			return nil, l.errorf("%s=%s is not a %s", name, value, f)
		}
		found[name] = strings.Trim(value, `"`)
		rest = rest[len(m[0]):]
		if m[3] == "" {
			break
		}
	}
	for _, name := range required {
		if _, ok := found[name]; !ok {
			return nil, l.errorf("%s is missing", name)
		}
	}
	return found, nil
}
