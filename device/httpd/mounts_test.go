package httpd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestStreamsThatAreToBeServedAreComeBackTo(t *testing.T) {
	m := Mounts{Folders: []string{"ts"}}
	m.SetDefault("main")
	m.Expect("main", "second")
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	remove := m.Mount("main", answer)
	ask := func(path string, code int, retry string) string {
		t.Helper()
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != code || w.Header().Get("Retry-After") != retry {
			t.Errorf("%s: %d, Retry-After %q, want %d, %q", path, w.Code, w.Header().Get("Retry-After"), code, retry)
		}
		return w.Body.String()
	}
	for path, want := range map[string]string{"/main/index.m3u8": "/index.m3u8", "/index.m3u8": "/index.m3u8", "/ts/index.m3u8": "/ts/index.m3u8"} {
		if got := ask(path, http.StatusOK, ""); got != want {
			t.Errorf("%s is asked for as %s", path, got)
		}
	}
	ask("/second/index.m3u8", http.StatusServiceUnavailable, "1")
	remove()
	ask("/main/index.m3u8", http.StatusServiceUnavailable, "1")
	ask("/index.m3u8", http.StatusServiceUnavailable, "1")
	m.Expect("second")
	ask("/main/index.m3u8", http.StatusNotFound, "")
	ask("/index.m3u8", http.StatusNotFound, "")
}
