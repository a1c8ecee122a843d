package v4l2

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Memory says who allocates a queue's buffers.
type Memory uint32

// The kinds of memory.
const (
	MMAP   Memory = 1 // the driver; Map and Export reach them
	DMABUF Memory = 4 // another device; each QueueBuffer names descriptors
)

func (m Memory) String() string {
	switch m {
	case MMAP:
		return "MMAP"
	case DMABUF:
		return "DMABUF"
	}
	return fmt.Sprintf("Memory(%d)", uint32(m))
}

// BufFlags are flags of a buffer.
type BufFlags uint32

// The buffer flags.
const (
	FlagDone     BufFlags = 0x00000004
	FlagKeyFrame BufFlags = 0x00000008
	FlagPFrame   BufFlags = 0x00000010
	FlagBFrame   BufFlags = 0x00000020
	FlagError    BufFlags = 0x00000040 // the data is damaged; the stream goes on
	FlagSOE      BufFlags = 0x00010000 // Timestamp is the start of exposure, not the end of the frame
	FlagLast     BufFlags = 0x00100000 // the last of a drain; it may be empty

	timestampMask      BufFlags = 0x0000e000
	timestampMonotonic BufFlags = 0x00002000
	timestampCopy      BufFlags = 0x00004000
	flagsToKernel               = FlagKeyFrame | FlagPFrame | FlagBFrame
)

// Has says whether all of want are set.
func (f BufFlags) Has(want BufFlags) bool { return f&want == want }

// TimestampMonotonic says that the driver stamped by CLOCK_MONOTONIC.
func (f BufFlags) TimestampMonotonic() bool { return f&timestampMask == timestampMonotonic }

// TimestampCopied says that the timestamp is that of the output buffer.
func (f BufFlags) TimestampCopied() bool { return f&timestampMask == timestampCopy }

// Buffer is a buffer on its way to or from the driver. It is a value: nothing
// in it belongs to the queue.
type Buffer struct {
	Index int
	// Timestamp has microseconds. A capture device stamps by CLOCK_MONOTONIC,
	// some a little ahead of the time; a memory-to-memory device copies what
	// the output buffer had.
	Timestamp time.Duration
	Sequence  uint32
	Flags     BufFlags
	Field     Field
	Planes    [3]PlaneUse
	NPlanes   int // to the driver: 0 means as many as the format has
}

// PlaneUse is one memory plane of a buffer.
type PlaneUse struct {
	BytesUsed  int // payload, DataOffset included
	DataOffset int // multi-planar only
	Length     int // of the memory; to the driver, for DMABUF only
	FD         int // DMABUF only
}

// Queue is one direction of a device. Its methods belong to one goroutine.
type Queue struct {
	d       *Device
	typ     BufType
	format  Format
	nplanes int
	memory  Memory
	count   int
	started bool
	maps    [][3][]byte

	// What the ioctls read and write, kept so that none allocates.
	single v4l2Buffer
	multi  v4l2BufferMplane
	planes [maxPlanes]v4l2Plane
}

// maxQueuePlanes is how many memory planes a Buffer can name.
const maxQueuePlanes = len(Buffer{}.Planes)

// Queue is the direction t of the device, whose negotiated format is f. It asks
// nothing of the driver. A device has at most one Queue a direction.
func (d *Device) Queue(t BufType, f Format) *Queue {
	q := &Queue{d: d, typ: t, format: f, nplanes: max(1, len(f.Planes))}
	q.multi.planes = &q.planes
	return q
}

// Type of the queue.
func (q *Queue) Type() BufType { return q.typ }

// Format the queue was made for.
func (q *Queue) Format() Format { return q.format }

// Memory of the last Request.
func (q *Queue) Memory() Memory { return q.memory }

// Count is the number of buffers the driver gave.
func (q *Queue) Count() int { return q.count }

// Request asks for n buffers and returns how many the driver gave, which may
// be more or fewer. n = 0 frees them. What was there before is freed.
func (q *Queue) Request(m Memory, n int) (int, error) {
	op := fmt.Sprintf("request %d %v %v buffers", n, m, q.typ)
	if n < 0 || q.nplanes > maxQueuePlanes {
		return 0, q.d.fail(op, fmt.Errorf("%d buffers a picture: %w", q.nplanes, unix.EINVAL))
	}
	if err := q.Unmap(); err != nil {
		return 0, err
	}
	k := v4l2RequestBuffers{count: uint32(n), typ: uint32(q.typ), memory: uint32(m)}
	if err := q.d.do(op, vidiocReqBufs, unsafe.Pointer(&k)); err != nil {
		return 0, err
	}
	const most = 1024 // far above any kernel's limit
	if k.count > most {
		return 0, q.d.fail(op, fmt.Errorf("the driver says it gave %d", k.count))
	}
	q.memory, q.count = m, int(k.count)
	return q.count, nil
}

// Map maps all MMAP buffers for reading and writing.
func (q *Queue) Map() error {
	if q.maps != nil {
		return nil
	}
	q.maps = make([][3][]byte, q.count)
	for i := range q.maps {
		if err := q.mapBuffer(i); err != nil {
			return errors.Join(err, q.Unmap())
		}
	}
	return nil
}

func (q *Queue) mapBuffer(index int) error {
	q.clear(index, MMAP)
	if err := q.d.do(fmt.Sprintf("query %v buffer %d", q.typ, index), vidiocQueryBuf, q.arg()); err != nil {
		return err
	}
	for p := range q.nplanes {
		offset, length := q.single.m, q.single.length
		if q.typ.IsMplane() {
			offset, length = q.planes[p].m, q.planes[p].length
		}
		// The kernel writes 32 bits of the union, which is wider on 64-bit machines.
		b, err := q.d.k.mmap(q.d.FD(), int64(uint32(offset)), int(length))
		if err != nil {
			return q.d.fail(fmt.Sprintf("map %v buffer %d, plane %d", q.typ, index, p), err)
		}
		q.maps[index][p] = b
	}
	return nil
}

// Unmap takes the mappings away; slices of Bytes must not be used again.
func (q *Queue) Unmap() error {
	var errs []error
	for i := range q.maps {
		for p, b := range q.maps[i] {
			if b == nil {
				continue
			}
			if err := q.d.k.munmap(b); err != nil {
				errs = append(errs, q.d.fail(fmt.Sprintf("unmap %v buffer %d, plane %d", q.typ, i, p), err))
			}
		}
	}
	q.maps = nil
	return errors.Join(errs...)
}

// Bytes is the whole memory of one plane, nil when it is not mapped.
func (q *Queue) Bytes(index, plane int) []byte {
	if index < 0 || index >= len(q.maps) || plane < 0 || plane >= maxQueuePlanes {
		return nil
	}
	return q.maps[index][plane]
}

// Export makes a dma-buf descriptor of one plane of an MMAP buffer. The caller
// closes it; the memory lives until the last holder is gone.
func (q *Queue) Export(index, plane int) (fd int, err error) {
	k := v4l2ExportBuffer{typ: uint32(q.typ), index: uint32(index), plane: uint32(plane), flags: unix.O_RDWR | unix.O_CLOEXEC}
	op := fmt.Sprintf("export %v buffer %d, plane %d", q.typ, index, plane)
	if err := q.d.do(op, vidiocExpBuf, unsafe.Pointer(&k)); err != nil {
		return -1, err
	}
	return int(k.fd), nil
}

// QueueBuffer gives a buffer to the driver. For an output the payload's size is
// in BytesUsed; for DMABUF each plane has FD and Length. The memory must not be
// touched until Dequeue returns the buffer, or after Stop.
func (q *Queue) QueueBuffer(b Buffer) error {
	n := b.NPlanes
	if n == 0 {
		n = q.nplanes
	}
	if n != q.nplanes || n > maxQueuePlanes || b.Index < 0 || b.Index >= q.count {
		return q.d.fail(fmt.Sprintf("queue %v buffer %d of %d with %d planes", q.typ, b.Index, q.count, n), unix.EINVAL)
	}
	q.clear(b.Index, q.memory)
	h := q.head()
	h.timestamp = v4l2Timeval{int64(b.Timestamp / time.Second), int64(b.Timestamp % time.Second / time.Microsecond)}
	h.field = uint32(b.Field)
	if q.typ.IsOutput() {
		h.flags = uint32(b.Flags & flagsToKernel)
		if b.Field == FieldAny {
			h.field = uint32(q.format.Field)
		}
	}
	if q.typ.IsMplane() {
		for i := range n {
			u, p := &b.Planes[i], &q.planes[i]
			p.bytesUsed, p.dataOffset = uint32(u.BytesUsed), uint32(u.DataOffset)
			if q.memory == DMABUF {
				p.m, p.length = uintptr(uint32(u.FD)), uint32(u.Length)
			}
		}
	} else {
		u := &b.Planes[0]
		h.bytesUsed = uint32(u.BytesUsed)
		if q.memory == DMABUF {
			q.single.m, q.single.length = uintptr(uint32(u.FD)), uint32(u.Length)
		}
	}
	if err := q.d.call(vidiocQBuf, q.arg()); err != nil {
		return q.d.fail(fmt.Sprintf("queue %v buffer %d", q.typ, b.Index), err)
	}
	return nil
}

// Dequeue takes a finished buffer back. It does not wait: ErrAgain says that
// there is none, ErrLast that a drain is over. A buffer with FlagError carries
// no usable data and is to be queued again. Before Start it is EINVAL.
func (q *Queue) Dequeue() (Buffer, error) {
	q.clear(0, q.memory)
	switch err := q.d.call(vidiocDQBuf, q.arg()); {
	case err == nil:
	case errors.Is(err, unix.EAGAIN):
		return Buffer{}, ErrAgain
	case errors.Is(err, unix.EPIPE):
		return Buffer{}, ErrLast
	default:
		return Buffer{}, q.d.fail(fmt.Sprintf("dequeue %v buffer", q.typ), err)
	}
	h := q.head()
	if h.index >= uint32(q.count) {
		return Buffer{}, q.d.fail("dequeue "+q.typ.String()+" buffer",
			fmt.Errorf("the driver says it was number %d of %d", h.index, q.count))
	}
	b := Buffer{
		Index:     int(h.index),
		Timestamp: time.Duration(h.timestamp.sec)*time.Second + time.Duration(h.timestamp.usec)*time.Microsecond,
		Sequence:  h.sequence,
		Flags:     BufFlags(h.flags),
		Field:     Field(h.field),
		NPlanes:   q.nplanes,
	}
	for i := range q.nplanes {
		b.Planes[i] = q.use(i)
		if u := &b.Planes[i]; u.BytesUsed > u.Length {
			u.BytesUsed = u.Length
			b.Flags |= FlagError
		}
	}
	return b, nil
}

// use reads one plane of the buffer just dequeued.
func (q *Queue) use(plane int) PlaneUse {
	used, length, offset, m := q.single.bytesUsed, q.single.length, uint32(0), q.single.m
	if q.typ.IsMplane() {
		p := &q.planes[plane]
		used, length, offset, m = p.bytesUsed, p.length, p.dataOffset, p.m
	}
	u := PlaneUse{BytesUsed: int(used), Length: int(length), DataOffset: int(offset), FD: -1}
	if q.memory == DMABUF {
		u.FD = int(int32(m))
	}
	return u
}

// clear prepares the ioctl's structure.
func (q *Queue) clear(index int, m Memory) {
	head := v4l2BufferHead{index: uint32(index), typ: uint32(q.typ), memory: uint32(m)}
	if !q.typ.IsMplane() {
		q.single = v4l2Buffer{v4l2BufferHead: head}
		return
	}
	q.multi.v4l2BufferHead = head
	q.multi.length, q.multi.reserved2, q.multi.requestFD = uint32(q.nplanes), 0, 0
	clear(q.planes[:])
}

func (q *Queue) head() *v4l2BufferHead {
	if q.typ.IsMplane() {
		return &q.multi.v4l2BufferHead
	}
	return &q.single.v4l2BufferHead
}

func (q *Queue) arg() unsafe.Pointer {
	if q.typ.IsMplane() {
		return unsafe.Pointer(&q.multi)
	}
	return unsafe.Pointer(&q.single)
}

// Start starts streaming.
func (q *Queue) Start() error {
	if err := q.stream("start", vidiocStreamOn); err != nil {
		return err
	}
	q.started = true
	return nil
}

// Stop stops streaming. All buffers belong to user space again; what was
// queued or finished is lost.
func (q *Queue) Stop() error {
	q.started = false
	q.d.unwatch(q.d.FD())
	return q.stream("stop", vidiocStreamOff)
}

func (q *Queue) stream(op string, req uintptr) error {
	t := int32(q.typ)
	return q.d.do(op+" "+q.typ.String(), req, unsafe.Pointer(&t))
}

// Close stops, unmaps and frees; again it does nothing. That the device is
// gone is no error here.
func (q *Queue) Close() error {
	var errs []error
	if q.started {
		errs = append(errs, q.Stop())
	}
	errs = append(errs, q.Unmap())
	if q.count > 0 {
		q.count = 0
		_, err := q.Request(q.memory, 0)
		errs = append(errs, err)
	}
	for i, err := range errs {
		if IsGone(err) {
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}
