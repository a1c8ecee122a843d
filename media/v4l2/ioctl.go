package v4l2

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel is what a Device asks of the operating system; tests put a fake.
type kernel interface {
	// ioctl retries EINTR. arg escapes to the heap, as do pointers in it.
	ioctl(fd int, req uintptr, arg unsafe.Pointer) error
	mmap(fd int, offset int64, length int) ([]byte, error)
	munmap(b []byte) error
	close(fd int) error
}

type linux struct{}

// Every call tells the scheduler, QBUF and DQBUF too, though they take
// microseconds and it would be cheaper not to: a driver whose one lock another
// context holds (bcm2835 for 2 s in STREAMOFF) makes them wait, and with an
// unannounced call the garbage collector, and so the whole daemon, would wait too.
func (linux) ioctl(fd int, req uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
			continue
		default:
			return errno
		}
	}
}

func (linux) mmap(fd int, offset int64, length int) ([]byte, error) {
	return unix.Mmap(fd, offset, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

func (linux) munmap(b []byte) error { return unix.Munmap(b) }

func (linux) close(fd int) error { return unix.Close(fd) }

// openNode opens a device node without the runtime's netpoller.
func openNode(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
