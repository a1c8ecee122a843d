// Package serve answers HTTP requests for the CMAF files of a stream: what the
// protocols that players fetch by name (HLS, DASH) have in common. Names are
// looked up in a segment.Window, never in the file system.
package serve

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

// What a manifest says holds until the next segment; files never change under
// their names.
const (
	cacheManifest = "no-cache" // to be validated by ETag each time
	cacheMedia    = "public, max-age=31536000, immutable"
)

// Begin opens every answer to pages of any origin. It answers OPTIONS and what
// is neither GET nor HEAD, and says whether the request is still to be answered.
func Begin(w http.ResponseWriter, r *http.Request) bool {
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, Date, ETag, Retry-After")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodOptions:
		head.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		head.Set("Access-Control-Allow-Headers", "Range, If-None-Match, If-Range, Cache-Control")
		head.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	default:
		head.Set("Allow", "GET, HEAD, OPTIONS")
		Fail(w, http.StatusMethodNotAllowed, "segments are read by GET, not changed by "+r.Method)
	}
	return false
}

// Fail answers with a line for people. Errors are never cached.
func Fail(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, code)
}

// Manifest answers with a playlist or an MPD. tag tells this state of it from
// every other one.
func Manifest(w http.ResponseWriter, r *http.Request, contentType, tag string, body []byte) {
	head := w.Header()
	head.Set("Content-Type", contentType)
	head.Set("Cache-Control", cacheManifest)
	head.Set("ETag", strconv.Quote(tag))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

var kinds = []media.Kind{media.Video, media.Audio}

// File answers with the segment file or header of that name, if the window or
// one of its segments has it, and says so.
func File(w http.ResponseWriter, r *http.Request, window *segment.Window, name string) bool {
	for _, k := range kinds {
		if i := window.Init(k); i != nil && i.Name == name {
			serveInit(w, r, i)
			return true
		}
	}
	for s := range window.All {
		if Part(w, r, s, name) {
			return true
		}
	}
	return false
}

// Part answers with the file of that name, if it is the segment's or the header
// of one of its tracks, and says so.
func Part(w http.ResponseWriter, r *http.Request, s *segment.Segment, name string) bool {
	for _, k := range kinds {
		m := s.Media(k)
		switch {
		case m == nil:
		case m.Name == name && !m.Gap:
			serveMedia(w, r, m, k)
			return true
		case m.Init != nil && m.Init.Name == name:
			serveInit(w, r, m.Init)
			return true
		}
	}
	return false
}

func serveInit(w http.ResponseWriter, r *http.Request, i *segment.Init) {
	setMedia(w.Header(), i.Track.Kind(), i.Name)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(i.Data))
}

// serveMedia leaves the copying to the kernel (sendfile) where the content is a
// file and the connection plain TCP.
func serveMedia(w http.ResponseWriter, r *http.Request, m *segment.Media, k media.Kind) {
	f, err := m.Content.Open()
	switch {
	case errors.Is(err, fs.ErrNotExist): // expired since the window was read
		Fail(w, http.StatusNotFound, m.Name+" has just expired: reload the manifest")
		return
	case err != nil:
		Fail(w, http.StatusInternalServerError, fmt.Sprintf("segment %s cannot be read: %v", m.Name, err))
		return
	}
	defer f.Close()
	setMedia(w.Header(), k, m.Name)
	http.ServeContent(w, r, "", time.Time{}, f)
}

// setMedia sets what all media files have in common. A name is never used
// twice, so it is the strong validator too.
func setMedia(head http.Header, k media.Kind, name string) {
	head.Set("Content-Type", k.String()+"/mp4")
	head.Set("Cache-Control", cacheMedia)
	head.Set("ETag", strconv.Quote(name))
}

// NotFound says what is there instead. manifest is what players load first.
func NotFound(w http.ResponseWriter, window *segment.Window, name, manifest string) {
	text := fmt.Sprintf("%q is not there: the stream has no segments now", name)
	if n := len(window.Segments); n > 0 {
		text = fmt.Sprintf("%q is not there: it has expired, was lost, or never was; segments %d to %d are listed in %s",
			name, window.Segments[0].Sequence, window.Segments[n-1].Sequence, manifest)
	}
	Fail(w, http.StatusNotFound, text)
}

// Split takes a segment's file name apart: what all files of the track in this
// run begin with, and the segment's sequence number.
func Split(name string) (prefix string, sequence uint64, ok bool) {
	stem, ok := strings.CutSuffix(name, ".m4s")
	i := strings.LastIndexByte(stem, '_') + 1
	if !ok || i == 0 || i == len(stem) || stem[i] == '+' || stem[i] == '0' && i+1 < len(stem) {
		return "", 0, false
	}
	sequence, err := strconv.ParseUint(stem[i:], 10, 64)
	return stem[:i], sequence, err == nil
}
