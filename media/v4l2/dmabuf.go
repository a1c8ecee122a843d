package v4l2

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MapDMABuf maps a dma-buf for reading and writing. Access goes between two
// SyncDMABuf. The descriptor stays the caller's.
func MapDMABuf(fd, length int) ([]byte, error) {
	b, err := unix.Mmap(fd, 0, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("v4l2: map %d bytes of dma-buf %d: %w", length, fd, err)
	}
	return b, nil
}

// UnmapDMABuf ends a mapping of MapDMABuf.
func UnmapDMABuf(b []byte) error {
	if err := unix.Munmap(b); err != nil {
		return fmt.Errorf("v4l2: unmap a dma-buf: %w", err)
	}
	return nil
}

const (
	syncRead  = 1
	syncWrite = 2
	syncEnd   = 4
)

// SyncDMABuf begins (start) or ends the processor's access to a mapped
// dma-buf: reading, or reading and writing.
func SyncDMABuf(fd int, start, write bool) error {
	k := dmaBufSync{flags: syncRead}
	if write {
		k.flags |= syncWrite
	}
	if !start {
		k.flags |= syncEnd
	}
	for {
		switch err := (linux{}).ioctl(fd, dmaBufIoctlSync, unsafe.Pointer(&k)); {
		case err == nil:
			return nil
		case errors.Is(err, unix.EAGAIN): // the exporter was interrupted
		default:
			return fmt.Errorf("v4l2: sync dma-buf %d: %w", fd, err)
		}
	}
}
