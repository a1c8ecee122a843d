package v4l2

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pipeDevice is a "device" that is ready to be read once something was written
// to the other end, and hung up once that was closed.
func pipeDevice(t *testing.T) (d *Device, write *os.File) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	d = &Device{node: node{path: "/dev/video9", k: linux{}}}
	d.fd.Store(int32(p[0]))
	write = os.NewFile(uintptr(p[1]), "pipe")
	t.Cleanup(func() {
		write.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, write
}

func newPoller(t *testing.T) *Poller {
	t.Helper()
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), p.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestWaitTellsWhichDeviceIsReady(t *testing.T) {
	p := newPoller(t)
	idle, _ := pipeDevice(t)
	busy, write := pipeDevice(t)
	if _, err := write.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	woken, ready, err := p.Wait(-1, Want{Device: idle, Events: PollIn}, Want{Device: busy, Events: PollIn | PollPri})
	if err != nil || woken || ready[0].Events != 0 || ready[1].Events != PollIn {
		t.Errorf("woken %v, ready %v, %v", woken, ready, err)
	}
}

func TestWaitTellsOfADeviceThatIsGone(t *testing.T) {
	p := newPoller(t)
	d, write := pipeDevice(t)
	write.Close()
	_, ready, err := p.Wait(-1, Want{Device: d})
	if err != nil || !ready[0].Events.Has(PollHup) {
		t.Errorf("ready %v, %v", ready[0], err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	// A closed device does not keep Wait from ending.
	_, ready, err = p.Wait(0, Want{Device: d, Events: PollIn})
	if err != nil || ready[0].Events != PollHup|PollErr {
		t.Errorf("ready %v, %v of a closed device", ready[0], err)
	}
}

func TestWaitEndsInTime(t *testing.T) {
	p := newPoller(t)
	d, _ := pipeDevice(t)
	woken, ready, err := p.Wait(time.Millisecond, Want{Device: d, Events: PollIn})
	if err != nil || woken || ready != [MaxWants]Ready{} {
		t.Errorf("woken %v, ready %v, %v", woken, ready, err)
	}
}

func TestWake(t *testing.T) {
	p := newPoller(t)
	d, _ := pipeDevice(t)
	// Before Wait, and many as one.
	for range 3 {
		p.Wake()
	}
	if woken, _, err := p.Wait(-1, Want{Device: d, Events: PollIn}); !woken || err != nil {
		t.Errorf("woken %v, %v", woken, err)
	}
	if woken, _, err := p.Wait(0); woken || err != nil {
		t.Errorf("woken %v again, %v", woken, err)
	}
	// From many goroutines, while it waits.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				p.Wake()
			}
		})
	}
	if woken, _, err := p.Wait(-1, Want{Device: d, Events: PollIn}); !woken || err != nil {
		t.Errorf("woken %v, %v", woken, err)
	}
	wg.Wait()
}

// TestWakeWhileItCloses: the race detector and a descriptor of another file's
// would tell.
func TestWakeWhileItCloses(t *testing.T) {
	p := newPoller(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				p.Wake()
			}
		})
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	_, write := pipeDevice(t) // takes the descriptor over
	wg.Wait()
	if _, err := write.Write(make([]byte, 4096)); err != nil {
		t.Error(err)
	}
}

// TestCallsWhileItCloses: each call is either over before Close, or refused.
func TestCallsWhileItCloses(t *testing.T) {
	var k fake
	k.handle = func(uintptr, unsafe.Pointer) error {
		if k.closed > 0 {
			t.Error("an ioctl after the close")
		}
		return nil
	}
	d := &Device{node: node{path: "/dev/video9", k: &k}}
	d.fd.Store(99)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				if _, err := d.Input(); errors.Is(err, os.ErrClosed) {
					return
				}
			}
		})
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// TestWaitKeepsToWhatIsWanted: a device is watched for what the last Wait asks, and
// one of a closed device's descriptor is another.
func TestWaitKeepsToWhatIsWanted(t *testing.T) {
	p := newPoller(t)
	a, write := pipeDevice(t)
	b, _ := pipeDevice(t)
	if _, err := write.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	wait := func(wants ...Want) (first PollEvents) {
		t.Helper()
		woken, ready, err := p.Wait(time.Millisecond, wants...)
		if err != nil || woken {
			t.Fatalf("woken %v, %v", woken, err)
		}
		return ready[0].Events
	}
	for range 2 {
		if got := wait(Want{Device: a, Events: PollIn}); got != PollIn {
			t.Errorf("%v of a device that can be read", got)
		}
		if got := wait(Want{Device: a}); got != 0 {
			t.Errorf("%v that was not asked for", got)
		}
		if got := wait(Want{Device: b, Events: PollIn}); got != 0 {
			t.Errorf("%v of another device", got)
		}
	}
	wait(Want{Device: a}, Want{Device: b, Events: PollIn}) // another place than c's
	fd := b.fd.Load()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	c, write := pipeDevice(t)
	if c.fd.Load() != fd {
		t.Fatalf("descriptor %d became %d", fd, c.fd.Load())
	}
	if _, err := write.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := wait(Want{Device: c, Events: PollIn}); got != PollIn {
		t.Errorf("%v of a device with another's descriptor", got)
	}
}

// TestNoSetHasAClosedDevice: whoever is closed is in no set any more, so that the
// file ends with Close, and a set that is closed is in no device's list.
func TestNoSetHasAClosedDevice(t *testing.T) {
	p, gone := newPoller(t), newPoller(t)
	d, write := pipeDevice(t)
	for _, p := range []*Poller{p, gone} {
		if _, _, err := p.Wait(0, Want{Device: d, Events: PollIn}); err != nil {
			t.Fatal(err)
		}
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	if len(d.pollers) != 1 || d.pollers[0] != p {
		t.Errorf("watched by %v", d.pollers)
	}
	other, err := unix.Dup(int(d.fd.Load())) // keeps the file open
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := write.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if woken, _, err := p.Wait(0); woken || err != nil || p.found(0) {
		t.Errorf("woken %v, %v, and the set has something of a closed device: %v", woken, err, p.events[:p.n])
	}
}

// TestWaitEndsLater: the deadline of one Wait does not end the next.
func TestWaitEndsLater(t *testing.T) {
	p := newPoller(t)
	d, write := pipeDevice(t)
	p.Wake()
	if woken, _, err := p.Wait(20*time.Millisecond, Want{Device: d, Events: PollIn}); !woken || err != nil {
		t.Fatalf("woken %v, %v", woken, err)
	}
	go func() {
		time.Sleep(60 * time.Millisecond)
		_, _ = write.Write([]byte("x"))
	}()
	for _, timeout := range []time.Duration{-1, time.Minute} {
		if _, ready, err := p.Wait(timeout, Want{Device: d, Events: PollIn}); ready[0].Events != PollIn || err != nil {
			t.Errorf("ready %v, %v", ready[0], err)
		}
	}
}

func TestWaitRefuses(t *testing.T) {
	p := newPoller(t)
	if _, _, err := p.Wait(0, make([]Want, MaxWants+1)...); !errors.Is(err, unix.EINVAL) {
		t.Errorf("%v of too many devices", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p.Wake() // does nothing
	if _, _, err := p.Wait(-1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v of a closed poller", err)
	}
}

func TestWaitDoesNotAllocate(t *testing.T) {
	p := newPoller(t)
	d, write := pipeDevice(t)
	other, _ := pipeDevice(t)
	if _, err := write.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	failed := false
	if n := testing.AllocsPerRun(100, func() {
		p.Wake()
		woken, ready, err := p.Wait(time.Second, Want{Device: d, Events: PollIn}, Want{Device: other, Events: PollPri})
		failed = failed || err != nil || !woken || ready[0].Events != PollIn
	}); n != 0 || failed {
		t.Errorf("%v allocations a Wait, failed: %v", n, failed)
	}
}
