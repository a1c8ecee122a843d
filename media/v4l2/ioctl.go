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

// Buffers are queued and dequeued without telling the scheduler, which would
// watch each such call from a thread of its own, at several times the cost of the
// call: on a descriptor that does not block they take microseconds, at most the
// millisecond that a large picture's cache takes. What may block is none of them.
func (linux) ioctl(fd int, req uintptr, arg unsafe.Pointer) error {
	call := unix.Syscall
	if req == vidiocQBuf || req == vidiocDQBuf {
		call = unix.RawSyscall
	}
	for {
		_, _, errno := call(unix.SYS_IOCTL, uintptr(fd), req, uintptr(arg))
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
