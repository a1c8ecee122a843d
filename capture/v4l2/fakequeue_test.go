package v4l2capture

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media/v4l2"
)

type fakePoller struct {
	k          *fakeKernel
	wake, news chan struct{}
}

func (p *fakePoller) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *fakePoller) Close() error {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	p.k.pollers = slices.DeleteFunc(p.k.pollers, func(o *fakePoller) bool { return o == p })
	return nil
}

func (p *fakePoller) Wait(timeout time.Duration, dev device, events v4l2.PollEvents, bridge subdev) (got, ofBridge v4l2.PollEvents, err error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		got = dev.(*fakeDevice).ready(events)
		if s, ok := bridge.(*fakeSubdev); ok {
			ofBridge = s.ready(v4l2.PollPri)
		}
		if got|ofBridge != 0 {
			return got, ofBridge, nil
		}
		select {
		case <-p.news:
		case <-p.wake:
			return 0, 0, nil
		case <-timer.C:
			return 0, 0, nil
		}
	}
}

// fakeQueue fails the test where a buffer is queued twice, or kept.
type fakeQueue struct {
	d             *fakeDevice
	f             v4l2.Format
	kind          v4l2.Memory
	n             int
	streaming     bool
	waiting, done []v4l2.Buffer
	with          map[int]bool // indexes that the driver has
	most          int          // it ever had
	mem           [][]byte
}

func (q *fakeQueue) memory(i int) []byte {
	if q.kind == v4l2.MMAP {
		return q.mem[i]
	}
	return nil
}

func (q *fakeQueue) refuses(where string) error {
	if q.kind == v4l2.DMABUF && q.d.refuse == where {
		return fmt.Errorf("v4l2: %s on %s: %w", where, q.d.node.Path, unix.EINVAL)
	}
	return nil
}

func (q *fakeQueue) Request(m v4l2.Memory, n int) (int, error) {
	unlock, err := q.d.ask()
	defer unlock()
	q.kind = m
	if err := errors.Join(err, q.refuses("request")); err != nil {
		return 0, err
	}
	q.n, q.with = n, map[int]bool{}
	if m == v4l2.MMAP {
		for range n {
			q.mem = append(q.mem, make([]byte, q.f.Planes[0].Size))
		}
	}
	q.d.q = q
	return n, nil
}

func (q *fakeQueue) Map() error                { return nil }
func (q *fakeQueue) Bytes(index, _ int) []byte { return q.mem[index] }

func (q *fakeQueue) QueueBuffer(b v4l2.Buffer) error {
	unlock, err := q.d.ask()
	defer unlock()
	if err := errors.Join(err, q.refuses("queue")); err != nil {
		return err
	}
	if q.with[b.Index] || b.Index >= q.n {
		q.d.k.t.Errorf("buffer %d of %d queued twice", b.Index, q.n)
	}
	b.NPlanes = len(q.f.Planes)
	q.with[b.Index] = true
	q.most = max(q.most, len(q.with))
	q.waiting = append(q.waiting, b)
	return nil
}

func (q *fakeQueue) Dequeue() (v4l2.Buffer, error) {
	unlock, err := q.d.ask()
	defer unlock()
	if err := errors.Join(err, q.d.dequeue); err != nil {
		return v4l2.Buffer{}, err
	}
	if !q.streaming {
		return v4l2.Buffer{}, fmt.Errorf("v4l2: dequeue on %s: %w", q.d.node.Path, unix.EINVAL)
	}
	if len(q.done) == 0 {
		return v4l2.Buffer{}, v4l2.ErrAgain
	}
	b := q.done[0]
	q.done = q.done[1:]
	delete(q.with, b.Index)
	return b, nil
}

func (q *fakeQueue) Start() error {
	unlock, err := q.d.ask()
	defer unlock()
	if err := errors.Join(err, q.refuses("start")); err != nil {
		return err
	}
	q.streaming = true
	return nil
}

func (q *fakeQueue) Stop() error { return nil }

func (q *fakeQueue) Close() error {
	q.d.k.mu.Lock()
	defer q.d.k.mu.Unlock()
	if q.d.q == q {
		q.d.q = nil
	}
	q.streaming = false
	return nil
}
