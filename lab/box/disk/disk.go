// Package disk is a disk whose power can be cut and which can fail, for a
// virtual box: an image file with a volatile write cache before it, served to
// QEMU as a network block device (NBD) on a Unix socket.
//
// A raw image that QEMU writes itself loses nothing of what the guest has sent
// when QEMU is killed: it is in the host's page cache. A real disk has a cache
// of its own that loses what was not flushed, in any order. So has this one.
package disk

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// unit is what the disk writes whole or not at all: a physical sector.
const unit = 4096

// Disk is an image file, served until Close. Its methods may be called from
// several goroutines.
type Disk struct {
	size     int64
	image    *os.File
	listener net.Listener
	serving  sync.WaitGroup

	mu       sync.Mutex                 // guards the fields below
	conns    map[net.Conn]chan struct{} // closed once its client is done with
	volatile map[int64][]byte           // units as they were at the last flush
	failing  bool
	limit    int64         // bytes per second; 0: none
	release  chan struct{} // requests wait for it; nil: they do not
	closed   chan struct{}
	failed   int // requests
	flushes  int
}

// Open serves an image file, whose size must be a multiple of 4096 bytes.
func Open(path string) (*Disk, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	d := &Disk{image: f, conns: map[net.Conn]chan struct{}{}, volatile: map[int64][]byte{}, closed: make(chan struct{})}
	if err := d.listen(path); err != nil {
		_ = f.Close()
		return nil, err
	}
	d.serving.Go(d.accept)
	return d, nil
}

func (d *Disk) listen(path string) error {
	info, err := d.image.Stat()
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	if d.size = info.Size(); d.size == 0 || d.size%unit != 0 {
		return fmt.Errorf("disk: %s has %d bytes: give it a multiple of %d", path, d.size, unit)
	}
	// A socket's path may have no more than 107 bytes.
	dir, err := os.MkdirTemp("", "disk-")
	if err != nil {
		return fmt.Errorf("disk: make a folder for the socket: %w", err)
	}
	if d.listener, err = net.Listen("unix", filepath.Join(dir, "nbd")); err != nil {
		return errors.Join(fmt.Errorf("disk: %w", err), os.RemoveAll(dir))
	}
	return nil
}

// Socket is the path of the Unix socket.
func (d *Disk) Socket() string { return d.listener.Addr().String() }

func (d *Disk) accept() {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return // closed
		}
		done := make(chan struct{})
		d.mu.Lock()
		d.conns[c] = done
		d.mu.Unlock()
		d.serving.Go(func() {
			defer close(done)
			_ = d.serve(c) // its end is the guest's power cut, or a wrong client's own fault
			_ = c.Close()
			d.mu.Lock()
			delete(d.conns, c)
			d.mu.Unlock()
		})
	}
}

// Close ends it. What was written is in the file.
func (d *Disk) Close() error {
	d.Resume()
	close(d.closed)
	err := d.listener.Close()
	d.hangUp()
	d.serving.Wait()
	return errors.Join(err, d.image.Close(), os.RemoveAll(filepath.Dir(d.Socket())))
}

// hangUp ends all connections.
func (d *Disk) hangUp() {
	d.mu.Lock()
	conns := maps.Clone(d.conns)
	d.mu.Unlock()
	for c, done := range conns {
		_ = c.Close()
		<-done
	}
}

// PowerCut takes the power from the disk: of the units written since the last
// flush those stay that keep says, by their number; the others are what they
// were before. The box is to be off already. It returns how many were lost.
func (d *Disk) PowerCut(keep func(unit int64) bool) (lost int, err error) {
	d.hangUp() // nothing of what is under way arrives any more
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, old := range d.volatile {
		if keep(n) {
			continue
		}
		if _, err := d.image.WriteAt(old, n*unit); err != nil {
			return lost, fmt.Errorf("disk: %w", err)
		}
		lost++
	}
	clear(d.volatile)
	return lost, nil
}

// Fail has every request answered with an input/output error, or none any more.
func (d *Disk) Fail(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing = on
}

// Limit bounds how fast the disk reads and writes, in bytes per second; 0 ends that.
func (d *Disk) Limit(rate int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit = rate
}

// Hang leaves every request without an answer until Resume.
func (d *Disk) Hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.release == nil {
		d.release = make(chan struct{})
	}
}

// Resume ends Hang.
func (d *Disk) Resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.release != nil {
		close(d.release)
		d.release = nil
	}
}

// Unflushed is how many units a power cut would put at risk now.
func (d *Disk) Unflushed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.volatile)
}

// Failed is how many requests have failed.
func (d *Disk) Failed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// Flushes is how often the cache was flushed.
func (d *Disk) Flushes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flushes
}

// take has a request of n bytes suffer what the disk does; false says that it fails.
func (d *Disk) take(n int64) bool {
	d.mu.Lock()
	release := d.release
	d.mu.Unlock()
	if release != nil {
		<-release
	}
	d.pass(n)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing {
		d.failed++
	}
	return !d.failing
}

// pass takes the time that n bytes need under the limit, as it is by then.
func (d *Disk) pass(n int64) {
	const slice = 10 * time.Millisecond
	for n > 0 {
		d.mu.Lock()
		limit := d.limit
		d.mu.Unlock()
		if limit <= 0 {
			return
		}
		most := max(1, limit*int64(slice)/int64(time.Second))
		select {
		case <-time.After(time.Duration(min(n, most)) * time.Second / time.Duration(limit)):
		case <-d.closed:
			return
		}
		n -= most
	}
}

func (d *Disk) read(p []byte, at int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.image.ReadAt(p, at)
	return err
}

// write keeps what was there, for the power may be cut; of what is written
// through (force unit access), nothing.
func (d *Disk) write(p []byte, at int64, through bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n := at / unit; n*unit < at+int64(len(p)); n++ {
		old := d.volatile[n]
		if old == nil && !through {
			old = make([]byte, unit)
			if _, err := d.image.ReadAt(old, n*unit); err != nil {
				return err
			}
			d.volatile[n] = old
		}
		if through && old != nil {
			from, to := max(at, n*unit), min(at+int64(len(p)), (n+1)*unit)
			copy(old[from-n*unit:], p[from-at:to-at])
		}
	}
	_, err := d.image.WriteAt(p, at)
	return err
}

func (d *Disk) flush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.volatile)
	d.flushes++
}
