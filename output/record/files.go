package record

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Finished files lie beside the reels, under names that tell them.
const (
	finishedMark      = ".finished"
	checksumExtension = ".sha256"
	temporary         = ".tmp"
)

var (
	finishedName = regexp.MustCompile(`^.+\.finished\.(mp4|ts)$`)
	unfinished   = regexp.MustCompile(`^.+\.finished\.(mp4|ts)(\.sha256)?\.tmp$`)
)

// finishedFile is one that is complete.
type finishedFile struct {
	name     string
	bytes    int64
	modified time.Time
}

// finishedFiles are those of a folder, oldest first; none if it cannot be read.
func finishedFiles(dir string) (out []finishedFile) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if !finishedName.MatchString(e.Name()) {
			continue
		}
		if i, err := e.Info(); err == nil && i.Mode().IsRegular() {
			out = append(out, finishedFile{e.Name(), i.Size(), i.ModTime()})
		}
	}
	slices.SortStableFunc(out, func(a, b finishedFile) int { return cmp.Compare(a.modified.UnixNano(), b.modified.UnixNano()) })
	return out
}

// patience is how long requests wait for storage.
const patience = 4 * time.Second

// look runs what asks storage for a request, unless that hangs: false says that it
// has not answered. Requests that come again and again hold no more than a few
// threads then.
func (r *Recorder) look(ask func()) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r.looks <- struct{}{}:
	case <-timer.C:
		return false
	}
	done := make(chan struct{})
	go func() { // waited for, but not for ever: nothing ends a look at a disk that hangs
		defer close(done)
		ask()
		<-r.looks
	}()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// cleanFinished deletes what an interrupted job left.
func cleanFinished(dir string) {
	entries, _ := os.ReadDir(dir) // not there: nothing to clean
	for _, e := range entries {
		if unfinished.MatchString(e.Name()) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// removeFinished deletes a finished file and its checksum.
func removeFinished(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, name+checksumExtension)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// checksum is what lies beside a file, "" if there is none.
func checksum(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name+checksumExtension))
	if err != nil {
		return ""
	}
	sum, _, _ := strings.Cut(string(b), " ")
	if _, err := hex.DecodeString(sum); err != nil || len(sum) != 2*sha256.Size {
		return ""
	}
	return sum
}

// writeFinished makes a file appear complete, with its checksum, or not at all.
func writeFinished(dir, name string, write func(io.Writer) error) (err error) {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path+temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(path + temporary)
			_ = os.Remove(path + checksumExtension + temporary)
		}
	}()
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(&gentle{f: f}, sum), 256<<10)
	if err := errors.Join(write(out), out.Flush()); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	line := fmt.Sprintf("%x  %s\n", sum.Sum(nil), name)
	if err := os.WriteFile(path+checksumExtension+temporary, []byte(line), 0o644); err != nil {
		return err
	}
	if err := os.Rename(path+checksumExtension+temporary, path+checksumExtension); err != nil {
		return err
	}
	if err := os.Rename(path+temporary, path); err != nil {
		return err
	}
	return syncFolder(dir)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// gentle writes a long file without filling the memory with pages that wait
// for a slow card: the journal's writes would wait behind them.
type gentle struct {
	f             *os.File
	written, sent int64
}

// window is how much may wait.
const window = 4 << 20

func (g *gentle) Write(b []byte) (int, error) {
	n, err := g.f.Write(b)
	g.written += int64(n)
	if err == nil && g.written-g.sent >= window {
		fd := int(g.f.Fd())
		// Advice: a file system that knows neither writes as it likes.
		_ = unix.SyncFileRange(fd, g.sent, g.written-g.sent, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
		_ = unix.Fadvise(fd, g.sent, g.written-g.sent, unix.FADV_DONTNEED)
		g.sent = g.written
	}
	return n, err
}

// quietly runs f on a thread whose disk accesses come after everybody else's.
func quietly(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		const whoThread, classIdle = 1, 3 << 13
		_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, whoThread, 0, classIdle) // a kernel without it: at ordinary priority
		done <- f()
	}()
	return <-done
}
