package httpd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func serve(t *testing.T, addr string, h http.Handler) (url string, stop func() error) {
	t.Helper()
	return serveBy(t, &Server{}, addr, h)
}

func serveBy(t *testing.T, s *Server, addr string, h http.Handler) (url string, stop func() error) {
	t.Helper()
	bound := make(chan net.Addr, 1)
	s.Addr, s.Handler, s.Log, s.Listening = addr, h, slog.New(slog.DiscardHandler), func(a net.Addr) { bound <- a }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, func() {}) }()
	select {
	case a := <-bound:
		return "http://" + a.String(), func() error { cancel(); return <-done }
	case err := <-done:
		cancel()
		t.Fatal(err)
		return "", nil
	}
}

func TestPortInUseIsNamedWithTheWayOut(t *testing.T) {
	url, stop := serve(t, "127.0.0.1:0", http.NotFoundHandler())
	addr := strings.TrimPrefix(url, "http://")
	second := &Server{Addr: addr, Log: slog.New(slog.DiscardHandler), Listening: func(net.Addr) { t.Error("listening") }}
	err := second.Run(t.Context(), func() { t.Error("ready") })
	if err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "http.listen") {
		t.Errorf("error %v", err)
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped with %v", err)
	}
	// The port is free again at once.
	_, stop = serve(t, addr, http.NotFoundHandler())
	_ = stop()
}

func TestEndlessAnswersDoNotHoldUpTheEnd(t *testing.T) {
	url, stop := serve(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "first\n" {
		t.Fatalf("%q, %v", line, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("an open answer keeps the server from ending")
	}
}

func TestMounts(t *testing.T) {
	show := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, name+" "+r.URL.Path) })
	}
	m := Mounts{Folders: []string{"video"}}
	get := func(path string) string {
		w := httptest.NewRecorder()
		http.StripPrefix("/hls", &m).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/hls"+path, nil))
		if w.Code != http.StatusOK {
			return http.StatusText(w.Code)
		}
		return w.Body.String()
	}
	removeOld := m.Mount("main", show("old"))
	removeMain := m.Mount("main", show("main"))
	m.Mount("aux", show("aux"))
	m.SetDefault("main")
	for path, want := range map[string]string{
		"/index.m3u8":       "main /index.m3u8",
		"/main/index.m3u8":  "main /index.m3u8",
		"/aux/video/1.m4s":  "aux /video/1.m4s",
		"/video/1.m4s":      "main /video/1.m4s",
		"/aux":              "main /aux",
		"/unknown/x.m3u8":   "Not Found",
		"/aux/../main/x":    "aux /../main/x",
		"/%61ux/index.m3u8": "aux /index.m3u8",
	} {
		if got := get(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	removeOld() // it was replaced meanwhile
	if got := get("/index.m3u8"); got != "main /index.m3u8" {
		t.Errorf("removed by another: %q", got)
	}
	removeMain()
	if got := get("/index.m3u8"); got != "Not Found" {
		t.Errorf("removed: %q", got)
	}
}
