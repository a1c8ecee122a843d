package rtsp

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/encoderbox/encoderbox/output"
)

func TestRedirectsKeepWhatIsSecretAtHome(t *testing.T) {
	for location, want := range map[string]string{
		"rtsps://a.example:1/x":    "rtsps://joe:pw@a.example:1/x",
		"rtsps://b.example/x#y":    "rtsps://b.example/x",
		"rtsps://eve:1@b.example/": "rtsps://b.example/",
		"rtsp://a.example/x":       "",
		"http://a.example/x":       "",
		"/x":                       "",
		"rtsps://%zz":              "",
	} {
		c := &conn{address: address{url: &url.URL{Scheme: "rtsps", Host: "a.example", User: url.UserPassword("joe", "pw")}, dial: "a.example:322"}}
		err := c.redirect(location)
		var to *output.ReconnectError
		switch {
		case want == "" && (errors.As(err, &to) || !errors.Is(err, output.ErrRejected)):
			t.Errorf("%s: %v", location, err)
		case want != "" && (!errors.As(err, &to) || to.URL.String() != want):
			t.Errorf("%s: %v, want %s", location, err, want)
		}
	}
}

func FuzzWordsOfAServer(f *testing.F) {
	f.Add("rtsp://h/a?b#c", "OK")
	f.Add("rtsps://u:p@h:99999/%2e", "no\x1b[1m\r\n")
	f.Fuzz(func(t *testing.T, location, words string) {
		c := &conn{address: address{url: &url.URL{Scheme: "rtsps", Host: "a.example", User: url.UserPassword("joe", "pw")}, dial: "a.example:322"}}
		var to *output.ReconnectError
		if err := c.redirect(location); errors.As(err, &to) {
			if to.URL.Scheme != "rtsps" || to.URL.User != nil && to.URL.Hostname() != "a.example" {
				t.Errorf("%q leads to %v", location, to.URL)
			}
		}
		if s := clean(words); strings.ContainsFunc(s, unicode.IsControl) || len([]rune(s)) > 121 {
			t.Errorf("%q", s)
		}
	})
}
