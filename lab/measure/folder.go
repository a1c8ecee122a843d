package measure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// Meter counts the bytes of all media files that ever were in a folder, or
// below it. Files are known by inode, so that one that gets its name when it is
// complete counts once.
type Meter struct {
	dir   string
	media func(name string) bool
	stop  chan struct{}
	wg    sync.WaitGroup

	mu    sync.Mutex // guards the field below
	sizes map[uint64]int64
}

// NewMeter watches a folder until the end of the test. media says by a file's
// base name whether it counts.
func NewMeter(tb peer.TB, dir string, media func(name string) bool) *Meter {
	m := &Meter{dir: dir, media: media, stop: make(chan struct{}), sizes: map[uint64]int64{}}
	m.wg.Go(m.watch)
	tb.Cleanup(func() {
		close(m.stop)
		m.wg.Wait()
	})
	return m
}

// watch looks often enough to see every file before it is deleted, which is
// many seconds after it was written.
func (m *Meter) watch() {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-tick.C:
			m.look()
		}
	}
}

// Bytes so far.
func (m *Meter) Bytes() int64 {
	m.look()
	m.mu.Lock()
	defer m.mu.Unlock()
	var sum int64
	for _, n := range m.sizes {
		sum += n
	}
	return sum
}

func (m *Meter) look() {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Errors are of files that have gone since; what is missed is missing in the check.
	_ = filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, gone error) error {
		if gone != nil || d.IsDir() || !m.media(filepath.Base(path)) {
			return nil //nolint:nilerr // see above
		}
		if fi, gone := os.Stat(path); gone == nil {
			if st, ok := fi.Sys().(*syscall.Stat_t); ok {
				m.sizes[st.Ino] = max(m.sizes[st.Ino], fi.Size())
			}
		}
		return nil
	})
}

// MemoryFolder is a new folder on a memory file system: what is measured must
// not wait for a disk.
func MemoryFolder() (string, error) {
	const root = "/dev/shm"
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return "", fmt.Errorf("%s cannot be used: mount a tmpfs there: %w", root, err)
	}
	if fs.Type != unix.TMPFS_MAGIC {
		return "", fmt.Errorf("%s is no memory file system: mount a tmpfs there", root)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < 512<<20 {
		return "", fmt.Errorf("%s has only %d MB free, and 512 are needed", root, free>>20)
	}
	return os.MkdirTemp(root, "encoderbox-bench-")
}

// CopyInto copies a file into a folder: no contender is to read a disk.
func CopyInto(dir, file string) (string, error) {
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(dir, filepath.Base(file)))
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	return out.Name(), errors.Join(err, out.Close())
}
