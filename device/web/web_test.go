package web

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var page = fstest.MapFS{
	"index.html":         {Data: []byte("<!doctype html>" + strings.Repeat("<p>page</p>", 100))},
	"assets/app-1234.js": {Data: []byte("console.log(1)")},
	"icon.svg":           {Data: []byte("<svg/>")},
	"picture.png":        {Data: []byte("\x89PNG")},
}

func testHandler(t *testing.T) http.Handler {
	t.Helper()
	h, err := newHandler(page)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// get asks with header lines given as name, value, name, value….
func get(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFilesHaveTypesAndCaching(t *testing.T) {
	h := testHandler(t)
	for _, c := range []struct{ target, name, contentType, cache string }{
		{"/", "index.html", "text/html; charset=utf-8", cacheNamed},
		{"/index.html", "index.html", "text/html; charset=utf-8", cacheNamed},
		{"/?from=bookmark", "index.html", "text/html; charset=utf-8", cacheNamed},
		{"/assets/app-1234.js", "assets/app-1234.js", "text/javascript; charset=utf-8", cacheHashed},
		{"/icon.svg", "icon.svg", "image/svg+xml", cacheNamed},
		{"/picture.png", "picture.png", "image/png", cacheNamed},
	} {
		resp := get(h, "GET", c.target)
		if resp.StatusCode != http.StatusOK || body(t, resp.Body) != string(page[c.name].Data) {
			t.Errorf("%s: status %d or other content", c.target, resp.StatusCode)
		}
		if got := resp.Header.Get("Content-Type"); got != c.contentType {
			t.Errorf("%s: content type %q", c.target, got)
		}
		if got := resp.Header.Get("Cache-Control"); got != c.cache {
			t.Errorf("%s: cache control %q", c.target, got)
		}
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	h := testHandler(t)
	for _, target := range []string{"/", "/assets/app-1234.js", "/nothing"} {
		head := get(h, "GET", target).Header
		if csp := head.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") ||
			!strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", target, csp)
		}
		if head.Get("X-Content-Type-Options") != "nosniff" || head.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", target, head)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	h := testHandler(t)
	for _, target := range []string{"/nothing", "/assets/", "/assets", "/../web.go", "/%2e%2e/web.go", "/assets/app-0000.js", "//index.html"} {
		resp := get(h, "GET", target)
		if resp.StatusCode != http.StatusNotFound || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, cache control %q", target, resp.StatusCode, resp.Header.Get("Cache-Control"))
		}
	}
	if resp := get(h, "POST", "/"); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
	if resp := get(h, "HEAD", "/"); resp.StatusCode != http.StatusOK || body(t, resp.Body) != "" {
		t.Errorf("HEAD: status %d or a body", resp.StatusCode)
	}
}

func TestCompressionIsAskedFor(t *testing.T) {
	h := testHandler(t)
	for accept, want := range map[string]bool{
		"gzip": true, "br, gzip;q=0.8": true, "GZIP": true, "deflate , gzip ; q=1": true,
		"": false, "br": false, "gzip;q=0": false, "gzip;q=0.0": false, "gzip;q=much": false, "x-gzipped": false,
	} {
		resp := get(h, "GET", "/", "Accept-Encoding", accept)
		got := resp.Header.Get("Content-Encoding") == "gzip"
		if got != want {
			t.Errorf("%q: compressed %v", accept, got)
		}
		if resp.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: Vary %q", accept, resp.Header.Get("Vary"))
		}
		var content io.Reader = resp.Body
		if got {
			z, err := gzip.NewReader(resp.Body)
			if err != nil {
				t.Fatalf("%q: %v", accept, err)
			}
			content = z
		}
		if body(t, content) != string(page["index.html"].Data) {
			t.Errorf("%q: other content", accept)
		}
	}
	if resp := get(h, "GET", "/picture.png", "Accept-Encoding", "gzip"); resp.Header.Get("Content-Encoding") != "" {
		t.Error("a picture was compressed again")
	}
}

func TestValidatorsDifferByFormAndAreHonoured(t *testing.T) {
	h := testHandler(t)
	plain := get(h, "GET", "/").Header.Get("ETag")
	packed := get(h, "GET", "/", "Accept-Encoding", "gzip").Header.Get("ETag")
	if plain == "" || packed == "" || plain == packed {
		t.Fatalf("ETag %q plain, %q compressed", plain, packed)
	}
	if resp := get(h, "GET", "/", "If-None-Match", plain); resp.StatusCode != http.StatusNotModified {
		t.Errorf("not validated: status %d", resp.StatusCode)
	}
	if resp := get(h, "GET", "/", "If-None-Match", packed, "Accept-Encoding", "gzip"); resp.StatusCode != http.StatusNotModified {
		t.Errorf("not validated compressed: status %d", resp.StatusCode)
	}
	if resp := get(h, "GET", "/", "If-None-Match", `"older"`); resp.StatusCode != http.StatusOK {
		t.Errorf("an old page was declared new: status %d", resp.StatusCode)
	}
}

// The page must work on a network without any other machine.
func TestThePageIsWholeAndNamesNoOtherHost(t *testing.T) {
	h := Handler()
	resp := get(h, "GET", "/")
	html := body(t, resp.Body)
	refs := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(html, -1)
	if len(refs) < 3 {
		t.Fatalf("the page refers to %d files: %s", len(refs), html)
	}
	for _, ref := range refs {
		name := ref[1]
		if strings.Contains(name, "//") {
			t.Errorf("%s is an address outside", name)
		}
		if strings.HasPrefix(name, "api/") || strings.HasPrefix(name, "hls/") {
			continue
		}
		if resp := get(h, "GET", "/"+name); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
	}
	if regexp.MustCompile(`<script(?: [^>]*)?>[^<]|<style|\son\w+=|\sstyle=`).MatchString(html) {
		t.Error("the page has inline code, which its policy forbids")
	}
}

func TestEveryBuiltFileHasAType(t *testing.T) {
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if contentType(name) == "application/octet-stream" {
			t.Errorf("%s: no content type for %s", name, path.Ext(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
