package journal

import (
	"slices"
	"sort"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// Archive is what time shift and store-and-forward read. All segments in it are
// complete; those of the live window are read there as long as it has them.
// What was deleted meanwhile says fs.ErrNotExist when it is opened. Storage may
// take its time to answer: call it from a goroutine that may wait.
type Archive interface {
	// Segment is the one of that number.
	Segment(sequence uint64) (*segment.Segment, bool)
	// After is the oldest whose number is higher.
	After(sequence uint64) (*segment.Segment, bool)
	// Init is the CMAF header of that file name.
	Init(name string) (*segment.Init, bool)
	// Between is a range of wall-clock time, cut at segment boundaries, and what
	// is missing in it.
	Between(from, to time.Time) (*segment.Window, []Gap)
	// Want holds segments from that number on.
	Want(holder string, from uint64) (release func())
	// Ready is closed when all of this knows of storage what there is to know.
	Ready() <-chan struct{}
}

var _ Archive = (*Journal)(nil)

// maxCached bounds the segments of closed reels in memory, about 1 kB each.
const maxCached = 4096

// indexCache has the indexes of the closed reels that were last read, newest
// last. Journal.mu guards it.
type indexCache struct {
	names   []string
	entries map[string][]*entry
	total   int
}

func (c *indexCache) get(name string) []*entry {
	n := c.entries[name]
	if n != nil {
		i := slices.Index(c.names, name)
		c.names = append(slices.Delete(c.names, i, i+1), name)
	}
	return n
}

func (c *indexCache) put(name string, entries []*entry) {
	c.drop(name)
	if c.entries == nil {
		c.entries = map[string][]*entry{}
	}
	c.entries[name] = entries
	c.names = append(c.names, name)
	c.total += len(entries)
	for c.total > maxCached && len(c.names) > 1 {
		c.drop(c.names[0])
	}
}

func (c *indexCache) drop(name string) {
	if n, ok := c.entries[name]; ok {
		c.total -= len(n)
		delete(c.entries, name)
		c.names = slices.DeleteFunc(c.names, func(s string) bool { return s == name })
	}
}

// find are the reels that a condition on their state holds for, oldest first.
func (j *Journal) find(is func(*reel) bool) (out []*reel) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.reels {
		if is(r) {
			out = append(out, r)
		}
	}
	return out
}

// entriesOf are a reel's segments. None where they cannot be read: it has been
// deleted, or storage fails, which the spill reports.
func (j *Journal) entriesOf(r *reel) []*entry {
	j.mu.Lock()
	n := r.entries
	if n == nil {
		n = j.cache.get(r.name)
	}
	j.mu.Unlock()
	if n != nil {
		return n
	}
	f, err := j.files.open(r.name)
	if err != nil {
		return nil
	}
	defer f.release()
	n, err = r.readIndex(f)
	if err != nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if slices.Contains(j.reels, r) {
		j.cache.put(r.name, n)
	}
	return n
}

// live are the complete segments of the live window.
func (j *Journal) live() (w *segment.Window, all []*segment.Segment) {
	j.mu.Lock()
	src := j.src
	j.mu.Unlock()
	if src == nil {
		return nil, nil
	}
	w = src.Window()
	return w, slices.Collect(w.All)
}

// Segment implements Archive.
func (j *Journal) Segment(sequence uint64) (*segment.Segment, bool) {
	w, live := j.live()
	for _, s := range live {
		if s.Sequence == sequence {
			return s, true
		}
	}
	var best *entry
	for _, r := range j.find(func(r *reel) bool { return r.First <= sequence && sequence <= r.Last }) {
		n := firstFrom(j.entriesOf(r), sequence)
		if n != nil && n.seg.Sequence == sequence && better(n, best, w) {
			best = n
		}
	}
	if best == nil {
		return nil, false
	}
	return best.seg, true
}

// better says which of two with one number is meant: that of the run at hand, if
// numbers have fallen; else the one that is whole.
func better(a, b *entry, w *segment.Window) bool {
	switch {
	case b == nil:
		return true
	case a.seg.Run != b.seg.Run && w != nil && (a.seg.Run == w.Run || b.seg.Run == w.Run):
		return a.seg.Run == w.Run
	}
	return b.partial
}

// firstFrom is the first of a number or higher.
func firstFrom(n []*entry, sequence uint64) *entry {
	i := sort.Search(len(n), func(i int) bool { return n[i].seg.Sequence >= sequence })
	if i == len(n) {
		return nil
	}
	return n[i]
}

// After implements Archive.
func (j *Journal) After(sequence uint64) (*segment.Segment, bool) {
	var best *entry
	for _, r := range j.find(func(r *reel) bool { return r.Last > sequence }) {
		if best != nil && r.First > best.seg.Sequence {
			break
		}
		n := firstFrom(j.entriesOf(r), sequence+1)
		if n != nil && (best == nil || n.seg.Sequence < best.seg.Sequence || best.partial && n.seg.Sequence == best.seg.Sequence) {
			best = n
		}
	}
	_, live := j.live()
	for _, s := range live {
		if s.Sequence > sequence {
			if best == nil || s.Sequence <= best.seg.Sequence {
				return s, true
			}
			break
		}
	}
	if best == nil {
		return nil, false
	}
	return best.seg, true
}

// Init implements Archive.
func (j *Journal) Init(name string) (*segment.Init, bool) {
	w, live := j.live()
	for _, s := range live {
		for _, k := range kinds() {
			if m := s.Media(k); m != nil && m.Init != nil && m.Init.Name == name {
				return m.Init, true
			}
		}
	}
	for _, k := range kinds() {
		if w != nil && w.Init(k) != nil && w.Init(k).Name == name {
			return w.Init(k), true
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range slices.Backward(j.reels) {
		for _, i := range r.inits {
			if i != nil && i.Name == name {
				return i, true
			}
		}
	}
	return nil, false
}
