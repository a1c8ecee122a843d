package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// Pages of the list.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// entry is a recording in the list.
type entry struct {
	Name     string     `json:"name"`
	URL      string     `json:"url"` // relative to the list's
	Writing  bool       `json:"writing"`
	Begin    *time.Time `json:"begin"` // null where the time of day was not known
	End      *time.Time `json:"end"`
	Seconds  float64    `json:"duration_seconds"`
	Bytes    int64      `json:"bytes"`
	SHA256   string     `json:"sha256,omitempty"` // once it is complete
	Run      string     `json:"run"`
	First    uint64     `json:"first_sequence"`
	Last     uint64     `json:"last_sequence"`
	Continue bool       `json:"continues"` // the recording before it without a gap
	Marks    []mark     `json:"marks"`
	Tracks   []string   `json:"tracks"`
}

type mark struct {
	Time time.Time `json:"time"`
	At   float64   `json:"at_seconds"`
	Text string    `json:"text"`
}

// finishedEntry is a finished file in the list.
type finishedEntry struct {
	Name     string    `json:"name"`
	URL      string    `json:"url"`
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
	SHA256   string    `json:"sha256,omitempty"`
}

// list is a page of recordings, and with the first page the finished files.
type list struct {
	Recordings []entry         `json:"recordings"` // newest first
	Total      int             `json:"total"`
	Next       string          `json:"next,omitempty"` // ask with ?after= for more
	Finished   []finishedEntry `json:"finished"`       // newest first
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := defaultLimit
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit {
			fail(w, http.StatusBadRequest, fmt.Sprintf("limit=%q: give 1 to %d", s, maxLimit))
			return
		}
		limit = n
	}
	kept := kept(h.r.journal.Reels())
	out := list{Recordings: []entry{}, Finished: []finishedEntry{}, Total: len(kept)}
	at := len(kept)
	if after := q.Get("after"); after != "" {
		at = slices.IndexFunc(kept, func(x journal.Reel) bool { return x.Name == after })
		if at < 0 {
			fail(w, http.StatusNotFound, fmt.Sprintf("after=%q: there is no such recording now: begin anew without it", after))
			return
		}
	} else {
		finished, err := h.finished()
		if err != nil {
			refuse(w, err, http.StatusServiceUnavailable)
			return
		}
		out.Finished = append(out.Finished, finished...)
	}
	for i := at - 1; i >= 0 && len(out.Recordings) < limit; i-- {
		e := newEntry(kept[i])
		e.Continue = i > 0 && kept[i-1].Run == kept[i].Run && kept[i-1].Last+1 == kept[i].First
		out.Recordings = append(out.Recordings, e)
	}
	if n := len(out.Recordings); n > 0 && at > n {
		out.Next = out.Recordings[n-1].Name
	}
	reply(w, http.StatusOK, out)
}

var errUnanswered = errors.New("storage does not answer: check the medium; the stream goes on")

// finished are the finished files, newest first.
func (h *Handler) finished() ([]finishedEntry, error) {
	dir := h.r.dir()
	var out []finishedEntry
	if !h.r.look(func() {
		for _, f := range slices.Backward(finishedFiles(dir)) {
			out = append(out, finishedEntry{Name: f.name, URL: fileURL(f.name), Bytes: f.bytes, Modified: f.modified.UTC(), SHA256: checksum(dir, f.name)})
		}
	}) {
		return nil, errUnanswered
	}
	return out, nil
}

// kept are the reels that are recordings, oldest first.
func kept(reels []journal.Reel) []journal.Reel {
	return slices.DeleteFunc(reels, func(x journal.Reel) bool { return !x.Kept })
}

func fileURL(name string) string { return "files/" + url.PathEscape(name) }

func newEntry(x journal.Reel) entry {
	e := entry{
		Name: x.Name, URL: fileURL(x.Name), Writing: x.Writing, Seconds: x.Duration.Seconds(), Bytes: x.Bytes,
		SHA256: x.SHA256, Run: x.Run, First: x.First, Last: x.Last, Marks: []mark{}, Tracks: []string{},
	}
	if !x.Begin.IsZero() {
		e.Begin = &x.Begin
	}
	if !x.End.IsZero() {
		e.End = &x.End
	}
	for _, m := range x.Marks {
		e.Marks = append(e.Marks, mark{m.Time, m.At.Seconds(), m.Text})
	}
	for _, t := range x.Tracks {
		e.Tracks = append(e.Tracks, t.String())
	}
	return e
}

// found is a file of the list.
type found struct {
	name     string
	sha      string
	modified time.Time
	writing  bool
	open     func() (io.ReadSeekCloser, error)
	remove   func() error
}

// find looks a name up in the list.
func (h *Handler) find(name string) *found {
	for _, x := range kept(h.r.journal.Reels()) {
		if x.Name == name {
			return &found{
				name: x.Name, sha: x.SHA256, modified: x.End, writing: x.Writing,
				open: func() (io.ReadSeekCloser, error) {
					f, _, err := h.r.journal.Open(x.Name)
					return f, err
				},
				remove: func() error { return h.r.journal.Delete(x.Name) },
			}
		}
	}
	dir := h.r.dir()
	finished, err := h.finished()
	if err != nil {
		return nil
	}
	for _, f := range finished {
		if f.Name == name {
			return &found{
				name: f.Name, sha: f.SHA256, modified: f.Modified,
				open:   func() (io.ReadSeekCloser, error) { return os.Open(filepath.Join(dir, f.Name)) },
				remove: func() error { return removeFinished(dir, f.Name) },
			}
		}
	}
	return nil
}

func (h *Handler) file(w http.ResponseWriter, r *http.Request, name string) {
	if f := h.find(name); f != nil {
		serve(w, r, f)
		return
	}
	if stem, ok := strings.CutSuffix(name, checksumExtension); ok {
		if f := h.find(stem); f != nil {
			serveChecksum(w, r, f)
			return
		}
	}
	missing(w, name)
}

func missing(w http.ResponseWriter, name string) {
	fail(w, http.StatusNotFound, fmt.Sprintf("there is no recording %q: it was deleted, made room for newer ones, or its storage is not there; see the list", name))
}

func serve(w http.ResponseWriter, r *http.Request, f *found) {
	content, err := f.open()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		missing(w, f.name)
		return
	case err != nil:
		fail(w, http.StatusInternalServerError, fmt.Sprintf("recording %s: %v", f.name, err))
		return
	}
	defer content.Close()
	head := w.Header()
	head.Set("Content-Type", contentType(f.name))
	head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.name}))
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "no-cache") // to be validated by ETag: a name can be used again
	modified := f.modified
	switch {
	case f.writing:
		modified = time.Time{} // it grows: there is nothing to resume by
	case f.sha != "":
		head.Set("ETag", `"`+f.sha+`"`)
	}
	http.ServeContent(w, r, "", modified, content)
}

func serveChecksum(w http.ResponseWriter, r *http.Request, f *found) {
	if f.sha == "" {
		why := "it has none"
		if f.writing {
			why = "it is being written: the checksum comes with its end"
		}
		fail(w, http.StatusNotFound, fmt.Sprintf("checksum of %s: %s", f.name, why))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(f.sha+"  "+f.name+"\n"))
}

func contentType(name string) string {
	if filepath.Ext(name) == ".ts" {
		return "video/mp2t"
	}
	return "video/mp4"
}

func (h *Handler) remove(w http.ResponseWriter, name string) {
	f := h.find(name)
	switch {
	case f == nil:
		missing(w, name)
		return
	case f.writing:
		fail(w, http.StatusConflict, f.name+" is being written: stop the recording (POST stop), then delete it")
		return
	case h.r.jobs.uses(f.name):
		fail(w, http.StatusConflict, f.name+": "+ErrInUse.Error()+" to finish a file: wait for it, or cancel it (DELETE jobs/ID)")
		return
	}
	if err := f.remove(); err != nil {
		refuse(w, err, http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
