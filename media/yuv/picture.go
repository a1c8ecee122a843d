// Package yuv converts, scales and decodes raw pictures on the processor. It is
// a thin layer on libyuv and libjpeg-turbo, which use the processor's vector
// instructions; everything they are given is checked before.
package yuv

import (
	"fmt"
	"math"

	"github.com/encoderbox/encoderbox/media"
)

// MaxSide and MaxPixels bound what is converted or decoded, so that a damaged
// header cannot ask for all the memory there is.
const (
	MaxSide   = 8192
	MaxPixels = 4096 * 4096
)

// Picture is picture memory with its layout.
type Picture struct {
	Format        media.PixelFormat
	Width, Height int // luma samples; even
	// FullRange says that black is 0 and white 255, as in the JPEG of USB
	// cameras, and not 16 and 235 (240 for chroma), as in all other video.
	FullRange bool
	Planes    [3]media.Plane
}

// PictureOf is the picture of a format in the memory of planes, such as a
// buffer's own or that of a mapping of it.
func PictureOf(format media.VideoFormat, planes [3]media.Plane) Picture {
	return Picture{
		Format: format.Pixel, Width: format.Width, Height: format.Height,
		FullRange: format.Color.FullRange, Planes: planes,
	}
}

// check says what is wrong with the picture; after it, every sample of it lies
// within its planes.
func (p *Picture) check() error {
	if p.Format < media.I420 || p.Format > media.UYVY {
		return fmt.Errorf("pixel format %d is not one of I420, NV12, YUYV, UYVY", p.Format)
	}
	if err := checkSize(p.Width, p.Height); err != nil {
		return err
	}
	if p.Width%2 != 0 || p.Height%2 != 0 {
		return fmt.Errorf("size %dx%d is odd; %v needs an even width and height", p.Width, p.Height, p.Format)
	}
	for i := range p.Format.Planes() {
		row, rows := planeSize(p.Format, i, p.Width, p.Height)
		stride, have := p.Planes[i].Stride, len(p.Planes[i].Data)
		if stride < row || stride > math.MaxInt32 {
			return fmt.Errorf("plane %d of a %dx%d %v picture: stride %d, but a row has %d bytes", i, p.Width, p.Height, p.Format, stride, row)
		}
		if need := int64(stride)*int64(rows-1) + int64(row); int64(have) < need {
			return fmt.Errorf("plane %d of a %dx%d %v picture: %d bytes, but %d rows of stride %d need %d", i, p.Width, p.Height, p.Format, have, rows, stride, need)
		}
	}
	return nil
}

func checkSize(width, height int) error {
	if width < 1 || height < 1 || width > MaxSide || height > MaxSide || width*height > MaxPixels {
		return fmt.Errorf("size %dx%d is not between 1x1 and %d megapixels with sides of %d", width, height, MaxPixels>>20, MaxSide)
	}
	return nil
}

// planeSize is the bytes in a row and the rows of a plane.
func planeSize(format media.PixelFormat, plane, width, height int) (row, rows int) {
	switch {
	case format == media.YUYV || format == media.UYVY:
		return 2 * width, height
	case plane == 0:
		return width, height
	case format == media.NV12:
		return width, height / 2
	}
	return width / 2, height / 2
}

// plane is one plane of samples of one component.
type plane struct {
	data          []byte
	stride        int
	width, height int
}

// component is plane i of an I420 picture, or the luma of NV12.
func (p *Picture) component(i int) plane {
	row, rows := planeSize(p.Format, i, p.Width, p.Height)
	return plane{data: p.Planes[i].Data, stride: p.Planes[i].Stride, width: row, height: rows}
}

// planar is a picture of separate components at any subsampling. Grey has no
// chroma.
type planar struct {
	planes    [3]plane
	grey      bool
	fullRange bool
}
