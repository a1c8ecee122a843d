package push

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/encoderbox/encoderbox/output"
)

// minSecret is the length below which a part of a URL is left in error texts:
// it is no secret, and would be found inside ordinary words.
const minSecret = 6

// describe is err as one line that names the destination and holds no secret
// of the target, whatever the library below has put into it.
func describe(t output.Target, err error) string {
	return output.Redacted(t.URL) + ": " + clean(t, err.Error())
}

// maxLine bounds a line of status, in characters: a peer's own words are in it,
// and some libraries pass on all of them.
const maxLine = 1000

// clean is s as one line without secrets, bounded, and without what would disturb
// a terminal.
func clean(t output.Target, s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	for _, secret := range secrets(t) {
		s = strings.ReplaceAll(s, secret, "***")
	}
	if r := []rune(s); len(r) > maxLine {
		s = string(r[:maxLine]) + "…"
	}
	return s
}

// secrets lists what must not be seen, the longest first.
func secrets(t output.Target) []string {
	var all []string
	add := func(s string) {
		if len(s) >= minSecret {
			all = append(all, s, url.PathEscape(s), url.QueryEscape(s))
		}
	}
	for key, v := range t.Options {
		if key == "ice_server" { // turn:USER:PASSWORD@HOST
			if at := strings.LastIndexByte(v, '@'); at >= 0 {
				parts := strings.SplitN(v[:at], ":", 3)
				add(parts[len(parts)-1])
			}
		}
		if isSecret(key) {
			add(v)
			if i := strings.LastIndexByte(v, ' '); i >= 0 {
				add(v[i+1:]) // "Bearer SECRET"
			}
		}
	}
	if u := t.URL; u != nil {
		all = append(all, u.String())
		if password, ok := u.User.Password(); ok {
			add(password)
		}
		for key, vs := range u.Query() {
			if u.Scheme == "srt" && !isSecret(key) {
				continue // SRT's query is its options: "mode", "latency"
			}
			for _, v := range vs {
				add(v)
			}
		}
		add(u.Fragment)
		if strings.HasPrefix(u.Scheme, "whip") {
			add(strings.Trim(u.Path, "/"))
		}
		if strings.HasPrefix(u.Scheme, "rtmp") {
			path := strings.TrimSuffix(u.Path, "/")
			add(path[strings.LastIndexByte(path, '/')+1:])
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

func isSecret(option string) bool {
	option = strings.ToLower(option)
	for _, word := range []string{"pass", "key", "streamid", "auth", "token", "secret", "header.", "cookie"} {
		if strings.Contains(option, word) {
			return true
		}
	}
	return false
}
