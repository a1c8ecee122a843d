package main

import (
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// screen is the panel's port, and notes when which row came to show what.
type screen struct {
	io.ReadWriter
	rest []byte // of a line that has not come whole

	mu   sync.Mutex // guards the fields below
	text map[string]string
	when map[string]time.Time
	came chan struct{} // closed at the next change
	all  int           // lines, of any kind
}

func newScreen(port io.ReadWriter) *screen {
	return &screen{ReadWriter: port, text: map[string]string{}, when: map[string]time.Time{}, came: make(chan struct{})}
}

// Read hands on what the box says, and notes when it came.
func (s *screen) Read(b []byte) (int, error) {
	n, err := s.ReadWriter.Read(b)
	s.note(b[:n], time.Now())
	return n, err
}

func (s *screen) note(b []byte, at time.Time) {
	s.rest = append(s.rest, b...)
	for {
		line, rest, whole := bytes.Cut(s.rest, []byte("\n"))
		if !whole {
			return
		}
		s.rest = rest
		s.count()
		f := strings.SplitN(strings.TrimRight(string(line), "\r"), " ", 4) // SEQ text ROW TEXT*CRC
		if len(f) < 3 || f[1] != "text" {
			continue
		}
		end := strings.LastIndexByte(f[len(f)-1], '*')
		if end < 0 {
			continue
		}
		f[len(f)-1] = f[len(f)-1][:end]
		text := ""
		if len(f) == 4 {
			text = f[3]
		}
		s.show(f[2], text, at)
	}
}

func (s *screen) show(row, text string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, known := s.text[row]; known && old == text {
		return
	}
	s.text[row], s.when[row] = text, at
	close(s.came)
	s.came = make(chan struct{})
}

func (s *screen) count() { s.mu.Lock(); s.all++; s.mu.Unlock() }

// lines counts what the box has said.
func (s *screen) lines() int { s.mu.Lock(); defer s.mu.Unlock(); return s.all }

// picture is what it shows, row by row.
func (s *screen) picture() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.text)
}

func (s *screen) rows() []string {
	p := s.picture()
	var all []string
	for _, row := range slices.Sorted(maps.Keys(p)) {
		all = append(all, p[row])
	}
	return all
}

// first is when the first row came to be as in want that was not so in before; the
// zero time when none has yet. next is closed when there is more to see.
func (s *screen) first(before, want map[string]string) (at time.Time, next <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for row, text := range want {
		if before[row] != text && s.text[row] == text && (at.IsZero() || s.when[row].Before(at)) {
			at = s.when[row]
		}
	}
	return at, s.came
}
