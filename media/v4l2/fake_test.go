package v4l2

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fake is a kernel of the test's making.
type fake struct {
	handle func(req uintptr, arg unsafe.Pointer) error
	maps   map[int64]int // offset to length, of what is mapped
	mapErr error
	closed int
}

func (k *fake) ioctl(_ int, req uintptr, arg unsafe.Pointer) error { return k.handle(req, arg) }

func (k *fake) mmap(_ int, offset int64, length int) ([]byte, error) {
	if k.mapErr != nil && len(k.maps) > 2 {
		return nil, k.mapErr
	}
	if k.maps == nil {
		k.maps = map[int64]int{}
	}
	k.maps[offset] = length
	b := make([]byte, length)
	b[0] = byte(offset) // so that munmap knows it
	return b, nil
}

func (k *fake) munmap(b []byte) error {
	if n, ok := k.maps[int64(b[0])]; !ok || n != len(b) {
		return unix.EINVAL
	}
	delete(k.maps, int64(b[0]))
	return nil
}

func (k *fake) close(int) error {
	k.closed++
	return nil
}

// fakeDevice is a device whose driver is handle.
func fakeDevice(t *testing.T, handle func(req uintptr, arg unsafe.Pointer) error) *Device {
	t.Helper()
	d := &Device{node: node{path: "/dev/video9", k: &fake{handle: handle}}}
	d.fd.Store(99)
	return d
}

// fakeVideo is a driver of one queue: it lends out buffers and gives back what
// the test finishes.
type fakeVideo struct {
	mplane    bool
	given     int // REQBUFS gives no more
	nplanes   int
	queued    []v4l2BufferHead
	planes    [][3]v4l2Plane // of queued; a single-planar buffer has one
	finish    func(h *v4l2BufferHead, planes *[3]v4l2Plane) error
	head      v4l2BufferHead // what finish fills in; kept, so that the fake does not allocate
	done      [3]v4l2Plane
	on, calls int
	requested []v4l2RequestBuffers
}

func (f *fakeVideo) handle(req uintptr, arg unsafe.Pointer) error {
	f.calls++
	switch req {
	case vidiocReqBufs:
		k := (*v4l2RequestBuffers)(arg)
		f.requested = append(f.requested, *k)
		k.count = uint32(min(int(k.count), f.given))
	case vidiocQueryBuf:
		h, _ := f.read(arg)
		f.write(arg, &h, &[3]v4l2Plane{{length: 100, m: uintptr(h.index*16 + 1)}, {length: 50, m: uintptr(h.index*16 + 2)}})
	case vidiocQBuf:
		h, p := f.read(arg)
		f.queued, f.planes = append(f.queued[:0], h), append(f.planes[:0], p)
	case vidiocDQBuf:
		f.head, f.done = v4l2BufferHead{}, [3]v4l2Plane{}
		if err := f.finish(&f.head, &f.done); err != nil {
			return err
		}
		f.write(arg, &f.head, &f.done)
	case vidiocStreamOn:
		f.on++
	case vidiocStreamOff:
		f.on--
	}
	return nil
}

func (f *fakeVideo) read(arg unsafe.Pointer) (v4l2BufferHead, [3]v4l2Plane) {
	if f.mplane {
		k := (*v4l2BufferMplane)(arg)
		return k.v4l2BufferHead, [3]v4l2Plane(k.planes[:3])
	}
	k := (*v4l2Buffer)(arg)
	return k.v4l2BufferHead, [3]v4l2Plane{{bytesUsed: k.bytesUsed, length: k.length, m: k.m}}
}

func (f *fakeVideo) write(arg unsafe.Pointer, h *v4l2BufferHead, p *[3]v4l2Plane) {
	if f.mplane {
		k := (*v4l2BufferMplane)(arg)
		k.v4l2BufferHead = *h
		copy(k.planes[:f.nplanes], p[:])
		return
	}
	k := (*v4l2Buffer)(arg)
	k.v4l2BufferHead, k.bytesUsed, k.length, k.m = *h, p[0].bytesUsed, p[0].length, p[0].m
}
