package journal

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long those who read wait for storage: below what service
// managers and players give them.
const patience = 4 * time.Second

// maxReads bounds the reads under way: one that is not answered holds a thread.
const maxReads = 32

// errUnanswered is what readers of storage that hangs get. It says nothing of
// what was to be read: it may be had later.
var errUnanswered = fmt.Errorf("storage does not answer: %w", os.ErrDeadlineExceeded)

// patient is a filesystem whose readers do not hang with it. While something is
// overdue, all that is asked of it fails at once.
type patient struct {
	filesystem
	slots   chan struct{}
	overdue atomic.Int64
	buffers sync.Pool // of []byte, by pointer
}

func newPatient(fsys filesystem) *patient {
	return &patient{filesystem: fsys, slots: make(chan struct{}, maxReads)}
}

// ask calls f. Where that takes too long, the caller is let go with an error, and
// late is called once f has returned.
func (p *patient) ask(f, late func()) error {
	if p.overdue.Load() > 0 {
		return errUnanswered
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
	case <-timer.C:
		return errUnanswered
	}
	done := make(chan struct{})
	go func() { // waited for, but not for ever: nothing ends a read of a disk that hangs
		f()
		<-p.slots
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-timer.C:
	}
	p.overdue.Add(1)
	go func() {
		<-done
		p.overdue.Add(-1)
		late()
	}()
	return errUnanswered
}

func (p *patient) open(name string) (file, error) {
	var f file
	var err error
	if e := p.ask(func() { f, err = p.filesystem.open(name) }, func() {
		if err == nil {
			_ = f.Close()
		}
	}); e != nil {
		return nil, fmt.Errorf("open %s: %w", name, e)
	}
	if err != nil {
		return nil, err
	}
	return &patientFile{f, p}, nil
}

// patientFile is an open one.
type patientFile struct {
	file
	fs *patient
}

// ReadAt implements io.ReaderAt. It reads beside b, which the caller has back
// when a read that is overdue ends.
func (f *patientFile) ReadAt(b []byte, at int64) (int, error) {
	own, _ := f.fs.buffers.Get().(*[]byte)
	if own == nil || cap(*own) < len(b) {
		own = new(make([]byte, len(b)))
	}
	into := (*own)[:len(b)]
	var n int
	var err error
	if e := f.fs.ask(func() { n, err = f.file.ReadAt(into, at) }, func() {}); e != nil {
		return 0, e
	}
	copy(b, into[:n])
	if cap(into) <= maxBuffer {
		f.fs.buffers.Put(own)
	}
	return n, err
}

// maxBuffer bounds what is kept for the next read.
const maxBuffer = 256 << 10

// Close implements io.Closer.
func (f *patientFile) Close() error {
	if f.fs.overdue.Load() > 0 {
		go func() { _ = f.file.Close() }() // it might wait for the read
		return nil
	}
	return f.file.Close()
}
