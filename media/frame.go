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
)

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

// Buffer is picture memory with a count of its references. Whoever makes one
// owns the first reference; the last Release hands it to the owner's free
// function, once, on the goroutine that released it.
//
// The samples are read-only from the moment a Frame with the buffer was
// handed on until the free function is called.
type Buffer struct {
	Format VideoFormat
	Planes [3]Plane // as many as Format.Pixel has

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
