package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// file is one file of the page. Its content stays where root has it; only the
// compressed form, made when it is first asked for, is kept in memory.
type file struct {
	root        fs.FS
	name        string
	contentType string
	tag         string // of the content, for ETag
	compressed  func() ([]byte, error)
}

func newFile(root fs.FS, name string) (*file, error) {
	f := &file{root: root, name: name, contentType: contentType(name)}
	content, err := f.open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, content); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	f.tag = fmt.Sprintf("%x", sum.Sum(nil)[:12])
	f.compressed = sync.OnceValues(f.compress)
	return f, nil
}

// contentType is not left to mime.TypeByExtension, which asks the machine's
// tables and so differs between machines.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".json":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

type seekableFile interface {
	fs.File
	io.ReadSeeker
}

func (f *file) open() (seekableFile, error) {
	opened, err := f.root.Open(f.name)
	if err != nil {
		return nil, err
	}
	content, ok := opened.(seekableFile)
	if !ok {
		_ = opened.Close()
		return nil, fmt.Errorf("open %s: %w", f.name, fs.ErrInvalid)
	}
	return content, nil
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Type", f.contentType)
	head.Set("Vary", "Accept-Encoding")
	if f.contentType != "image/png" && acceptsGzip(r) {
		content, err := f.compressed()
		if err != nil {
			fail(w, http.StatusInternalServerError, err.Error())
			return
		}
		head.Set("Content-Encoding", "gzip")
		head.Set("ETag", `"`+f.tag+`-gzip"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		return
	}
	content, err := f.open()
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	defer content.Close()
	head.Set("ETag", `"`+f.tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
}

func (f *file) compress() ([]byte, error) {
	content, err := f.open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.Copy(z, content); err != nil {
		return nil, fmt.Errorf("compress %s: %w", f.name, err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress %s: %w", f.name, err)
	}
	return bytes.Clone(out.Bytes()), nil
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3).
func acceptsGzip(r *http.Request) bool {
	for _, header := range r.Header.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(header, ",") {
			coding, params, _ := strings.Cut(item, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			weight, given := strings.CutPrefix(strings.TrimSpace(params), "q=")
			q, err := strconv.ParseFloat(weight, 64)
			return !given || err == nil && q > 0
		}
	}
	return false
}
