package m2m

import (
	"errors"
	"fmt"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// formats is what the driver and we agreed on.
type formats struct {
	out, in    v4l2.BufType // of the raw pictures, of the coded ones
	raw, coded v4l2.Format
	pixel      media.PixelFormat
	layout     capture.Layout // but for Count
	places     [3]media.DMAPlane
	rate       media.Rational // as the driver rounded it
}

// negotiate goes through the contract's steps up to the crop: what is coded,
// what goes in, how fast, and which part of it is shown. What the driver
// returned is what holds.
func negotiate(d device, s encode.Settings, prefer []media.PixelFormat, q Quirks, codedSize int) (formats, error) {
	var n formats
	var ok bool
	if n.out, n.in, ok = d.Info().M2M(); !ok {
		return n, errors.New("it is no memory-to-memory device")
	}
	if err := checkSize(d, s.Format, q); err != nil {
		return n, err
	}
	var err error
	n.coded, err = d.SetFormat(n.in, v4l2.Format{
		FourCC: v4l2.H264, Width: s.Format.Width, Height: s.Format.Height, Field: v4l2.FieldNone,
		Planes: []v4l2.PlaneLayout{{Size: max(codedSize, leastCoded(s.Format, q))}},
	})
	switch {
	case err != nil:
		return n, err
	case n.coded.FourCC != v4l2.H264:
		return n, fmt.Errorf("it makes %v where H.264 was asked for", n.coded.FourCC)
	}
	if n.pixel, n.raw, err = setRaw(d, n.out, s.Format, prefer, q); err != nil {
		return n, err
	}
	if err := n.setRate(d, s.Format, q); err != nil {
		return n, err
	}
	if err := crop(d, n.out, n.raw, s.Format); err != nil {
		return n, err
	}
	// What came after may have changed the size of the coded pictures' buffers.
	if n.coded, err = d.Format(n.in); err != nil {
		return n, err
	}
	return n, n.lay(s.Format, q)
}

// leastCoded is the smallest buffer that any coded picture fits into: the first
// key picture at a high bit rate is several times the average one.
func leastCoded(f media.VideoFormat, q Quirks) int {
	const floor = 256 << 10
	if q.CodedSize > 0 {
		return q.CodedSize
	}
	return max(floor, f.Width*f.Height*3/4)
}

func checkSize(d device, f media.VideoFormat, q Quirks) error {
	if q.MaxWidth > 0 && f.Width > q.MaxWidth || q.MaxHeight > 0 && f.Height > q.MaxHeight {
		return fmt.Errorf("%dx%d is larger than this encoder's %dx%d", f.Width, f.Height, q.MaxWidth, q.MaxHeight)
	}
	sizes, err := d.FrameSizes(v4l2.H264)
	if err != nil || len(sizes) == 0 {
		return err
	}
	for _, r := range sizes { // the step is the crop's business
		if r.MinWidth <= f.Width && f.Width <= r.MaxWidth && r.MinHeight <= f.Height && f.Height <= r.MaxHeight {
			return nil
		}
	}
	r := sizes[len(sizes)-1]
	return fmt.Errorf("%dx%d is outside what this encoder codes, %dx%d to %dx%d",
		f.Width, f.Height, r.MinWidth, r.MinHeight, r.MaxWidth, r.MaxHeight)
}

// setRaw chooses the format of the pictures that go in, by what the source can
// give, and sets it.
func setRaw(d device, t v4l2.BufType, f media.VideoFormat, prefer []media.PixelFormat, q Quirks) (media.PixelFormat, v4l2.Format, error) {
	list, err := d.Formats(t)
	if err != nil {
		return 0, v4l2.Format{}, err
	}
	code, ok := chooseRaw(list, prefer)
	if !ok {
		return 0, v4l2.Format{}, fmt.Errorf("it takes none of NV12, I420, YUYV and UYVY, but %v", list)
	}
	pixel, planes, _ := code.Pixel()
	want := v4l2.Format{FourCC: code, Width: f.Width, Height: f.Height, Field: v4l2.FieldNone, Color: v4l2.ColorOf(f.Color)}
	if q.StrideAlign > 0 {
		want.Planes = make([]v4l2.PlaneLayout, planes)
		for i := range want.Planes {
			want.Planes[i].Stride = align(rowBytes(pixel, f.Width, i), q.StrideAlign)
		}
	}
	got, err := d.SetFormat(t, want)
	switch {
	case err != nil:
		return 0, got, err
	case got.FourCC != code:
		return 0, got, fmt.Errorf("it lists %v and makes %v of it", code, got.FourCC)
	case got.Width < f.Width || got.Height < f.Height:
		return 0, got, fmt.Errorf("it makes %dx%d of %dx%d", got.Width, got.Height, f.Width, f.Height)
	}
	return pixel, got, nil
}

// chooseRaw is the first of prefer that the driver takes, in as few buffers as
// can be; or else anything that can be converted to.
func chooseRaw(list []v4l2.FormatDesc, prefer []media.PixelFormat) (v4l2.FourCC, bool) {
	const mostPlanes = 3
	for _, p := range append(append([]media.PixelFormat(nil), prefer...), media.NV12, media.I420, media.YUYV, media.UYVY) {
		for planes := 1; planes <= mostPlanes; planes++ {
			if code, ok := v4l2.FourCCOf(p, planes); ok && lists(list, code) {
				return code, true
			}
		}
	}
	return 0, false
}

// setRate tells the rate control how many pictures come a second.
func (n *formats) setRate(d device, f media.VideoFormat, q Quirks) error {
	want := rateOf(f)
	if q.IntegerFrameRates {
		want = media.Rational{Num: max(1, (2*want.Num+want.Den)/(2*want.Den)), Den: 1}
	}
	got, err := d.SetFrameRate(n.out, want)
	switch {
	case errors.Is(err, v4l2.ErrNoFrameRate):
		n.rate = rateOf(f) // it goes by the timestamps, or not at all
		return nil
	case err != nil:
		return err
	case got.Float() < want.Float()/2 || got.Float() > want.Float()*2:
		return fmt.Errorf("it makes %v frames a second of %v", got, want)
	}
	n.rate = got
	return nil
}

// crop makes the part of the memory that is the picture the one that is shown.
func crop(d device, t v4l2.BufType, raw v4l2.Format, f media.VideoFormat) error {
	want := v4l2.Rect{Width: f.Width, Height: f.Height}
	got, err := d.SetSelection(t, v4l2.SelCrop, want)
	if err != nil {
		if raw.Width == f.Width && raw.Height == f.Height {
			return nil // there is nothing to crop
		}
		var getErr error
		if got, getErr = d.Selection(t, v4l2.SelCrop); getErr != nil {
			return fmt.Errorf("it codes %dx%d for %dx%d and cannot crop: %w", raw.Width, raw.Height, f.Width, f.Height, err)
		}
	}
	if got != want {
		return fmt.Errorf("it shows %dx%d at %d,%d for %dx%d", got.Width, got.Height, got.Left, got.Top, f.Width, f.Height)
	}
	return nil
}

// lay says where each plane of samples lies.
func (n *formats) lay(f media.VideoFormat, q Quirks) error {
	f.Pixel = n.pixel
	rows := align(n.raw.Height, max(1, q.RowAlign))
	n.layout = capture.Layout{Format: f, Rows: rows}
	n.layout.Memory = make([]int, len(n.raw.Planes))
	for i, p := range n.raw.Planes {
		n.layout.Memory[i] = p.Size
	}
	_, memories, _ := n.raw.FourCC.Pixel()
	if memories != len(n.raw.Planes) {
		return fmt.Errorf("it lays %v in %d buffers", n.raw.FourCC, len(n.raw.Planes))
	}
	offset := 0
	for i := range n.pixel.Planes() {
		place := media.DMAPlane{Memory: 0, Offset: offset}
		stride := subsample(n.pixel, i, n.raw.Planes[0].Stride)
		if memories > 1 {
			place, offset = media.DMAPlane{Memory: i}, 0
			if own := n.raw.Planes[i].Stride; own > 0 {
				stride = own
			}
		}
		size := stride * planeRows(n.pixel, i, rows)
		if stride < rowBytes(n.pixel, f.Width, i) || place.Offset+stride*planeRows(n.pixel, i, f.Height) > n.layout.Memory[place.Memory] {
			return fmt.Errorf("its buffer of %d bytes, %d a row, is too small for plane %d of %dx%d %v",
				n.layout.Memory[place.Memory], stride, i, f.Width, f.Height, n.pixel)
		}
		n.places[i], n.layout.Strides[i] = place, stride
		offset += size
	}
	return nil
}

// rowBytes is the length of a row of a plane's samples without padding.
func rowBytes(p media.PixelFormat, width, plane int) int {
	switch {
	case p == media.YUYV || p == media.UYVY:
		return 2 * width
	case p == media.I420 && plane > 0:
		return width / 2
	}
	return width
}

// subsample is the stride of a plane by that of the first.
func subsample(p media.PixelFormat, plane, stride int) int {
	if p == media.I420 && plane > 0 {
		return stride / 2
	}
	return stride
}

// planeRows is the number of rows of a plane.
func planeRows(p media.PixelFormat, plane, rows int) int {
	if plane > 0 && (p == media.I420 || p == media.NV12) {
		return rows / 2
	}
	return rows
}

func align(n, to int) int { return (n + to - 1) / to * to }
