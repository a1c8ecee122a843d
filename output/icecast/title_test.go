package icecast

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/output"
)

// SHOUTcast has the password in the query of the title, and some servers say back
// what they were asked.
func TestATitleThatIsRefusedShowsNoPassword(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "no "+r.URL.Query().Get("pass")+" in "+r.URL.RawQuery)
	}))
	defer server.Close()
	tg := output.Target{Options: map[string]string{"title": "on now"}, URL: &url.URL{
		Scheme: "shoutcast", User: url.UserPassword("", "p&ss word"), Host: strings.TrimPrefix(server.URL, "http://"),
	}}
	err := tellShoutcast(t.Context(), tg)
	if err == nil {
		t.Fatal("a no is taken for a yes")
	}
	text := withoutPassword(tg, err)
	if strings.Contains(text, "p&ss") || strings.Contains(text, "p%26ss") || !strings.Contains(text, "404 no ***") {
		t.Error(text)
	}
}
