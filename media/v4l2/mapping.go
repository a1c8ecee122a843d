package v4l2

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

// Mapping gives the process the samples of a picture in kernel memory. It
// belongs to one goroutine. The buffer, and with it the pool's descriptors,
// need not be held while nothing is read or written: a mapping keeps its memory.
type Mapping struct {
	// Planes are as many as the buffer's format has, each with Data and Stride.
	Planes [3]media.Plane

	memory [][]byte
	fds    []int
	begun  bool // a Begin has not ended
	write  bool // what it was for
}

// MapBuffer maps each memory of the buffer. For one without DMA the mapping is
// the buffer's own planes, and costs nothing.
func MapBuffer(b *media.Buffer) (*Mapping, error) {
	m := &Mapping{Planes: b.Planes}
	if b.DMA == nil {
		return m, nil
	}
	for i, mem := range b.DMA.Memory {
		data, err := MapDMABuf(mem.FD, mem.Length)
		if err != nil {
			err = fmt.Errorf("memory %d of picture %d: %w", i, b.DMA.Index, err)
			return nil, errors.Join(err, m.Close())
		}
		m.memory, m.fds = append(m.memory, data), append(m.fds, mem.FD)
	}
	for i := range b.Format.Pixel.Planes() {
		if err := m.place(b, i); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, nil
}

// place finds a plane of samples in the memory.
func (m *Mapping) place(b *media.Buffer, plane int) error {
	at, stride := b.DMA.Planes[plane], b.Planes[plane].Stride
	row, rows := planeSize(b.Format, plane)
	if at.Memory < 0 || at.Memory >= len(m.memory) {
		return fmt.Errorf("v4l2: plane %d of picture %d lies in memory %d of %d", plane, b.DMA.Index, at.Memory, len(m.memory))
	}
	mem := m.memory[at.Memory]
	need := stride*(rows-1) + row // the last row has no padding behind it
	if at.Offset < 0 || stride < row || at.Offset+need > len(mem) {
		return fmt.Errorf("v4l2: plane %d of picture %d, %d rows of %d bytes from byte %d on, does not fit its memory of %d bytes",
			plane, b.DMA.Index, rows, stride, at.Offset, len(mem))
	}
	end := min(at.Offset+stride*rows, len(mem))
	m.Planes[plane] = media.Plane{Data: mem[at.Offset:end:end], Stride: stride}
	return nil
}

// planeSize is the size of a plane of samples without padding, in bytes and rows.
func planeSize(f media.VideoFormat, plane int) (row, rows int) {
	switch {
	case f.Pixel == media.YUYV || f.Pixel == media.UYVY:
		return 2 * f.Width, f.Height
	case plane == 0:
		return f.Width, f.Height
	case f.Pixel == media.NV12:
		return f.Width, f.Height / 2
	}
	return f.Width / 2, f.Height / 2
}

// Begin makes what devices wrote visible to the process, and waits for those
// that still use the picture. It comes before the samples are touched, End
// behind. Memory that is not a dma-buf has nothing to synchronise: it is
// coherent, and both do nothing.
func (m *Mapping) Begin(write bool) error {
	for i, fd := range m.fds {
		if err := syncMemory(fd, true, write); err != nil {
			for _, begun := range m.fds[:i] {
				err = errors.Join(err, syncMemory(begun, false, write))
			}
			return err
		}
	}
	m.begun, m.write = true, write
	return nil
}

// End makes what the process wrote visible to devices.
func (m *Mapping) End() error {
	if !m.begun {
		return nil
	}
	m.begun = false
	var errs []error
	for _, fd := range m.fds {
		errs = append(errs, syncMemory(fd, false, m.write))
	}
	return errors.Join(errs...)
}

func syncMemory(fd int, start, write bool) error {
	if err := SyncDMABuf(fd, start, write); !errors.Is(err, unix.ENOTTY) {
		return err
	}
	return nil // no dma-buf
}

// Close unmaps the memory. Planes must not be used any more. A second Close
// does nothing.
func (m *Mapping) Close() error {
	var errs []error
	for _, mem := range m.memory {
		errs = append(errs, UnmapDMABuf(mem))
	}
	m.memory, m.fds, m.begun, m.Planes = nil, nil, false, [3]media.Plane{}
	return errors.Join(errs...)
}
