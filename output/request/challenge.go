package request

import (
	"strings"
)

// challenge is one way of authentication that a server offers (RFC 9110 §11.6.1).
type challenge struct {
	scheme string            // in lower case
	params map[string]string // names in lower case
}

// Bounds of what is read of a server's challenges.
const (
	maxChallengeText = 8 << 10
	maxChallenges    = 8
	maxParams        = 16
)

// challenges reads the values of WWW-Authenticate. What it cannot read ends the
// list.
func challenges(values []string) (all []challenge) {
	text := strings.Join(values, ", ")
	p := &tokens{text[:min(len(text), maxChallengeText)]}
	for len(all) < maxChallenges {
		p.skip(", \t")
		scheme := p.token()
		if scheme == "" {
			return all
		}
		c := challenge{strings.ToLower(scheme), map[string]string{}}
		for len(c.params) <= maxParams {
			before := *p
			p.skip(", \t")
			name := p.token()
			p.skip(" \t")
			if name == "" || !p.take('=') {
				*p = before // the next scheme, or what is no parameter
				break
			}
			p.skip(" \t")
			value, ok := p.value()
			if !ok {
				return append(all, c)
			}
			c.params[strings.ToLower(name)] = value
		}
		all = append(all, c)
	}
	return all
}

// tokens reads words off a header's value.
type tokens struct{ rest string }

func (t *tokens) skip(set string) { t.rest = strings.TrimLeft(t.rest, set) }

func (t *tokens) take(c byte) bool {
	if t.rest == "" || t.rest[0] != c {
		return false
	}
	t.rest = t.rest[1:]
	return true
}

func (t *tokens) token() string {
	n := strings.IndexFunc(t.rest, notToken)
	if n < 0 {
		n = len(t.rest)
	}
	word := t.rest[:n]
	t.rest = t.rest[n:]
	return word
}

// value is a token or a quoted string (RFC 9110 §5.6.4).
func (t *tokens) value() (string, bool) {
	if !t.take('"') {
		before := len(t.rest)
		word := t.token()
		t.skip("=") // of base64, which has no name
		return word, len(t.rest) < before
	}
	var b strings.Builder
	for i := 0; i < len(t.rest); i++ {
		switch c := t.rest[i]; {
		case c == '"':
			t.rest = t.rest[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(t.rest):
			i++
			b.WriteByte(t.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
