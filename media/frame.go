package media

import (
	"sync/atomic"
	"time"
)

// PixelFormat names a layout of raw picture samples.
type PixelFormat uint8

// The pixel formats.
const (
	I420 PixelFormat = iota + 1 // 8-bit 4:2:0, three planes Y, Cb, Cr
	NV12                        // 8-bit 4:2:0, two planes Y, CbCr interleaved
	YUYV                        // 8-bit 4:2:2, one plane, Y Cb Y Cr
	UYVY                        // 8-bit 4:2:2, one plane, Cb Y Cr Y
)

func (p PixelFormat) String() string {
	switch p {
	case I420:
		return "I420"
	case NV12:
		return "NV12"
	case YUYV:
		return "YUYV"
	case UYVY:
		return "UYVY"
	}
	return "unknown pixel format"
}

// Planes is how many planes of samples the format has.
func (p PixelFormat) Planes() int {
	switch p {
	case I420:
		return 3
	case NV12:
		return 2
	}
	return 1
}

// VideoFormat describes raw pictures.
type VideoFormat struct {
	Width, Height int // luma samples; even
	FrameRate     Rational
	Pixel         PixelFormat
	Color         Color
}

// Plane is one plane of samples: rows of Stride bytes.
type Plane struct {
	Data   []byte
	Stride int
}

// DMA is the memory of a Buffer as the kernel shares it between devices. It is
// how a picture goes from a capture device into an encoder without the process
// touching, or even mapping, its samples.
//
// Everything in it holds for as long as the buffer has a reference. The file
// descriptors belong to the pool: nobody else closes them.
type DMA struct {
	// Index is the buffer's place in its pool, from 0. A device that imports the
	// pool keeps to it, so that the kernel maps each buffer once.
	Index int
	// Generation rises each time the pool's memory is made anew (an encoder was
	// reopened). A buffer of an older generation still has its memory but is of
	// no use any more; its last Release frees it.
	Generation uint64
	// Memory is one entry for each dma-buf. All planes of samples lie in one
	// (NV12), or each in its own (NV12M).
	Memory []DMAMemory
	// Planes says where each plane of samples begins.
	Planes [3]DMAPlane
}

// DMAPlane is the place of a plane of samples: bytes from the start of
// Memory[Memory].
type DMAPlane struct{ Memory, Offset int }

// DMAMemory is one dma-buf of a picture.
type DMAMemory struct {
	FD     int
	Length int // bytes
}

// Buffer is picture memory with a count of its references. Whoever makes one
// owns the first reference; the last Release hands it to the owner's free
// function, once, on the goroutine that released it.
//
// The samples are read-only from the moment a Frame with the buffer was
// handed on until the free function is called.
type Buffer struct {
	Format VideoFormat
	// Planes are as many as Format.Pixel has. Stride always holds; Data is nil
	// where the memory is the kernel's and not mapped.
	Planes [3]Plane
	DMA    *DMA // nil for memory that is the process's own

	refs atomic.Int32
	free func(*Buffer)
}

// NewBuffer returns a buffer with one reference. free may be nil.
func NewBuffer(format VideoFormat, planes [3]Plane, free func(*Buffer)) *Buffer {
	b := &Buffer{Format: format, Planes: planes, free: free}
	b.refs.Store(1)
	return b
}

// Reuse gives a freed buffer its first reference again. Only the owner calls
// it, from within or after the free function.
func (b *Buffer) Reuse() {
	if !b.refs.CompareAndSwap(0, 1) {
		panic("media: Reuse of a buffer that is in use")
	}
}

func (b *Buffer) retain() {
	if b.refs.Add(1) < 2 {
		panic("media: Retain of a freed frame")
	}
}

func (b *Buffer) release() {
	switch n := b.refs.Add(-1); {
	case n == 0 && b.free != nil:
		b.free(b)
	case n < 0:
		panic("media: Release of a freed frame")
	}
}

// Frame is one raw picture: a counted reference to a Buffer. Passing a Frame
// on passes the reference with it; who wants to keep one and pass one on calls
// Retain first. Who drops a frame calls Release.
type Frame struct {
	*Buffer
	PTS time.Duration // capture time on the stream's Clock
	// ForceKey asks every encoder this frame reaches for a key picture. It is
	// set before fan-out, so that all renditions cut at the same picture.
	ForceKey bool
}

// Retain adds a reference and returns the frame.
func (f Frame) Retain() Frame {
	f.retain()
	return f
}

// Release gives one reference back. A zero Frame is ignored.
func (f Frame) Release() {
	if f.Buffer != nil {
		f.release()
	}
}

// AudioFormat describes raw sound: interleaved 16-bit samples.
type AudioFormat struct {
	SampleRate int // Hz
	Channels   int
}

// Samples is a run of raw sound, read-only once handed on.
type Samples struct {
	Format AudioFormat
	PTS    time.Duration // of the first sample
	Data   []int16       // interleaved; len is a multiple of Format.Channels
}

// Duration is the play time of the run.
func (s Samples) Duration() time.Duration {
	return SamplesToDuration(int64(len(s.Data)/s.Format.Channels), s.Format.SampleRate)
}
