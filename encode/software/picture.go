package software

import (
	"fmt"
	"image"

	"github.com/encoderbox/encoderbox/media"
)

// picture shows a frame's planes as the image the bridge reads. I420 planes are
// used where they are; NV12's chroma is taken apart into scratch memory.
type picture struct {
	img     image.YCbCr
	scratch []byte // Cb, then Cr
}

// set points the picture at a frame of the given size. It checks every length:
// openh264 reads without bounds.
func (p *picture) set(b *media.Buffer, want media.VideoFormat) error {
	f := b.Format
	if f.Width != want.Width || f.Height != want.Height {
		return fmt.Errorf("the frame is %dx%d, the encoder was made for %dx%d", f.Width, f.Height, want.Width, want.Height)
	}
	cw, ch := f.Width/2, f.Height/2
	if err := checkPlane("Y", b.Planes[0], f.Width, f.Height); err != nil {
		return err
	}
	p.img.Y, p.img.YStride = b.Planes[0].Data, b.Planes[0].Stride
	p.img.SubsampleRatio = image.YCbCrSubsampleRatio420
	p.img.Rect = image.Rect(0, 0, f.Width, f.Height)
	switch f.Pixel {
	case media.I420:
		cb, cr := b.Planes[1], b.Planes[2]
		if err := checkPlane("Cb", cb, cw, ch); err != nil {
			return err
		}
		if err := checkPlane("Cr", cr, cw, ch); err != nil {
			return err
		}
		if cb.Stride != cr.Stride { // openh264 takes one stride for both
			p.chroma(cw, ch)
			copyPlane(p.img.Cb, cb, cw, ch)
			copyPlane(p.img.Cr, cr, cw, ch)
			return nil
		}
		p.img.Cb, p.img.Cr, p.img.CStride = cb.Data, cr.Data, cb.Stride
	case media.NV12:
		if err := checkPlane("CbCr", b.Planes[1], 2*cw, ch); err != nil {
			return err
		}
		p.chroma(cw, ch)
		deinterleave(p.img.Cb, p.img.Cr, b.Planes[1], cw, ch)
	default:
		return fmt.Errorf("pixel format %d is neither I420 nor NV12", f.Pixel)
	}
	return nil
}

// chroma points the chroma planes at scratch memory without padding.
func (p *picture) chroma(w, h int) {
	n := w * h
	if len(p.scratch) < 2*n {
		p.scratch = make([]byte, 2*n)
	}
	p.img.Cb, p.img.Cr, p.img.CStride = p.scratch[:n], p.scratch[n:2*n], w
}

func checkPlane(name string, p media.Plane, w, h int) error {
	if p.Stride < w || len(p.Data) < p.Stride*(h-1)+w {
		return fmt.Errorf("plane %s has %d bytes in rows of %d, too small for %dx%d", name, len(p.Data), p.Stride, w, h)
	}
	return nil
}

func copyPlane(dst []byte, src media.Plane, w, h int) {
	for y := range h {
		copy(dst[y*w:(y+1)*w], src.Data[y*src.Stride:])
	}
}

func deinterleave(cb, cr []byte, src media.Plane, w, h int) {
	for y := range h {
		row := src.Data[y*src.Stride:][: 2*w : 2*w]
		u, v := cb[y*w:][:w:w], cr[y*w:][:w:w]
		for x := range u {
			u[x], v[x] = row[2*x], row[2*x+1]
		}
	}
}
