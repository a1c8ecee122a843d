package journal

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// disk is a filesystem in memory that fails as told, and loses in a power cut
// what real ones may lose.
type disk struct {
	mu      sync.Mutex
	names   map[string]*inode
	durable map[string]*inode // names as after a cut
	pending []func()          // changes of names that are not durable yet, in order
	ops     int
	cutAt   int // operation from which on nothing is done; 0: never
	fault   func(op, name string) error
	hang    chan struct{} // operations wait for it
	space   int64         // bytes in all; 0: endless
	slow    time.Duration // until the space of what is deleted is free
	leaving int64         // bytes that are not yet
	dev     uint64
}

type inode struct {
	data   []byte
	synced []byte
}

var errCut = errors.New("power cut")

func newDisk() *disk {
	return &disk{names: map[string]*inode{}, durable: map[string]*inode{}, dev: 1}
}

// op counts an operation; the caller holds no lock.
func (d *disk) op(op, name string) error {
	d.mu.Lock()
	d.ops++
	cut := d.cutAt > 0 && d.ops >= d.cutAt
	fault, hang := d.fault, d.hang
	d.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if cut {
		return errCut
	}
	if fault != nil {
		return fault(op, name)
	}
	return nil
}

// cut is the disk as found after the power was cut now. garbage is what FAT
// leaves: lengths ahead of data, names in any order.
func (d *disk) cut(r *rand.Rand, garbage bool) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.pending)
	if n > 0 {
		n = r.IntN(n + 1)
	}
	for _, change := range d.pending[:n] {
		change()
	}
	out := newDisk()
	for name, i := range d.durable {
		data := slices.Clone(i.synced)
		if tail := len(i.data) - len(i.synced); tail > 0 && slices.Equal(i.data[:len(i.synced)], i.synced) {
			part := slices.Clone(i.data[len(i.synced):][:r.IntN(tail+1)])
			if garbage {
				for k := range part {
					if r.IntN(3) == 0 {
						part[k] = byte(r.Uint32())
					}
				}
			}
			data = append(data, part...)
		}
		node := &inode{data: data, synced: data}
		out.names[name], out.durable[name] = node, node
	}
	return out
}

func (d *disk) device() (uint64, error) {
	if err := d.op("device", ""); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dev, nil
}

func (d *disk) prepare() error { return d.op("prepare", "") }

func (d *disk) list() (out []listed, err error) {
	if err := d.op("list", ""); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, i := range d.names {
		out = append(out, listed{name, int64(len(i.data))})
	}
	slices.SortFunc(out, func(a, b listed) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return out, nil
}

func (d *disk) lookup(op, name string) (*inode, error) {
	if err := d.op(op, name); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.names[name]; i != nil {
		return i, nil
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func (d *disk) size(name string) (int64, error) {
	i, err := d.lookup("size", name)
	if err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return int64(len(i.data)), nil
}

func (d *disk) handle(op, name string) (file, error) {
	i, err := d.lookup(op, name)
	if err != nil {
		return nil, err
	}
	return &handle{d, i, name}, nil
}

func (d *disk) open(name string) (file, error) { return d.handle("open", name) }
func (d *disk) edit(name string) (file, error) { return d.handle("edit", name) }

func (d *disk) create(name string) (file, error) {
	if err := d.op("create", name); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	i := &inode{}
	d.names[name] = i
	d.pending = append(d.pending, func() { d.durable[name] = i })
	return &handle{d, i, name}, nil
}

func (d *disk) read(name string, _ int64) ([]byte, error) {
	i, err := d.lookup("read", name)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(i.data), nil
}

func (d *disk) rename(from, to string) error {
	i, err := d.lookup("rename", from)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.names, from)
	d.names[to] = i
	d.pending = append(d.pending, func() { delete(d.durable, from); d.durable[to] = i })
	return nil
}

func (d *disk) remove(name string) error {
	i, err := d.lookup("remove", name)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.names, name)
	if n := int64(len(i.data)); d.slow > 0 {
		d.leaving += n
		time.AfterFunc(d.slow, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.leaving -= n
		})
	}
	d.pending = append(d.pending, func() { delete(d.durable, name) })
	return nil
}

func (d *disk) sync() error {
	if err := d.op("sync", ""); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, change := range d.pending {
		change()
	}
	d.pending = nil
	return nil
}

func (d *disk) free() (uint64, error) {
	if err := d.op("free", ""); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint64(d.left()), nil
}

func (d *disk) left() int64 {
	if d.space == 0 {
		return 1 << 40
	}
	left := d.space - d.leaving
	for _, i := range d.names {
		left -= int64(len(i.data))
	}
	return left
}

type handle struct {
	d    *disk
	i    *inode
	name string
}

func (h *handle) ReadAt(p []byte, at int64) (int, error) {
	if err := h.d.op("readat", h.name); err != nil {
		return 0, err
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if at >= int64(len(h.i.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.i.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write fails in the middle where it fails.
func (h *handle) Write(p []byte) (int, error) {
	err := h.d.op("write", h.name)
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	n := len(p)
	if err != nil {
		n /= 2
	}
	if left := h.d.left(); int64(n) > left {
		n, err = int(left), unix.ENOSPC
	}
	h.i.data = append(h.i.data, p[:n]...)
	return n, err
}

func (h *handle) Close() error { return nil }

func (h *handle) Truncate(size int64) error {
	if err := h.d.op("truncate", h.name); err != nil {
		return err
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	h.i.data = h.i.data[:size:size]
	return nil
}

func (h *handle) datasync() error {
	if err := h.d.op("datasync", h.name); err != nil {
		return err
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	h.i.synced = slices.Clone(h.i.data)
	return nil
}

func (h *handle) forget() {}
