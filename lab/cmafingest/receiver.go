package cmafingest

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Receiver is an HTTP handler that takes CMAF ingest. The body of each request is
// kept in a file in Dir. Safe for concurrent use.
type Receiver struct {
	Dir string

	mu       sync.Mutex // guards the fields below
	requests []*Request
}

// Request is one that was taken, in the order of their beginnings.
type Request struct {
	Method, Path, ContentType, Agent string
	Chunked                          bool
	File                             string // what its body was
	Track                            *Track // nil until it has ended
	Err                              error  // of reading the body
}

// ServeHTTP implements http.Handler.
func (rc *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		http.Error(w, "POST or PUT", http.StatusMethodNotAllowed)
		return
	}
	rc.mu.Lock()
	req := &Request{
		Method: r.Method, Path: r.URL.Path, ContentType: r.Header.Get("Content-Type"), Agent: r.UserAgent(),
		Chunked: slices.Contains(r.TransferEncoding, "chunked"),
		File:    filepath.Join(rc.Dir, fmt.Sprintf("%03d.mp4", len(rc.requests))),
	}
	rc.requests = append(rc.requests, req)
	rc.mu.Unlock()

	f, err := os.Create(req.File)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer f.Close()
	track, err := Read(io.TeeReader(r.Body, f))
	track.Path = req.Path
	rc.mu.Lock()
	defer rc.mu.Unlock()
	req.Track, req.Err = track, err
	if err != nil || len(track.Problems) > 0 {
		http.Error(w, strings.Join(append(track.Problems, fmt.Sprint(err)), "; "), http.StatusBadRequest)
	}
}

// Requests are those that have ended; open is how many have not.
func (rc *Receiver) Requests() (ended []Request, open int) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for _, r := range rc.requests {
		if r.Track == nil {
			open++
			continue
		}
		ended = append(ended, *r)
	}
	return ended, open
}

// Problems of the request itself and of its track.
func (r *Request) Problems() []string {
	problems := slices.Clone(r.Track.Problems)
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if r.Err != nil {
		add("the body: %v", r.Err)
	}
	if want := r.Track.Kind + "/mp4"; r.ContentType != want {
		add("content type %q of a track that is %s", r.ContentType, want)
	}
	if !r.Chunked {
		add("the body is not in chunks")
	}
	name := path.Base(r.Path)
	suffix := map[string]string{"video": ".cmfv)", "audio": ".cmfa)"}[r.Track.Kind]
	if !strings.HasPrefix(name, "Streams(") || !strings.HasSuffix(name, suffix) {
		add("path %q does not end with Streams(NAME%s", r.Path, suffix)
	}
	return problems
}

// Continues says what is wrong with a request of a track that goes on where an
// earlier one has ended: the header, and the time line.
func (t *Track) Continues(before *Track) (problems []string) {
	if string(t.Header) != string(before.Header) {
		problems = append(problems, "another CMAF header")
	}
	if len(t.Chunks) > 0 && len(before.Chunks) > 0 && t.Chunks[0].Start < before.Chunks[0].Start {
		problems = append(problems, "the time line begins anew")
	}
	return problems
}

// CheckAligned says what is wrong between the pictures and the sound of one
// programme: segments begin together, the sound's with the first frame from there
// on, and chunks are none longer than longest.
func CheckAligned(video, audio *Track, longest time.Duration) (problems []string) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, t := range []*Track{video, audio} {
		for _, c := range t.Chunks {
			if d := t.Seconds(c.End - c.Start); d > longest.Seconds()+1e-6 {
				add("%s chunk %d lasts %.3f s, more than %v", t.Kind, c.Sequence, d, longest)
			}
		}
	}
	starts := func(t *Track) (all []float64) {
		for _, c := range t.Chunks {
			if c.SegmentStart {
				all = append(all, t.Seconds(c.Shown))
			}
		}
		return all
	}
	v, a := starts(video), starts(audio)
	frame := 1024 / float64(max(audio.Timescale, 1))
	for _, s := range a {
		i, _ := slices.BinarySearch(v, s+1e-3)
		if i == 0 || s-v[i-1] > frame+1e-3 {
			add("a segment of sound begins at %.3f s, none of pictures does", s)
		}
	}
	if n := math.Abs(float64(len(v) - len(a))); n > 1 {
		add("%d segments of pictures, %d of sound", len(v), len(a))
	}
	return problems
}
