package v4l2

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func mplaneQueue(t *testing.T) (*fakeVideo, *Device, *Queue) {
	t.Helper()
	f := &fakeVideo{mplane: true, given: 4, nplanes: 2}
	d := fakeDevice(t, f.handle)
	q := d.Queue(VideoOutputMplane, Format{Width: 64, Height: 32, FourCC: NV12M, Field: FieldNone, Planes: []PlaneLayout{{64, 100}, {64, 50}}})
	return f, d, q
}

func request(t *testing.T, q *Queue, m Memory, n, want int) {
	t.Helper()
	if got, err := q.Request(m, n); err != nil || got != want || q.Count() != want {
		t.Fatalf("%d buffers, count %d, %v, want %d", got, q.Count(), err, want)
	}
}

func TestQueueGivesWhatTheDriverGave(t *testing.T) {
	_, _, q := mplaneQueue(t)
	request(t, q, MMAP, 6, 4)
	request(t, q, MMAP, 0, 0)
}

func TestQueueBufferOfManyPlanesByDMABUF(t *testing.T) {
	f, _, q := mplaneQueue(t)
	request(t, q, DMABUF, 3, 3)
	b := Buffer{Index: 2, Timestamp: 3*time.Second + 40*time.Millisecond + 999, Flags: FlagKeyFrame | FlagError | FlagDone | FlagLast,
		Planes: [3]PlaneUse{{BytesUsed: 90, DataOffset: 4, Length: 100, FD: 17}, {BytesUsed: 45, Length: 50, FD: 18}}}
	if err := q.QueueBuffer(b); err != nil {
		t.Fatal(err)
	}
	h, p := f.queued[0], f.planes[0]
	if h.index != 2 || h.typ != uint32(VideoOutputMplane) || h.memory != uint32(DMABUF) || h.field != uint32(FieldNone) {
		t.Errorf("the driver got %+v", h)
	}
	if h.timestamp != (v4l2Timeval{3, 40000}) {
		t.Errorf("timestamp %+v", h.timestamp)
	}
	if h.flags != uint32(FlagKeyFrame) {
		t.Errorf("flags %#x: only what is the user's to say may go in", h.flags)
	}
	if p[0].m != 17 || p[0].length != 100 || p[0].bytesUsed != 90 || p[0].dataOffset != 4 || p[1].m != 18 || p[1].length != 50 {
		t.Errorf("planes %+v", p[:2])
	}
}

func TestDequeue(t *testing.T) {
	f, _, q := mplaneQueue(t)
	request(t, q, DMABUF, 3, 3)
	f.finish = func(h *v4l2BufferHead, p *[3]v4l2Plane) error {
		*h = v4l2BufferHead{index: 1, sequence: 7, field: 1, flags: 0x4000 | uint32(FlagDone), timestamp: v4l2Timeval{5, 6}}
		p[0] = v4l2Plane{bytesUsed: 90, length: 100, m: 17, dataOffset: 4}
		p[1] = v4l2Plane{bytesUsed: 45, length: 50, m: 18}
		return nil
	}
	got, err := q.Dequeue()
	want := Buffer{Index: 1, Sequence: 7, Field: FieldNone, Flags: 0x4000 | FlagDone, Timestamp: 5*time.Second + 6*time.Microsecond, NPlanes: 2,
		Planes: [3]PlaneUse{{90, 4, 100, 17}, {45, 0, 50, 18}}}
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if !got.Flags.TimestampCopied() || got.Flags.TimestampMonotonic() {
		t.Errorf("flags %#x: the timestamp is a copy", uint32(got.Flags))
	}
}

func TestDequeueOfASinglePlane(t *testing.T) {
	f := &fakeVideo{given: 4, nplanes: 1}
	q := fakeDevice(t, f.handle).Queue(VideoCapture, Format{FourCC: MJPEG, Planes: []PlaneLayout{{0, 100}}})
	request(t, q, MMAP, 2, 2)
	if err := q.QueueBuffer(Buffer{Index: 1, Timestamp: time.Hour, Flags: FlagKeyFrame}); err != nil {
		t.Fatal(err)
	}
	if h := f.queued[0]; h.index != 1 || h.memory != uint32(MMAP) || h.flags != 0 {
		t.Errorf("the driver got %+v", h)
	}
	f.finish = func(h *v4l2BufferHead, p *[3]v4l2Plane) error {
		*h, p[0] = v4l2BufferHead{index: 1, flags: 0x2000 | uint32(FlagSOE)}, v4l2Plane{bytesUsed: 70, length: 100, m: 4096}
		return nil
	}
	b, err := q.Dequeue()
	if err != nil || b.Index != 1 || b.NPlanes != 1 || b.Planes[0] != (PlaneUse{70, 0, 100, -1}) {
		t.Errorf("%+v, %v", b, err)
	}
	if !b.Flags.TimestampMonotonic() || !b.Flags.Has(FlagSOE) {
		t.Errorf("flags %#x", uint32(b.Flags))
	}
}

func TestDequeueWhenThereIsNone(t *testing.T) {
	f, _, q := mplaneQueue(t)
	request(t, q, MMAP, 2, 2)
	for errno, want := range map[unix.Errno]error{unix.EAGAIN: ErrAgain, unix.EPIPE: ErrLast} {
		f.finish = func(*v4l2BufferHead, *[3]v4l2Plane) error { return errno }
		if _, err := q.Dequeue(); err != want {
			t.Errorf("%v gives %v, want %v", errno, err, want)
		}
	}
	f.finish = func(*v4l2BufferHead, *[3]v4l2Plane) error { return unix.ENODEV }
	if _, err := q.Dequeue(); !IsGone(err) || !strings.Contains(err.Error(), "dequeue output (multi-planar) buffer on /dev/video9") {
		t.Errorf("error %v of an unplugged device", err)
	}
}

func TestDequeueFromABrokenDriver(t *testing.T) {
	f, _, q := mplaneQueue(t)
	request(t, q, MMAP, 2, 2)
	f.finish = func(h *v4l2BufferHead, _ *[3]v4l2Plane) error { h.index = 2; return nil }
	if b, err := q.Dequeue(); err == nil {
		t.Errorf("took %+v of a queue of 2", b)
	}
	f.finish = func(_ *v4l2BufferHead, p *[3]v4l2Plane) error {
		p[0], p[1] = v4l2Plane{bytesUsed: 101, length: 100}, v4l2Plane{bytesUsed: 50, length: 50}
		return nil
	}
	if b, err := q.Dequeue(); err != nil || !b.Flags.Has(FlagError) || b.Planes[0].BytesUsed != 100 {
		t.Errorf("%+v, %v of more payload than memory", b, err)
	}
}

func TestQueueBufferRefuses(t *testing.T) {
	f, _, q := mplaneQueue(t)
	request(t, q, MMAP, 2, 2)
	calls := f.calls
	for name, b := range map[string]Buffer{"index": {Index: 2}, "negative": {Index: -1}, "planes": {NPlanes: 1}} {
		if err := q.QueueBuffer(b); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f.calls != calls {
		t.Error("the driver was asked")
	}
}

func TestQueueMapsAndCloses(t *testing.T) {
	f, d, q := mplaneQueue(t)
	request(t, q, MMAP, 2, 2)
	if q.Bytes(0, 0) != nil {
		t.Error("bytes before Map")
	}
	if err := q.Map(); err != nil {
		t.Fatal(err)
	}
	if len(q.Bytes(0, 0)) != 100 || len(q.Bytes(1, 1)) != 50 || q.Bytes(1, 2) != nil || q.Bytes(2, 0) != nil || q.Bytes(-1, 0) != nil {
		t.Error("Bytes gives other planes than there are")
	}
	if err := errors.Join(q.Start(), q.Close(), q.Close()); err != nil {
		t.Fatal(err)
	}
	last := f.requested[len(f.requested)-1]
	if left := len(d.k.(*fake).maps); left != 0 || f.on != 0 || last.count != 0 || last.memory != uint32(MMAP) {
		t.Errorf("%d mappings left, streaming %d, last request %+v", left, f.on, last)
	}
}

func TestMapThatFailsLeavesNothing(t *testing.T) {
	_, d, q := mplaneQueue(t)
	request(t, q, MMAP, 4, 4)
	k := d.k.(*fake)
	k.mapErr = unix.ENOMEM
	if err := q.Map(); !errors.Is(err, unix.ENOMEM) || len(k.maps) != 0 || q.Bytes(0, 0) != nil {
		t.Errorf("%v, %d mappings left", err, len(k.maps))
	}
}

func TestCloseOfAQueueWhoseDeviceIsGone(t *testing.T) {
	f, d, q := mplaneQueue(t)
	request(t, q, MMAP, 2, 2)
	if err := errors.Join(q.Map(), q.Start()); err != nil {
		t.Fatal(err)
	}
	k := d.k.(*fake)
	k.handle = func(uintptr, unsafe.Pointer) error { return unix.ENODEV }
	if err := q.Close(); err != nil || len(k.maps) != 0 {
		t.Errorf("%v, %d mappings left", err, len(k.maps))
	}
	_ = f
	if err := errors.Join(d.Close(), d.Close()); err != nil || k.closed != 1 || d.FD() != -1 {
		t.Errorf("%v, closed %d times, descriptor %d", err, k.closed, d.FD())
	}
	if err := q.Start(); !errors.Is(err, os.ErrClosed) || !IsGone(err) {
		t.Errorf("start on a closed device: %v", err)
	}
}

func TestStreamingDoesNotAllocate(t *testing.T) {
	f, _, q := mplaneQueue(t)
	request(t, q, DMABUF, 2, 2)
	f.finish = func(_ *v4l2BufferHead, p *[3]v4l2Plane) error { p[0].length, p[1].length = 9, 9; return nil }
	b := Buffer{Planes: [3]PlaneUse{{FD: 3, Length: 9}, {FD: 4, Length: 9}}}
	again := errors.New("")
	if n := testing.AllocsPerRun(100, func() {
		if err := q.QueueBuffer(b); err != nil {
			again = err
		}
		if _, err := q.Dequeue(); err != nil {
			again = err
		}
	}); n != 0 || again.Error() != "" {
		t.Errorf("%v allocations a frame, error %q", n, again)
	}
	f.finish = func(*v4l2BufferHead, *[3]v4l2Plane) error { return unix.EAGAIN }
	if n := testing.AllocsPerRun(100, func() { _, _ = q.Dequeue() }); n != 0 {
		t.Errorf("%v allocations when there is nothing", n)
	}
}
