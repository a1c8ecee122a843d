package v4l2

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Uevent is the kernel's word that a device came, went or changed.
type Uevent struct {
	Action    string // "add", "remove", "change", …; UeventsLost
	Subsystem string // "video4linux", "sound", "usb", …
	DevName   string // below /dev; "" where it has no node
	DevPath   string // below the root of sysfs
}

// UeventsLost is the Action of an event the kernel did not send: some were
// lost, so what is there is to be listed anew.
const UeventsLost = "lost"

// Uevents listens for the kernel's device events.
type Uevents struct {
	C <-chan Uevent // closed by Close; holds the newest 64

	c    chan Uevent
	lost atomic.Uint64
	fd   int
	wake *Poller
	done sync.WaitGroup
	once sync.Once
}

// ListenUevents begins to listen; Close ends it.
func ListenUevents() (*Uevents, error) {
	const fromKernel = 1 // the multicast group; udev's is 2
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("v4l2: open a socket for uevents: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: fromKernel}); err != nil {
		return nil, errors.Join(fmt.Errorf("v4l2: listen for uevents: %w", err), unix.Close(fd))
	}
	return newUevents(fd)
}

// newUevents owns fd, also when it fails.
func newUevents(fd int) (*Uevents, error) {
	wake, err := NewPoller()
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	c := make(chan Uevent, 64)
	u := &Uevents{C: c, c: c, fd: fd, wake: wake}
	u.done.Go(u.run)
	return u, nil
}

// Lost counts the events that were dropped because nobody took them, and the
// times the kernel had to drop some.
func (u *Uevents) Lost() uint64 { return u.lost.Load() }

// Close ends listening and closes C; again it does nothing.
func (u *Uevents) Close() error {
	var err error
	u.once.Do(func() {
		u.wake.Wake()
		u.done.Wait()
		err = errors.Join(unix.Close(u.fd), u.wake.Close())
	})
	return err
}

func (u *Uevents) run() {
	defer close(u.c)
	buf := make([]byte, 16<<10)
	for {
		fds := []unix.PollFd{{Fd: u.wake.wake.Load(), Events: unix.POLLIN}, {Fd: int32(u.fd), Events: unix.POLLIN}}
		if err := poll(fds); err != nil || fds[0].Revents != 0 {
			return
		}
		n, from, err := unix.Recvfrom(u.fd, buf, 0)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			u.lost.Add(1)
			u.send(Uevent{Action: UeventsLost})
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return
		default:
			if e, ok := parseUevent(buf[:n]); ok && isKernel(from) {
				u.send(e)
			}
		}
	}
}

// isKernel refuses what another process sent.
func isKernel(from unix.Sockaddr) bool {
	nl, ok := from.(*unix.SockaddrNetlink)
	return ok && nl.Pid == 0
}

// send drops the oldest events where nobody takes them, and says so in their
// place.
func (u *Uevents) send(e Uevent) {
	select {
	case u.c <- e:
		return
	default:
	}
	for range 2 { // room for the word and for the event
		select {
		case <-u.c:
			u.lost.Add(1)
		default:
		}
	}
	u.c <- Uevent{Action: UeventsLost} // this goroutine alone sends, so there is room
	u.c <- e
}

// parseUevent reads "ACTION@DEVPATH" and KEY=value lines, each ended by NUL.
func parseUevent(b []byte) (Uevent, bool) {
	head, rest, ok := bytes.Cut(b, []byte{0})
	action, devPath, at := strings.Cut(string(head), "@")
	if !ok || !at || action == "" || !strings.HasPrefix(devPath, "/") {
		return Uevent{}, false
	}
	e := Uevent{Action: action, DevPath: strings.TrimPrefix(devPath, "/")}
	for line := range bytes.SplitSeq(rest, []byte{0}) {
		key, value, _ := strings.Cut(string(line), "=")
		switch key {
		case "SUBSYSTEM":
			e.Subsystem = value
		case "DEVNAME":
			e.DevName = strings.TrimPrefix(value, "/dev/")
		}
	}
	return e, true
}

// poll waits without end.
func poll(fds []unix.PollFd) error {
	for {
		if _, err := unix.Ppoll(fds, nil, nil); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
