package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/tun"
	"golang.org/x/sys/unix"
)

const (
	maxPacket = 9000 // bytes, of any MTU taken
	readBatch = 32   // packets taken off one interface before the other gets its turn
)

// pump is the thread that carries the packets of both directions, when the models of
// the bottlenecks say so.
type pump struct {
	start time.Time
	event int               // eventfd: wakes the thread
	ends  [2]*tun.Interface // the sender's and the receiver's

	mu         sync.Mutex // guards all below, and the directions
	directions []*Direction
	buffer     []byte
	stopped    bool
	closed     bool // event is another's descriptor
	realTime   bool
	err        error
}

func newPump() (*pump, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("link: make an eventfd: %w", err)
	}
	return &pump{start: time.Now(), event: fd, buffer: make([]byte, maxPacket)}, nil
}

func (p *pump) now() time.Duration { return time.Since(p.start) }

func (p *pump) direction(name string, c bottleneck.Config, from, to *tun.Interface, log *Log) (*Direction, error) {
	model, err := bottleneck.New(c)
	if err != nil {
		return nil, fmt.Errorf("link: %s: %w", name, err)
	}
	d := &Direction{name: name, pump: p, model: model, config: c, from: from, to: to, log: log, flows: map[Flow]int{}}
	p.directions = append(p.directions, d)
	return d, nil
}

// wake has the thread look at the models again. It is called with mu held.
func (p *pump) wake() {
	if p.closed {
		return
	}
	_, _ = unix.Write(p.event, binary.NativeEndian.AppendUint64(nil, 1)) // full is as good as written
}

func (p *pump) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.stopped = true
		p.wake()
	}
}

// close gives back the descriptors, once the thread has ended.
func (p *pump) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, t := range p.ends {
		if t != nil {
			errs = append(errs, t.Close())
		}
	}
	if err := unix.Close(p.event); err != nil {
		errs = append(errs, fmt.Errorf("link: close an eventfd: %w", err))
	}
	return errors.Join(errs...)
}

// run carries packets until stop.
func (p *pump) run(ready chan<- struct{}) {
	// Never unlocked: the thread has another priority than others, and ends here.
	runtime.LockOSThread()
	realTime := urgent()
	p.mu.Lock()
	p.realTime = realTime
	p.mu.Unlock()
	close(ready)
	for {
		due, ok := p.deliver()
		if !ok {
			return
		}
		if err := p.sleep(due); err != nil {
			p.fail(err)
			return
		}
		for _, d := range p.directions { // set before run, never changed
			if err := d.take(); err != nil {
				p.fail(err)
				return
			}
		}
	}
}

// urgent asks for real-time priority, at least for a high one, and for exact timers.
func urgent() bool {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	const resetOnFork, fifo, highest = 1, 1, -20 // SCHED_FLAG_RESET_ON_FORK, SCHED_FIFO
	err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: fifo, Priority: 1, Flags: resetOnFork}, 0)
	if err != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), highest)
	}
	return err == nil
}

func (p *pump) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// deliver hands over what has arrived, and says when to do it next: below 0 when
// nothing is under way. It is false once the pump is stopped.
func (p *pump) deliver() (next time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next = -1
	for _, d := range p.directions {
		d.deliver()
		if at, ok := d.model.Next(); ok && (next < 0 || at < next) {
			next = at
		}
	}
	return next, !p.stopped
}

// sleep waits for a packet, for wake, or for a moment to come.
func (p *pump) sleep(until time.Duration) error {
	fds := [3]unix.PollFd{
		{Fd: int32(p.ends[0].Fd()), Events: unix.POLLIN},
		{Fd: int32(p.ends[1].Fd()), Events: unix.POLLIN},
		{Fd: int32(p.event), Events: unix.POLLIN},
	}
	var timeout *unix.Timespec
	if until >= 0 {
		t := unix.NsecToTimespec(max(0, int64(until-p.now())))
		timeout = &t
	}
	n, err := unix.Ppoll(fds[:], timeout, nil)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("link: wait for packets: %w", err)
	}
	if n > 0 && fds[2].Revents != 0 {
		var b [8]byte
		_, _ = unix.Read(p.event, b[:]) // empty is as good as read
	}
	return nil
}
