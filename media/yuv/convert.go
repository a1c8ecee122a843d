package yuv

import (
	"fmt"

	"github.com/encoderbox/encoderbox/media"
)

// Converter converts pictures between formats, sizes and ranges. It keeps
// memory for what lies in between, so one is made for each stream of pictures.
// It belongs to one goroutine at a time.
type Converter struct{ scratch [slots][]byte }

// What the scratch memory holds, for each of the three components.
const (
	slotSource = 3 * iota // a source picture taken apart, or decoded
	slotScaled            // scaled, before its range is mapped
	slotTarget            // ready to be put together
	slots
)

// NewConverter returns a converter.
func NewConverter() *Converter { return &Converter{} }

// Close gives the scratch memory back. The converter can be used again.
func (c *Converter) Close() { c.scratch = [slots][]byte{} }

// Convert writes src into dst in dst's format, size and range. A picture of
// another size fills dst whole, whatever its shape: averaged where it shrinks,
// interpolated where it grows. The two must not share memory. When it returns an
// error, nothing was written.
func (c *Converter) Convert(dst, src Picture) error {
	if err := src.check(); err != nil {
		return fmt.Errorf("yuv: convert from: %w", err)
	}
	if err := dst.check(); err != nil {
		return fmt.Errorf("yuv: convert to: %w", err)
	}
	if !convertDirect(&dst, &src) {
		c.write(&dst, c.takeApart(&src))
	}
	return nil
}

// convertDirect does the conversion if it is one that libyuv does in a single
// pass.
func convertDirect(dst, src *Picture) bool {
	// libyuv scales NV12 too, but its UVScale does not average: too coarse.
	if dst.FullRange != src.FullRange || dst.Width != src.Width || dst.Height != src.Height {
		return false
	}
	from, to := src.Format, dst.Format
	switch {
	case from == to:
		copyRows(dst, src)
	case isPacked(from) && isPacked(to):
		swapBytes(dst, src)
	case isPacked(from) && to == media.NV12:
		packedToBiplanar(dst, src)
	case isPacked(from) && to == media.I420:
		packedToPlanar(dst, src)
	case from == media.I420 && to == media.NV12:
		planarToBiplanar(dst, src)
	case from == media.NV12 && to == media.I420:
		biplanarToPlanar(dst, src)
	default:
		return false // to a packed format the chroma is interpolated
	}
	return true
}

func isPacked(f media.PixelFormat) bool { return f == media.YUYV || f == media.UYVY }

// takeApart gives the components of a picture, in its own memory where they lie
// apart already.
func (c *Converter) takeApart(src *Picture) planar {
	p := planar{fullRange: src.FullRange}
	w, h := src.Width, src.Height
	switch src.Format {
	case media.I420:
		p.planes = [3]plane{src.component(0), src.component(1), src.component(2)}
	case media.NV12:
		p.planes = [3]plane{src.component(0), c.plane(slotSource+1, w/2, h/2), c.plane(slotSource+2, w/2, h/2)}
		split(p.planes[1], p.planes[2], src)
	default:
		p.planes = [3]plane{c.plane(slotSource, w, h), c.plane(slotSource+1, w/2, h), c.plane(slotSource+2, w/2, h)}
		unpack(p.planes, src)
	}
	return p
}

// write scales and maps each component on its way into dst. dst's memory is
// only written, in order: it may be a device's, which is slow to read.
func (c *Converter) write(dst *Picture, src planar) {
	w, h := dst.Width, dst.Height
	var target [3]plane
	switch dst.Format {
	case media.I420:
		target = [3]plane{dst.component(0), dst.component(1), dst.component(2)}
	case media.NV12:
		target = [3]plane{dst.component(0), c.plane(slotTarget+1, w/2, h/2), c.plane(slotTarget+2, w/2, h/2)}
	default:
		target = [3]plane{c.plane(slotTarget, w, h), c.plane(slotTarget+1, w/2, h), c.plane(slotTarget+2, w/2, h)}
	}
	for i := range target {
		c.component(&target[i], src, i, dst)
	}
	switch {
	case dst.Format == media.NV12:
		merge(dst, target[1], target[2])
	case isPacked(dst.Format):
		pack(dst, target)
	}
}

// component brings component i of src into *target, or makes *target it where
// that spares a copy.
func (c *Converter) component(target *plane, src planar, i int, dst *Picture) {
	chroma := i > 0
	if chroma && src.grey {
		fillPlane(*target, 128)
		return
	}
	from := src.planes[i]
	sameSize := from.width == target.width && from.height == target.height
	sameRange := src.fullRange == dst.FullRange
	switch {
	case sameSize && !sameRange:
		rangePlane(*target, from, chroma, dst.FullRange)
	case !sameSize && sameRange:
		scalePlane(*target, from)
	case !sameSize:
		scaled := c.plane(slotScaled+i, target.width, target.height)
		scalePlane(scaled, from)
		rangePlane(*target, scaled, chroma, dst.FullRange)
	case isPacked(dst.Format), chroma && dst.Format == media.NV12:
		*target = from // it is copied when the picture is put together
	default:
		copyPlane(*target, from)
	}
}

// plane is scratch memory for a plane. Its samples are of whatever was there.
func (c *Converter) plane(slot, width, height int) plane {
	const align = 64 // of rows, for vector instructions
	stride := (width + align - 1) / align * align
	if n := stride * height; cap(c.scratch[slot]) < n {
		c.scratch[slot] = make([]byte, n)
	} else {
		c.scratch[slot] = c.scratch[slot][:n]
	}
	return plane{data: c.scratch[slot], stride: stride, width: width, height: height}
}
