package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"sync"
)

// span is a range of a reel.
type span struct{ at, bytes int64 }

// content is a list of ranges of one reel, read as one file.
type content struct {
	files *files
	name  string
	spans []span
}

// Open implements segment.Content.
func (c *content) Open() (io.ReadSeekCloser, error) {
	f, err := c.files.open(c.name)
	if err != nil {
		return nil, err
	}
	r := &reader{f: f, spans: c.spans, ends: make([]int64, len(c.spans))}
	var end int64
	for i, s := range c.spans {
		end += s.bytes
		r.ends[i] = end
	}
	return r, nil
}

// reader reads ranges of an open reel one after the other.
type reader struct {
	f     *shared
	spans []span
	ends  []int64 // of each range, in what is read
	pos   int64
	once  sync.Once
}

func (r *reader) size() int64 {
	if len(r.ends) == 0 {
		return 0
	}
	return r.ends[len(r.ends)-1]
}

func (r *reader) Read(p []byte) (n int, err error) {
	i := sort.Search(len(r.ends), func(i int) bool { return r.ends[i] > r.pos })
	if i == len(r.ends) {
		return 0, io.EOF
	}
	for ; i < len(r.ends) && n < len(p); i++ {
		left := r.ends[i] - r.pos
		m, err := r.f.file.ReadAt(p[n:n+int(min(left, int64(len(p)-n)))], r.spans[i].at+r.spans[i].bytes-left)
		n += m
		r.pos += int64(m)
		if int64(m) < left && n < len(p) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return n, fmt.Errorf("journal: read %s: %w", r.f.name, err)
		}
	}
	return n, nil
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.size()
	}
	if offset < 0 {
		return 0, fmt.Errorf("journal: seek %s: %w", r.f.name, fs.ErrInvalid)
	}
	r.pos = offset
	return offset, nil
}

func (r *reader) Close() error {
	r.once.Do(r.f.release)
	return nil
}

// files shares the open reels among their readers.
type files struct {
	fs filesystem

	mu   sync.Mutex // guards the field below and refs
	used map[string]*shared
}

// shared is an open reel that some read.
type shared struct {
	file
	files *files
	name  string
	refs  int
}

// open never holds the lock while storage is asked: it may hang.
func (c *files) open(name string) (*shared, error) {
	if s := c.again(name); s != nil {
		return s, nil
	}
	f, err := c.fs.open(name)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.used[name]; s != nil { // somebody was faster
		_ = f.Close()
		s.refs++
		return s, nil
	}
	s := &shared{file: f, files: c, name: name, refs: 1}
	if c.used == nil {
		c.used = map[string]*shared{}
	}
	c.used[name] = s
	return s, nil
}

func (c *files) again(name string) *shared {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.used[name]
	if s != nil {
		s.refs++
	}
	return s
}

func (s *shared) release() {
	s.files.mu.Lock()
	s.refs--
	last := s.refs == 0
	if last && s.files.used[s.name] == s {
		delete(s.files.used, s.name)
	}
	s.files.mu.Unlock()
	if last {
		_ = s.Close()
	}
}

// forget makes the next to open a reel see what storage has of that name now;
// all reels where none is named. Those who read go on.
func (c *files) forget(names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(names) == 0 {
		c.used = nil
	}
	for _, n := range names {
		delete(c.used, n)
	}
}
