package slate

import (
	"image"
	"image/color"
	"math"

	"github.com/encoderbox/encoderbox/media"
)

// screen is a picture in the process's own memory, in the pixel format of the
// pool and without padding. All drawing happens here; kernel memory, which may
// be slow to read, is only written, in runs of bytes.
type screen struct {
	format media.VideoFormat
	planes [3]media.Plane
}

// ycc is one colour as samples.
type ycc struct{ y, cb, cr byte }

func newScreen(f media.VideoFormat) *screen {
	s := &screen{format: f}
	for i := range f.Pixel.Planes() {
		area := s.bytes(i, image.Rect(0, 0, f.Width, f.Height))
		s.planes[i] = media.Plane{Data: make([]byte, area.Dx()*area.Dy()), Stride: area.Dx()}
	}
	return s
}

// bytes is where the pixels of r lie in a plane: X in bytes, Y in rows. r has
// even edges.
func (s *screen) bytes(plane int, r image.Rectangle) image.Rectangle {
	switch {
	case s.format.Pixel == media.YUYV || s.format.Pixel == media.UYVY:
		r.Min.X, r.Max.X = 2*r.Min.X, 2*r.Max.X
	case plane > 0:
		r.Min.Y, r.Max.Y = r.Min.Y/2, r.Max.Y/2
		if s.format.Pixel == media.I420 {
			r.Min.X, r.Max.X = r.Min.X/2, r.Max.X/2
		}
	}
	return r
}

// copyTo writes the pixels of r to the same place in a picture.
func (s *screen) copyTo(planes *[3]media.Plane, r image.Rectangle) {
	for i := range s.format.Pixel.Planes() {
		from, to, area := s.planes[i], planes[i], s.bytes(i, r)
		for y := area.Min.Y; y < area.Max.Y; y++ {
			copy(to.Data[y*to.Stride+area.Min.X:][:area.Dx()], from.Data[y*from.Stride+area.Min.X:])
		}
	}
}

// fill paints r, whose edges are moved outwards to even ones, in one colour.
func (s *screen) fill(r image.Rectangle, c ycc) {
	r = even(r).Intersect(image.Rect(0, 0, s.format.Width, s.format.Height))
	if r.Empty() {
		return
	}
	for i := range s.format.Pixel.Planes() {
		p, area, pattern := s.planes[i], s.bytes(i, r), s.pattern(i, c)
		first := p.Data[area.Min.Y*p.Stride+area.Min.X:][:area.Dx()]
		for x := range first {
			first[x] = pattern[x%4]
		}
		for y := area.Min.Y + 1; y < area.Max.Y; y++ {
			copy(p.Data[y*p.Stride+area.Min.X:], first)
		}
	}
}

// pattern is what repeats every four bytes in a plane of one colour.
func (s *screen) pattern(plane int, c ycc) [4]byte {
	switch {
	case s.format.Pixel == media.YUYV:
		return [4]byte{c.y, c.cb, c.y, c.cr}
	case s.format.Pixel == media.UYVY:
		return [4]byte{c.cb, c.y, c.cr, c.y}
	case plane == 0:
		return [4]byte{c.y, c.y, c.y, c.y}
	case s.format.Pixel == media.NV12:
		return [4]byte{c.cb, c.cr, c.cb, c.cr}
	case plane == 1:
		return [4]byte{c.cb, c.cb, c.cb, c.cb}
	}
	return [4]byte{c.cr, c.cr, c.cr, c.cr}
}

// text lays a mask at x, y over ground of the luma from: the luma alone
// changes, so text has the ground's hue.
func (s *screen) text(mask *image.Alpha, x, y int, from, to byte) {
	step, offset := 1, 0
	switch s.format.Pixel {
	case media.YUYV:
		step = 2
	case media.UYVY:
		step, offset = 2, 1
	case media.I420, media.NV12:
	}
	b := mask.Bounds().Intersect(image.Rect(-x, -y, s.format.Width-x, s.format.Height-y))
	luma := s.planes[0]
	for my := b.Min.Y; my < b.Max.Y; my++ {
		row := luma.Data[(y+my)*luma.Stride:]
		cover := mask.Pix[my*mask.Stride:]
		for mx := b.Min.X; mx < b.Max.X; mx++ {
			row[(x+mx)*step+offset] = byte(int(from) + (int(to)-int(from))*int(cover[mx])/255)
		}
	}
}

// even is the smallest rectangle around r whose edges are even.
func even(r image.Rectangle) image.Rectangle {
	return image.Rect(r.Min.X&^1, r.Min.Y&^1, (r.Max.X+1)&^1, (r.Max.Y+1)&^1)
}

// samples is a colour in the samples of the stream: BT.709 limited range
// unless its format says otherwise.
func samples(c color.RGBA, as media.Color) ycc {
	kr, kb := 0.2126, 0.0722
	if as.Matrix == 5 || as.Matrix == 6 { // BT.601
		kr, kb = 0.299, 0.114
	}
	r, g, b := float64(c.R)/255, float64(c.G)/255, float64(c.B)/255
	y := kr*r + (1-kr-kb)*g + kb*b
	cb, cr := (b-y)/(2*(1-kb)), (r-y)/(2*(1-kr))
	q := func(v float64) byte { return byte(math.Round(max(0, min(255, v)))) }
	if as.FullRange {
		return ycc{q(255 * y), q(128 + 255*cb), q(128 + 255*cr)}
	}
	return ycc{q(16 + 219*y), q(128 + 224*cb), q(128 + 224*cr)}
}
