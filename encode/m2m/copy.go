package m2m

import (
	"fmt"

	"github.com/encoderbox/encoderbox/media"
)

// copyPicture writes a picture into an encoder's memory. Besides equal formats
// it takes the two kinds of 4:2:0 for each other.
func copyPicture(f media.VideoFormat, to [3]media.Plane, pixel media.PixelFormat, from [3]media.Plane) error {
	for p := range pixel.Planes() {
		row, rows := rowBytes(pixel, f.Width, p), planeRows(pixel, p, f.Height)
		if s := from[p]; s.Stride < row || len(s.Data) < s.Stride*(rows-1)+row {
			return fmt.Errorf("plane %d of the frame has %d bytes in rows of %d, too small for %dx%d %v",
				p, len(s.Data), s.Stride, f.Width, f.Height, pixel)
		}
	}
	switch {
	case pixel == f.Pixel:
		for p := range pixel.Planes() {
			copyPlane(to[p], from[p], rowBytes(pixel, f.Width, p), planeRows(pixel, p, f.Height))
		}
	case pixel == media.I420 && f.Pixel == media.NV12:
		copyPlane(to[0], from[0], f.Width, f.Height)
		interleave(to[1], from[1], from[2], f.Width/2, f.Height/2)
	case pixel == media.NV12 && f.Pixel == media.I420:
		copyPlane(to[0], from[0], f.Width, f.Height)
		deinterleave(to[1], to[2], from[1], f.Width/2, f.Height/2)
	default:
		return fmt.Errorf("the frame is %v, the encoder takes %v", pixel, f.Pixel)
	}
	return nil
}

func copyPlane(to, from media.Plane, row, rows int) {
	if to.Stride == from.Stride {
		n := from.Stride*(rows-1) + row
		copy(to.Data[:n], from.Data[:n])
		return
	}
	for y := range rows {
		copy(to.Data[y*to.Stride:][:row], from.Data[y*from.Stride:])
	}
}

func interleave(to, cb, cr media.Plane, w, h int) {
	for y := range h {
		out, u, v := to.Data[y*to.Stride:][:2*w:2*w], cb.Data[y*cb.Stride:][:w:w], cr.Data[y*cr.Stride:][:w:w]
		for x := range u {
			out[2*x], out[2*x+1] = u[x], v[x]
		}
	}
}

func deinterleave(cb, cr, from media.Plane, w, h int) {
	for y := range h {
		u, v, in := cb.Data[y*cb.Stride:][:w:w], cr.Data[y*cr.Stride:][:w:w], from.Data[y*from.Stride:][:2*w:2*w]
		for x := range u {
			u[x], v[x] = in[2*x], in[2*x+1]
		}
	}
}
