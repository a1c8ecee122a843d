// Package hls serves the segments of one stream as HLS (RFC 8216bis): a
// multivariant playlist, a media playlist a track, and the CMAF files that
// output/segment wrote. It holds no state of the stream: every answer is made
// from the newest segment.Window.
package hls

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

// Source has the segments of a stream. *segment.Segmenter is one.
type Source interface{ Window() *segment.Window }

// Content types and caching. What a playlist says holds until the next
// segment; files never change under their names.
const (
	typePlaylist  = "application/vnd.apple.mpegurl"
	cachePlaylist = "no-cache" // to be validated by ETag each time
	cacheMedia    = "public, max-age=31536000, immutable"
)

// Handler serves one stream. It is mounted behind http.StripPrefix: what is
// left of a request's path is a file name, and all references are relative.
// Names are looked up in the window, never in the file system.
type Handler struct {
	source    Source
	playlists atomic.Pointer[playlists]
}

// NewHandler serves the source's segments.
func NewHandler(source Source) *Handler { return &Handler{source: source} }

// playlists are those of one window.
type playlists struct {
	window *segment.Window
	files  map[string][]byte
}

// ServeHTTP answers GET, HEAD and OPTIONS, for pages of any origin.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, Date, ETag, Retry-After")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		head.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		head.Set("Access-Control-Allow-Headers", "Range, If-None-Match, If-Range, Cache-Control")
		head.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		head.Set("Allow", "GET, HEAD, OPTIONS")
		fail(w, http.StatusMethodNotAllowed, "segments are read by GET, not changed by "+r.Method)
		return
	}
	h.get(w, r, strings.TrimPrefix(r.URL.Path, "/"))
}

func (h *Handler) get(w http.ResponseWriter, r *http.Request, name string) {
	window := h.source.Window()
	switch name {
	case multivariantName, videoName, audioName:
		h.playlist(w, r, window, name)
		return
	}
	if init := findInit(window, name); init != nil {
		setMedia(w.Header(), init.Track.Kind(), init.Name)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(init.Data))
		return
	}
	if m, kind := findMedia(window, name); m != nil && !m.Gap {
		serveFile(w, r, m, kind)
		return
	}
	fail(w, http.StatusNotFound, notFound(window, name))
}

func (h *Handler) playlist(w http.ResponseWriter, r *http.Request, window *segment.Window, name string) {
	if !playable(window) {
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, "there is no segment yet: the stream is starting, or its input or storage fails; see the box's status")
		return
	}
	p := h.playlists.Load()
	if p == nil || p.window != window {
		var err error
		if p, err = render(window); err != nil {
			fail(w, http.StatusInternalServerError, err.Error())
			return
		}
		h.playlists.Store(p)
	}
	body := p.files[name]
	if body == nil {
		fail(w, http.StatusNotFound, fmt.Sprintf("this stream has no %s: load %s", strings.TrimSuffix(name, ".m3u8"), multivariantName))
		return
	}
	head := w.Header()
	head.Set("Content-Type", typePlaylist)
	head.Set("Cache-Control", cachePlaylist)
	head.Set("ETag", fmt.Sprintf("%q", fmt.Sprintf("%s-%d", window.Run, window.Version)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func render(w *segment.Window) (*playlists, error) {
	video, err := mediaPlaylist(w, media.Video)
	if err != nil {
		return nil, err
	}
	audio, err := mediaPlaylist(w, media.Audio)
	if err != nil {
		return nil, err
	}
	return &playlists{window: w, files: map[string][]byte{
		multivariantName: multivariant(w), videoName: video, audioName: audio,
	}}, nil
}

// findInit looks for a header that the window or one of its segments uses.
func findInit(w *segment.Window, name string) *segment.Init {
	for _, k := range []media.Kind{media.Video, media.Audio} {
		if i := w.Init(k); i != nil && i.Name == name {
			return i
		}
		for s := range w.All {
			if m := s.Media(k); m != nil && m.Init != nil && m.Init.Name == name {
				return m.Init
			}
		}
	}
	return nil
}

func findMedia(w *segment.Window, name string) (*segment.Media, media.Kind) {
	for s := range w.All {
		for _, k := range []media.Kind{media.Video, media.Audio} {
			if m := s.Media(k); m != nil && m.Name == name {
				return m, k
			}
		}
	}
	return nil, 0
}

// serveFile leaves the copying to the kernel (sendfile) where the connection
// is plain TCP.
func serveFile(w http.ResponseWriter, r *http.Request, m *segment.Media, k media.Kind) {
	f, err := m.Content.Open()
	switch {
	case errors.Is(err, fs.ErrNotExist): // expired since the window was read
		fail(w, http.StatusNotFound, m.Name+" has just expired: reload the playlist")
		return
	case err != nil:
		fail(w, http.StatusInternalServerError, fmt.Sprintf("hls: segment %s: %v", m.Name, err))
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
	head.Set("ETag", fmt.Sprintf("%q", name))
}

func notFound(w *segment.Window, name string) string {
	if len(w.Segments) == 0 {
		return fmt.Sprintf("%q is not there: the stream has no segments now", name)
	}
	return fmt.Sprintf("%q is not there: it has expired, was lost, or never was; segments %d to %d are listed in %s",
		name, w.Segments[0].Sequence, w.Segments[len(w.Segments)-1].Sequence, multivariantName)
}

// fail answers with a line for people. Errors are never cached.
func fail(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, code)
}
