// Package hls serves the segments of one stream as HLS (RFC 8216bis): a
// multivariant playlist, a media playlist a track, and the CMAF files that
// output/segment wrote; and in the folder ts the same as MPEG-TS, made of those
// files on request. A query asks for another time: ?from=…&duration=… for a
// part of what is held, ?offset=… for the live stream as it was.
//
// It holds no state of the stream: every answer is made from the newest
// segment.Window, or what the Archive holds.
package hls

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/serve"
)

// Source has the segments of a stream. *segment.Segmenter is one.
type Source interface{ Window() *segment.Window }

const (
	typePlaylist = "application/vnd.apple.mpegurl"
	typeTS       = "video/mp2t"
)

// Handler serves one stream. It is mounted behind http.StripPrefix: what is
// left of a request's path is a file name, and all references are relative.
// Names are looked up in the window, never in the file system.
type Handler struct {
	// Archive has what the live window has no more; nil for none. It is set
	// before the first request.
	Archive Archive

	source    Source
	playlists atomic.Pointer[playlists]
	ts        *tsCache
	shifted   shifted
	breaks    breaks
}

// NewHandler serves the source's segments.
func NewHandler(source Source) *Handler { return &Handler{source: source, ts: newTSCache()} }

// playlists are those of one window of the live stream, as far as they were
// asked for.
type playlists struct {
	listing
	mu    sync.Mutex // guards files
	files map[string][]byte
}

func (p *playlists) get(name string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if body, ok := p.files[name]; ok {
		return body, nil
	}
	body, err := p.render(name)
	if err == nil {
		p.files[name] = body
	}
	return body, err
}

// ServeHTTP answers GET, HEAD and OPTIONS, for pages of any origin.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !serve.Begin(w, r) {
		return
	}
	window, name := h.source.Window(), strings.TrimPrefix(r.URL.Path, "/")
	switch name {
	case multivariantName, videoName, audioName, tsFolder + multivariantName, tsFolder + tsStreamName:
		h.playlist(w, r, window, name)
		return
	case gapsName:
		h.gaps(w, r)
		return
	}
	if inTS, ok := strings.CutPrefix(name, tsFolder); ok {
		if s := h.findTS(window, inTS); s != nil {
			h.serveTS(w, r, s)
			return
		}
	} else if serve.File(w, r, window, name) || h.kept(w, r, name) {
		return
	}
	serve.NotFound(w, window, name, multivariantName)
}

// playlist answers with a playlist of now or, by the query, of another time.
func (h *Handler) playlist(w http.ResponseWriter, r *http.Request, window *segment.Window, name string) {
	s, other, err := parseShift(r.URL.Query())
	if err != nil {
		answer(w, err)
		return
	}
	var body []byte
	switch {
	case other:
		var l listing
		if l, err = h.listing(s, window); err == nil {
			body, err = l.render(name)
		}
	case !playable(window):
		w.Header().Set("Retry-After", "1")
		serve.Fail(w, http.StatusServiceUnavailable, "there is no segment yet: the stream is starting, or its input or storage fails; see the box's status")
		return
	default:
		body, err = h.live(window).get(name)
	}
	switch {
	case err != nil:
		answer(w, err)
		return
	case body == nil:
		serve.Fail(w, http.StatusNotFound, fmt.Sprintf("this stream has no %s: load %s", strings.TrimSuffix(name, ".m3u8"), multivariantName))
		return
	}
	hash := fnv.New64a()
	hash.Write(body)
	serve.Manifest(w, r, typePlaylist, fmt.Sprintf("%016x", hash.Sum64()), body)
}

// live are the playlists of the window.
func (h *Handler) live(window *segment.Window) *playlists {
	p := h.playlists.Load()
	if p == nil || p.window.Run != window.Run || p.window.Version != window.Version {
		p = &playlists{listing: listing{window: window}, files: map[string][]byte{}}
		h.playlists.Store(p)
	}
	return p
}

// kept answers with a file of the archive, found by the number in its name; of a
// header by that in the query, or by the playlists that named it.
func (h *Handler) kept(w http.ResponseWriter, r *http.Request, name string) bool {
	if h.Archive == nil {
		return false
	}
	_, n, ok := serve.Split(name)
	if !ok {
		var err error
		n, err = strconv.ParseUint(r.URL.Query().Get(ofName), 10, 64)
		ok = err == nil
	}
	if ok {
		if s, held := h.Archive.Segment(n); held && serve.Part(w, r, s, name) {
			return true
		}
	}
	if a, can := h.Archive.(headers); can {
		if i, held := a.Init(name); held {
			m := &segment.Media{Gap: true, Init: i}
			return serve.Part(w, r, &segment.Segment{Video: m}, name)
		}
	}
	s := h.shifted.get(name)
	return s != nil && serve.Part(w, r, s, name)
}

// findTS looks for a segment by its name as MPEG-TS in the window and in the
// archive.
func (h *Handler) findTS(w *segment.Window, name string) *segment.Segment {
	for s := range w.All {
		if !s.Gap() && TSName(s) == name {
			return s
		}
	}
	stem, isTS := strings.CutSuffix(name, ".ts")
	_, n, ok := serve.Split(stem + ".m4s")
	if h.Archive == nil || !isTS || !ok {
		return nil
	}
	if s, held := h.Archive.Segment(n); held && !s.Gap() && TSName(s) == name {
		return s
	}
	return nil
}

// serveTS answers with a segment as MPEG-TS.
func (h *Handler) serveTS(w http.ResponseWriter, r *http.Request, s *segment.Segment) {
	key := TSName(s)
	for _, k := range []media.Kind{media.Video, media.Audio} {
		if m := s.Media(k); m != nil && m.Gap {
			key += " without " + k.String()
		}
	}
	data, err := h.ts.get(key, s)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		serve.Fail(w, http.StatusNotFound, TSName(s)+" has just expired: reload the playlist")
	case err != nil:
		serve.Fail(w, http.StatusInternalServerError, err.Error())
	default:
		head := w.Header()
		head.Set("Content-Type", typeTS)
		head.Set("Cache-Control", "public, max-age=31536000, immutable")
		head.Set("ETag", strconv.Quote(key))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}
