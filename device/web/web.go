// Package web is the box's page on the LAN: a program for the browser, built
// from ui/ into dist/ and carried inside the binary, so that a box needs
// neither files beside the daemon nor an address outside. It reads the API
// under /api/v1/ and plays /hls/ like any other client.
package web

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed dist
var dist embed.FS

const (
	indexName = "index.html"
	// hashedDir has the files whose names change with their content.
	hashedDir = "assets/"

	cacheHashed = "public, max-age=31536000, immutable"
	cacheNamed  = "no-cache" // to be validated by ETag each time

	// policy lets the page load from this box alone; blob: is where the player
	// puts the media that it has put together.
	policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

// Handler serves the page at / and its files beside it.
func Handler() http.Handler {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name above is a valid one
	}
	h, err := newHandler(root)
	if err != nil {
		panic(err) // files inside the binary can always be read
	}
	return h
}

type handler struct{ files map[string]*file }

// newHandler serves the files that root has now.
func newHandler(root fs.FS) (*handler, error) {
	h := &handler{files: map[string]*file{}}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := newFile(root, name)
		if err != nil {
			return err
		}
		h.files[name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("web: read the page's files: %w", err)
	}
	return h, nil
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "the page is read by GET, not by "+r.Method)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = indexName
	}
	f := h.files[name]
	if f == nil {
		fail(w, http.StatusNotFound, "there is no such page on this box: its page is at /")
		return
	}
	head.Set("Cache-Control", cacheNamed)
	if strings.HasPrefix(name, hashedDir) {
		head.Set("Cache-Control", cacheHashed)
	}
	f.serve(w, r)
}

// fail answers with a line for people. Errors are never cached.
func fail(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, code)
}
