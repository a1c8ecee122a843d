package record

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// fakeJournal keeps reels in memory; grow writes what is kept.
type fakeJournal struct {
	mu      sync.Mutex // guards the fields below
	keeps   []*journal.Keep
	reels   []journal.Reel
	content map[string][]byte
	marks   []string
	next    uint64
	parts   int
	refuse  error // of Delete
}

func (j *fakeJournal) Keep(k journal.Keep) func() {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := &k
	j.keeps = append(j.keeps, p)
	j.close()
	j.parts = 0
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.keeps[len(j.keeps)-1] == p {
			j.close()
		}
		j.keeps = slices.DeleteFunc(j.keeps, func(o *journal.Keep) bool { return o == p })
	}
}

func (j *fakeJournal) close() {
	for i := range j.reels {
		if j.reels[i].Writing {
			j.reels[i].Writing = false
			j.reels[i].SHA256 = fmt.Sprintf("%x", sha256.Sum256(j.content[j.reels[i].Name]))
		}
	}
}

// running is how many Keeps there are.
func (j *fakeJournal) running() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.keeps)
}

// cut ends the file being written: the next grow begins a part.
func (j *fakeJournal) cut() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.close()
}

// grow stores segments of 2 s and 1000 bytes each.
func (j *fakeJournal) grow(segments int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for range segments {
		j.next++
		if len(j.keeps) == 0 {
			continue
		}
		if n := len(j.reels); n == 0 || !j.reels[n-1].Writing {
			now := time.Now()
			name := j.keeps[len(j.keeps)-1].Name(now, j.parts) + ".mp4"
			j.parts++
			j.reels = append(j.reels, journal.Reel{Name: name, Run: "r", First: j.next, Begin: now, Kept: true, Writing: true})
		}
		x := &j.reels[len(j.reels)-1]
		x.Last = j.next
		x.Bytes += 1000
		x.Duration += 2 * time.Second
		x.End = x.Begin.Add(x.Duration)
	}
}

// add has a closed recording with content.
func (j *fakeJournal) add(x journal.Reel, content []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	x.Bytes = int64(len(content))
	if !x.Writing {
		x.SHA256 = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	j.reels = append(j.reels, x)
	if j.content == nil {
		j.content = map[string][]byte{}
	}
	j.content[x.Name] = content
}

func (j *fakeJournal) Mark(text string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.reels); n == 0 || !j.reels[n-1].Writing {
		return journal.ErrNotWriting
	}
	j.marks = append(j.marks, text)
	return nil
}

func (j *fakeJournal) Reels() []journal.Reel {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.reels)
}

func (j *fakeJournal) Open(name string) (io.ReadSeekCloser, journal.Reel, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, x := range j.reels {
		if x.Name == name {
			return struct {
				*bytes.Reader
				io.Closer
			}{bytes.NewReader(j.content[name]), io.NopCloser(nil)}, x, nil
		}
	}
	return nil, journal.Reel{}, fs.ErrNotExist
}

func (j *fakeJournal) Delete(name string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.refuse != nil {
		return j.refuse
	}
	n := len(j.reels)
	j.reels = slices.DeleteFunc(j.reels, func(x journal.Reel) bool { return x.Name == name })
	if n == len(j.reels) {
		return fs.ErrNotExist
	}
	return nil
}

func (j *fakeJournal) names() (out []string) {
	for _, x := range j.Reels() {
		out = append(out, x.Name)
	}
	return out
}

// fakeReporter remembers conditions and incidents.
type fakeReporter struct {
	mu         sync.Mutex // guards the fields below
	conditions map[string]string
	states     []State
	incidents  []output.Incident
}

func (r *fakeReporter) Raise(code, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conditions == nil {
		r.conditions = map[string]string{}
	}
	r.conditions[code] = message
}

func (r *fakeReporter) Clear(code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conditions, code)
}

func (r *fakeReporter) State(s State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states = append(r.states, s)
}

func (r *fakeReporter) Report(i output.Incident) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.incidents = append(r.incidents, i)
}

func (r *fakeReporter) message(code string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conditions[code]
}

// fakeClock is the bubble's clock, moved to a time; unknown until it is set.
type fakeClock struct {
	mu    sync.Mutex // guards the fields below
	known bool
	by    time.Duration
}

func (c *fakeClock) Now() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.by), c.known
}

func (c *fakeClock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by, c.known = time.Until(t), true
}

var errIO = errors.New("input/output error")

func folderOf(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range names {
		if err := os.WriteFile(filepath.Join(dir, n), []byte(n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
