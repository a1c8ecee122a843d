package httpd

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Mounts serves one handler a stream below a common prefix: PREFIX/NAME/… is
// the stream NAME's, and PREFIX/… itself the default stream's. Streams come and
// go while requests are served. The zero value has none.
type Mounts struct {
	// Folders are those within a stream that PREFIX/FOLDER/… reaches the default
	// stream's of. Any other first part of a path is a stream's name. They are set
	// before the first request.
	Folders []string

	mu       sync.RWMutex // guards the fields below
	handlers map[string]*mount
	expected map[string]bool
	fallback string
}

type mount struct{ http.Handler }

// Mount serves a stream by h, instead of what served it before. remove ends
// that, unless another handler has taken the place meanwhile.
func (m *Mounts) Mount(stream string, h http.Handler) (remove func()) {
	mine := &mount{h}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.handlers == nil {
		m.handlers = map[string]*mount{}
	}
	m.handlers[stream] = mine
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.handlers[stream] == mine {
			delete(m.handlers, stream)
		}
	}
}

// Of is the handler of a stream, nil when it has none.
func (m *Mounts) Of(stream string) http.Handler {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if h := m.handlers[stream]; h != nil {
		return h
	}
	return nil
}

// Expect names the streams that are to be served. As long as one of them is not,
// since it starts or fails, its requests are told to come back: players give up
// on what is not found, and a box that restarts is to keep its viewers.
func (m *Mounts) Expect(streams ...string) {
	expected := map[string]bool{}
	for _, s := range streams {
		expected[s] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expected = expected
}

// Expects says whether a stream is to be served.
func (m *Mounts) Expects(stream string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.expected[stream]
}

// SetDefault names the stream that is served without a name.
func (m *Mounts) SetDefault(stream string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fallback = stream
}

// ServeHTTP takes a request whose path, the prefix stripped, begins with "/".
func (m *Mounts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, rest, cut := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	m.mu.RLock()
	h, expected := m.handlers[name], m.expected[name]
	if !cut || h == nil && !expected && slices.Contains(m.Folders, name) {
		h, expected = m.handlers[m.fallback], m.expected[m.fallback]
		rest = strings.TrimPrefix(r.URL.Path, "/")
	}
	m.mu.RUnlock()
	switch head := w.Header(); {
	case h != nil:
	case expected:
		head.Set("Access-Control-Allow-Origin", "*")
		head.Set("Cache-Control", "no-store")
		head.Set("Retry-After", "1")
		http.Error(w, "this stream is starting, or cannot start: see /api/v1/status", http.StatusServiceUnavailable)
		return
	default:
		head.Set("Cache-Control", "no-store")
		http.Error(w, "no stream of that name is served here: see /api/v1/status for what there is", http.StatusNotFound)
		return
	}
	inner := r.Clone(r.Context())
	inner.URL.Path, inner.URL.RawPath = "/"+rest, ""
	h.ServeHTTP(w, inner)
}
