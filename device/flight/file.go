package flight

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The file is lines: the CRC-32C of the rest in eight hex digits, a blank, and
// a record as JSON. A line that is torn or damaged is skipped. There are two
// files of half the bound each: the newer one grows, and when it is full it takes
// the place of the older one. An incident is written again when it has changed;
// its last line holds.

const (
	oldSuffix   = ".old"
	longestLine = 8 << 10 // more than any incident; longer ones are damage
)

func checksum[T []byte | string](doc T) uint32 {
	return crc32.Checksum([]byte(doc), crc32.MakeTable(crc32.Castagnoli))
}

// record is one line: one of its fields is set.
type record struct {
	Incident *Incident `json:"incident,omitempty"`
	Boot     *bootTime `json:"boot,omitempty"`
	Stopped  *stopped  `json:"stopped,omitempty"`
}

// bootTime corrects the times of a boot's incidents written before it.
type bootTime struct {
	ID    string    `json:"id"`
	Began time.Time `json:"began"` // the time of day at which the box came up
}

// stopped is the last line of a run that ended in order.
type stopped struct {
	Boot   string  `json:"boot"`
	Uptime float64 `json:"uptime"`
}

// appendLine encodes a record.
func appendLine(dst []byte, r record) ([]byte, error) {
	doc, err := json.Marshal(r)
	if err != nil {
		return dst, fmt.Errorf("flight: encode a record: %w", err)
	}
	dst = fmt.Appendf(dst, "%08x ", checksum(doc))
	return append(append(dst, doc...), '\n'), nil
}

// parseLine decodes a line without its end; false for a damaged one.
func parseLine(line []byte) (r record, ok bool) {
	const head = 9 // the sum and the blank
	if len(line) <= head || len(line) > longestLine || line[head-1] != ' ' {
		return record{}, false
	}
	sum, err := strconv.ParseUint(string(line[:head-1]), 16, 32)
	if err != nil || uint32(sum) != checksum(line[head:]) {
		return record{}, false
	}
	return r, json.Unmarshal(line[head:], &r) == nil
}

// contents is what files hold.
type contents struct {
	incidents map[uint64]*stored
	boots     map[string]time.Time // when each came up, where that is known
	damaged   int                  // lines that could not be read
	clean     *stopped             // the last line, if it is one
	lines     int
}

// stored is an incident and the half that has its last line.
type stored struct {
	Incident
	half uint64
}

func newContents() *contents {
	return &contents{incidents: map[uint64]*stored{}, boots: map[string]time.Time{}}
}

// read takes in the lines of one half. What follows the last line's end is a
// torn line.
func (c *contents) read(data []byte, half uint64) {
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte{'\n'})
		data = rest
		r, ok := parseLine(line)
		if !whole || !ok {
			c.damaged++
			continue
		}
		c.lines++
		c.clean = r.Stopped
		switch {
		case r.Incident != nil && r.Incident.ID != 0:
			c.incidents[r.Incident.ID] = &stored{*r.Incident, half}
		case r.Boot != nil:
			c.boots[r.Boot.ID] = r.Boot.Began
			c.correct(*r.Boot)
		}
	}
}

// correct sets the times of the incidents of a boot.
func (c *contents) correct(b bootTime) {
	for _, s := range c.incidents {
		if s.Boot == b.ID {
			s.place(b.Began)
		}
	}
}

// place sets At and Until by the time of day at which its boot began.
func (i *Incident) place(began time.Time) {
	i.At = began.Add(time.Duration(i.Uptime * float64(time.Second))).Round(time.Millisecond)
	i.Until = i.At.Add(time.Duration(i.Lasted * float64(time.Second))).Round(time.Millisecond)
}

// file is the two halves on storage. One goroutine uses it.
type file struct {
	path string
	max  int64 // of both halves

	f      *os.File // the newer half; nil while it is not open
	size   int64
	half   uint64 // number of the newer half; rises
	loaded bool
}

// load reads both halves, once. Without an error the file is open.
func (l *file) load() (*contents, error) {
	c := newContents()
	l.half = 1
	for i, name := range []string{l.path + oldSuffix, l.path} {
		data, err := readHalf(name, l.max)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("flight: read %s: %w", name, err)
		}
		c.read(data, uint64(i))
	}
	if err := l.open(); err != nil {
		return nil, err
	}
	l.loaded = true
	return c, nil
}

// readHalf reads no more than could be there.
func readHalf(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	return data, errors.Join(err, f.Close())
}

// open opens the newer half and cuts off a torn line, lest the next one is lost
// with it.
func (l *file) open() error {
	if l.f != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return fmt.Errorf("flight: %w", err)
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("flight: %w", err)
	}
	end, err := wholeLines(f)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		err = syncDir(filepath.Dir(l.path))
	}
	if err != nil {
		_ = f.Close() // the error before it says more
		return fmt.Errorf("flight: take up %s: %w", l.path, err)
	}
	l.f, l.size = f, end
	return nil
}

// wholeLines is where the last whole line ends.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	tail := make([]byte, min(info.Size(), longestLine))
	from := info.Size() - int64(len(tail))
	if _, err := f.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
		return from + int64(i) + 1, nil
	}
	if from > 0 {
		return from, nil // no line is that long: damage, which readers skip
	}
	return 0, nil
}

// append writes lines and makes them durable. It says in which half they are.
// After an error what they are is not known; they may be written again.
func (l *file) append(lines []byte) (half uint64, err error) {
	if err := l.open(); err != nil {
		return 0, err
	}
	if l.size > 0 && l.size+int64(len(lines)) > l.max/2 {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	n, err := l.f.WriteAt(lines, l.size)
	if err == nil {
		err = unix.Fdatasync(int(l.f.Fd()))
	}
	if err != nil {
		l.close()
		return 0, fmt.Errorf("flight: write %s: %w", l.path, err)
	}
	l.size += int64(n)
	return l.half, nil
}

// turn makes the newer half the older one and begins a new one.
func (l *file) turn() error {
	l.close()
	if err := os.Rename(l.path, l.path+oldSuffix); err != nil {
		return fmt.Errorf("flight: %w", err)
	}
	l.half++
	return l.open()
}

func (l *file) close() {
	if l.f != nil {
		_ = l.f.Close() // what counts was made durable, or is reported as lost
		l.f = nil
	}
}

// syncDir makes the names in a folder durable.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
