package m2m

import (
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/media/v4l2"
)

// fakeQueue is one direction of a fakeDevice.
type fakeQueue struct {
	d         *fakeDevice
	t         v4l2.BufType
	format    v4l2.Format
	mem       [][][]byte // by buffer and plane
	isMapped  bool
	queued    []v4l2.Buffer
	done      []v4l2.Buffer
	inKernel  map[int]bool
	streaming bool
	ended     bool // LAST was dequeued
}

func (q *fakeQueue) lock() func() {
	q.d.m.mu.Lock()
	return q.d.m.mu.Unlock
}

func (q *fakeQueue) Request(_ v4l2.Memory, n int) (int, error) {
	defer q.lock()()
	q.d.call("request %v", q.t.IsOutput())
	if q.t.IsOutput() && q.d.m.giveRaw > 0 {
		n = q.d.m.giveRaw
	}
	q.inKernel = map[int]bool{}
	q.mem = make([][][]byte, n)
	for i := range q.mem {
		for _, p := range q.format.Planes {
			q.mem[i] = append(q.mem[i], make([]byte, p.Size))
		}
	}
	return n, nil
}

func (q *fakeQueue) Map() error {
	defer q.lock()()
	if q.d.m.noMap {
		return syscall.EINVAL
	}
	q.isMapped = true
	return nil
}

func (q *fakeQueue) Bytes(index, plane int) []byte {
	defer q.lock()()
	if !q.isMapped || index >= len(q.mem) || plane >= len(q.mem[index]) {
		return nil
	}
	return q.mem[index][plane]
}

func (q *fakeQueue) Export(int, int) (int, error) {
	defer q.lock()()
	m := q.d.m
	if m.noExport {
		return -1, syscall.ENOTTY
	}
	m.nextFD++
	m.fds[m.nextFD] = true
	return m.nextFD, nil
}

func (q *fakeQueue) QueueBuffer(b v4l2.Buffer) error {
	defer q.lock()()
	d, m := q.d, q.d.m
	if m.eio {
		return syscall.EIO
	}
	if q.inKernel[b.Index] || b.Index >= len(q.mem) {
		m.wrong("buffer %d is queued twice", b.Index)
		return syscall.EINVAL
	}
	if q.t.IsOutput() {
		for p, l := range q.format.Planes {
			if b.Planes[p].BytesUsed != l.Size {
				m.wrong("plane %d of a picture has %d bytes of %d", p, b.Planes[p].BytesUsed, l.Size)
			}
		}
		if d.draining {
			m.wrong("a picture is queued during a drain")
		}
	}
	if q.t.IsOutput() && d.force { // it is for the picture queued next
		d.force = false
		b.Flags |= v4l2.FlagKeyFrame
	}
	q.inKernel[b.Index] = true
	q.queued = append(q.queued, b)
	d.work()
	m.signal()
	return nil
}

func (q *fakeQueue) Dequeue() (v4l2.Buffer, error) {
	defer q.lock()()
	switch {
	case q.d.m.eio:
		return v4l2.Buffer{}, syscall.EIO
	case q.ended:
		return v4l2.Buffer{}, v4l2.ErrLast
	case len(q.done) == 0:
		return v4l2.Buffer{}, v4l2.ErrAgain
	}
	b := q.done[0]
	q.done = q.done[1:]
	delete(q.inKernel, b.Index)
	q.ended = b.Flags.Has(v4l2.FlagLast)
	return b, nil
}

func (q *fakeQueue) Start() error {
	defer q.lock()()
	q.d.call("start %v", q.t.IsOutput())
	if q.d.m.startErr != nil {
		return q.d.m.startErr
	}
	q.streaming = true
	if d := q.d; d.in.streaming && d.out.streaming { // a new stream
		d.began, d.draining, d.in.ended = false, false, false
		d.bitrate = int(d.values[v4l2.CtrlBitrate])
		if c, ok := d.coder.(io.Closer); ok {
			_ = c.Close()
		}
		d.coder = d.m.coder(d)
		d.work()
	}
	return nil
}

func (q *fakeQueue) Stop() error {
	q.d.m.mu.Lock()
	takes := q.d.m.stopTakes
	q.d.m.stopping++
	q.d.m.mu.Unlock()
	time.Sleep(takes)
	defer q.lock()()
	q.d.m.stopping--
	defer func() {
		for _, d := range q.d.m.opened {
			d.work()
		}
	}()
	q.d.call("stop %v", q.t.IsOutput())
	q.streaming, q.ended = false, false
	q.queued, q.done = nil, nil
	clear(q.inKernel)
	if q.t.IsOutput() {
		q.d.rawOwed = nil
	}
	return nil
}

func (q *fakeQueue) Close() error {
	q.d.m.mu.Lock()
	streaming := q.streaming
	q.d.m.mu.Unlock()
	if streaming {
		_ = q.Stop()
	}
	defer q.lock()()
	q.d.call("free %v", q.t.IsOutput())
	q.isMapped, q.mem = false, nil
	return nil
}

// work codes what can be coded, at once or one picture a delay.
func (d *fakeDevice) work() {
	if d.in == nil || d.out == nil || !d.in.streaming || !d.out.streaming {
		return
	}
	if d.m.stopBlocks && d.m.stopping > 0 {
		return
	}
	for len(d.out.queued) > 0 && len(d.in.queued) > 0 && d.timer == nil {
		if d.m.hang != nil && d.m.hang(d.m.pictures) {
			return
		}
		if d.m.delay == 0 {
			d.picture()
			continue
		}
		d.timer = time.AfterFunc(d.m.delay, func() {
			d.m.mu.Lock()
			d.timer = nil
			if d.in.streaming && len(d.out.queued) > 0 && len(d.in.queued) > 0 {
				d.picture()
			}
			d.work()
			d.m.mu.Unlock()
			d.m.signal()
		})
	}
	if d.draining && len(d.out.queued) == 0 {
		d.finish()
	}
}

// finish marks the end of a drain.
func (d *fakeDevice) finish() {
	if d.in.ended || slices.ContainsFunc(d.in.done, func(b v4l2.Buffer) bool { return b.Flags.Has(v4l2.FlagLast) }) {
		return
	}
	if n := len(d.in.done); n > 0 && !d.m.emptyLast {
		d.in.done[n-1].Flags |= v4l2.FlagLast
		return
	}
	if len(d.in.queued) > 0 {
		d.emit(nil, v4l2.Buffer{Timestamp: 12345, Flags: v4l2.FlagLast})
	}
}

// picture codes the next one.
func (d *fakeDevice) picture() {
	n := d.m.pictures
	d.m.pictures++
	b := d.out.queued[0]
	d.out.queued = d.out.queued[1:]
	if d.m.keepRaw {
		d.out.done = append(d.out.done, d.rawOwed...)
		d.rawOwed = []v4l2.Buffer{b}
	} else {
		d.out.done = append(d.out.done, b)
	}
	key := !d.began
	d.began = true
	if b.Flags.Has(v4l2.FlagKeyFrame) {
		if d.lateIn = d.m.lateKey; d.lateIn == 0 {
			key = true
		}
	} else if d.lateIn > 0 {
		d.lateIn--
		key = key || d.lateIn == 0
	}
	is := func(f func(int) bool) bool { return f != nil && f(n) }
	if d.m.swallow || is(d.m.skips) {
		return
	}
	if is(d.m.blank) {
		d.emit(nil, v4l2.Buffer{Timestamp: b.Timestamp})
		return
	}
	data := d.coder.code(d, b.Index, d.bitrate, key)
	if is(d.m.damaged) {
		d.emit(nil, v4l2.Buffer{Timestamp: b.Timestamp, Flags: v4l2.FlagError})
		return
	}
	if key && d.m.apart {
		at := slices.Index(data[1:], 0x65) // the first slice
		d.emit(data[:at-3], v4l2.Buffer{Timestamp: b.Timestamp})
		data = data[at-3:]
	}
	d.emit(data, v4l2.Buffer{Timestamp: b.Timestamp})
	if is(d.m.twice) {
		d.emit(data, v4l2.Buffer{Timestamp: b.Timestamp})
	}
}

// emit finishes a coded buffer.
func (d *fakeDevice) emit(data []byte, b v4l2.Buffer) {
	if len(d.in.queued) == 0 {
		d.m.wrong("no coded buffer is left")
		return
	}
	b.Index = d.in.queued[0].Index
	d.in.queued = d.in.queued[1:]
	mem := d.in.mem[b.Index][0]
	b.Planes[0].BytesUsed, b.Planes[0].Length = copy(mem, data), len(mem)
	d.in.done = append(d.in.done, b)
}
