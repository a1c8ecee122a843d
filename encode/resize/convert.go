package resize

import (
	"context"
	"errors"
	"fmt"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
	"github.com/encoderbox/encoderbox/media/yuv"
)

// converter makes pictures of another size. It belongs to one goroutine; what it
// gives may be released in any.
type converter struct {
	format media.VideoFormat // of what it gives
	yuv    *yuv.Converter
	free   chan []byte // memory of pictures that nobody has any more
}

func newConverter(f media.VideoFormat) *converter {
	const spare = 8 // pictures that encoders keep; what is more is left to the collector
	return &converter{format: f, yuv: yuv.NewConverter(), free: make(chan []byte, spare)}
}

func (c *converter) close() { c.yuv.Close() }

// run converts from one unbuffered channel to the other until the first is closed, a
// picture cannot be converted, or ctx ends, and closes the second.
func (c *converter) run(ctx context.Context, from <-chan media.Frame, to chan<- media.Frame) error {
	defer close(to)
	for {
		var frame media.Frame
		select {
		case <-ctx.Done():
			return ctx.Err()
		case next, ok := <-from:
			if !ok {
				return nil
			}
			frame = next
		}
		small, err := c.convert(frame)
		frame.Release()
		if err != nil {
			return err
		}
		select {
		case to <- small:
		case <-ctx.Done():
			small.Release()
		}
	}
}

// convert gives the frame in the other format, with its time and wish for a key.
func (c *converter) convert(from media.Frame) (media.Frame, error) {
	m, err := v4l2.MapBuffer(from.Buffer)
	if err != nil {
		return media.Frame{}, fmt.Errorf("resize: %w", err)
	}
	defer func() { _ = m.Close() }() // nothing was written
	if err := m.Begin(false); err != nil {
		return media.Frame{}, fmt.Errorf("resize: %w", err)
	}
	to := c.buffer()
	small := media.Frame{Buffer: to, PTS: from.PTS, ForceKey: from.ForceKey}
	err = c.yuv.Convert(yuv.PictureOf(to.Format, to.Planes), yuv.PictureOf(from.Format, m.Planes))
	if err = errors.Join(err, m.End()); err != nil {
		small.Release()
		return media.Frame{}, fmt.Errorf("resize: %w", err)
	}
	return small, nil
}

// buffer is memory for a picture, used before where there is such.
func (c *converter) buffer() *media.Buffer {
	w, h := c.format.Width, c.format.Height
	var data []byte
	select {
	case data = <-c.free:
	default:
		data = make([]byte, w*h*3/2)
	}
	planes := [3]media.Plane{{Data: data[:w*h], Stride: w}}
	if chroma := data[w*h:]; c.format.Pixel == media.NV12 {
		planes[1] = media.Plane{Data: chroma, Stride: w}
	} else {
		planes[1] = media.Plane{Data: chroma[:w*h/4], Stride: w / 2}
		planes[2] = media.Plane{Data: chroma[w*h/4:], Stride: w / 2}
	}
	return media.NewBuffer(c.format, planes, func(*media.Buffer) {
		select {
		case c.free <- data:
		default:
		}
	})
}
