package device

import (
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output/forward"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// archive is all that can be read of a stream: the live window, and whichever
// journal stores it now, if any does. Who wants segments kept goes on wanting when
// the journal is made anew. Safe for concurrent use.
type archive struct {
	live *segment.Live

	mu      sync.Mutex // guards the fields below
	journal *journal.Journal
	wants   map[string]*want
}

// want is what a holder wants kept.
type want struct {
	from    uint64
	release func() // of the journal; nil while there is none
}

func newArchive(live *segment.Live) *archive {
	return &archive{live: live, wants: map[string]*want{}}
}

// use makes j the journal until done is called.
func (a *archive) use(j *journal.Journal) (done func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.journal = j
	for holder, w := range a.wants {
		w.release = j.Want(holder, w.from)
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.journal != j {
			return
		}
		a.journal = nil
		for _, w := range a.wants {
			w.release = nil // it ends with the journal
		}
	}
}

func (a *archive) now() *journal.Journal {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.journal
}

// newest is the highest number on storage, 0 where nothing is known of it. Who needs
// it waits for the storage component, which is ready once it knows.
func (a *archive) newest() uint64 {
	j := a.now()
	if j == nil {
		return 0
	}
	n, _ := j.Newest()
	return n
}

// Window implements forward.Source.
func (a *archive) Window() *segment.Window { return a.live.Window() }

// Segment implements hls.Archive, dash.Archive and forward.Source.
func (a *archive) Segment(sequence uint64) (*segment.Segment, bool) {
	if j := a.now(); j != nil {
		return j.Segment(sequence)
	}
	return forward.WindowOnly(a.live).Segment(sequence)
}

// After implements forward.Source.
func (a *archive) After(sequence uint64) (*segment.Segment, bool) {
	if j := a.now(); j != nil {
		return j.After(sequence)
	}
	return forward.WindowOnly(a.live).After(sequence)
}

// Between implements hls.Archive and dash.Archive.
func (a *archive) Between(from, to time.Time) (*segment.Window, []segment.Gap) {
	if j := a.now(); j != nil {
		return j.Between(from, to)
	}
	w := *a.live.Window()
	w.Segments, w.Expired, w.Open = nil, nil, nil
	return &w, []segment.Gap{{From: from, To: to, Cause: journal.CauseDisk}}
}

// Init is what playlists of headers ask for.
func (a *archive) Init(name string) (*segment.Init, bool) {
	if j := a.now(); j != nil {
		return j.Init(name)
	}
	return nil, false
}

// Want implements forward.Source.
func (a *archive) Want(holder string, from uint64) (release func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := &want{from: from}
	a.wants[holder] = w
	if a.journal != nil {
		w.release = a.journal.Want(holder, from)
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.wants[holder] != w {
			return // wanted anew
		}
		delete(a.wants, holder)
		if w.release != nil {
			w.release()
		}
	}
}

var _ forward.Source = (*archive)(nil)
