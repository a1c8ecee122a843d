package v4l2capture

import (
	"errors"
	"fmt"
	"strings"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
	"github.com/encoderbox/encoderbox/media/yuv"
)

// plan is how pictures get from the device into a pool.
type plan struct {
	mode   mode
	format v4l2.Format // as the driver said that it holds
	share  bool        // the device writes the pool's own memory
	reason string      // why not

	places []extent // see extents
}

// negotiate sets the device to the pool's layout, or to what is least work to
// convert from where that cannot be.
func (s *session) negotiate(l capture.Layout) (plan, error) {
	p, err := s.negotiateShared(l)
	if err != nil || p.share {
		return p, err
	}
	p.reason = s.node.Info.Driver + ": " + p.reason
	p.mode = s.modes[0]
	for _, m := range s.modes {
		if m.pixel == l.Format.Pixel && !m.jpeg {
			p.mode = m
			break
		}
	}
	if p.format, err = s.setFormat(p.mode, nil); err != nil {
		return p, err
	}
	if part, _ := s.part(p.format); !strings.Contains(p.reason, part) {
		p.reason += "; " + part
	}
	return p, s.restoreRate()
}

// negotiateShared tries for the pool's own memory. What is in its way is the
// plan's reason, not an error.
func (s *session) negotiateShared(l capture.Layout) (plan, error) {
	m, reason := s.sharable(l)
	if reason != "" {
		return plan{reason: reason}, nil
	}
	size := [2]int{m.width, m.height}
	m.width, m.height = l.Format.Width, l.Format.Height
	f, err := s.setFormat(m, &l)
	if e := (*capture.SignalError)(nil); errors.As(err, &e) && e.Signal != capture.SignalDeviceLost {
		return plan{reason: e.Error()}, nil
	}
	if err != nil {
		return plan{}, err
	}
	// One that does not tell may as well cut the size that it was given.
	part, tells := s.part(f)
	if size != [2]int{f.Width, f.Height} && (part != "" || !tells) {
		return plan{reason: fmt.Sprintf("%dx%d is scaled to %dx%d", size[0], size[1], l.Format.Width, l.Format.Height)}, nil
	}
	if part != "" {
		return plan{reason: part}, nil
	}
	if reason := mismatch(f, m, l); reason != "" {
		return plan{reason: reason}, nil
	}
	return plan{mode: m, format: f, share: true}, s.restoreRate()
}

// restoreRate sets the rate again, which a format may have reset.
func (s *session) restoreRate() error {
	if s.timed != nil || s.pipe != nil || s.format.FrameRate.IsZero() {
		return nil
	}
	if _, err := s.dev.SetFrameRate(s.typ, s.format.FrameRate); err != nil && !errors.Is(err, v4l2.ErrNoFrameRate) {
		return s.failed(err)
	}
	return nil
}

// least is how many pictures of a pool the device leaves to others: one in the
// slot before the encoder, two inside it.
const least = 3

// sharable says in which mode the device may have the pool's memory, or why in
// none.
func (s *session) sharable(l capture.Layout) (mode, string) {
	switch {
	case s.quirks.ForceCopy != "":
		return mode{}, s.quirks.ForceCopy
	case s.refused != "":
		return mode{}, s.refused
	case s.modes[0].jpeg:
		return mode{}, "MJPEG is decoded"
	case l.Memory == nil:
		return mode{}, "the encoder works in the processor's memory"
	case l.Count-least < s.minQueued():
		return mode{}, fmt.Sprintf("the encoder has %d pictures, too few to share", l.Count)
	}
	code, known := v4l2.FourCCOf(l.Format.Pixel, len(l.Memory))
	for _, m := range s.modes {
		if !known || m.code != code {
			continue
		}
		if (m.width != l.Format.Width || m.height != l.Format.Height) && s.timed != receiver(s.dev) {
			return mode{}, fmt.Sprintf("%dx%d is scaled to %dx%d", m.width, m.height, l.Format.Width, l.Format.Height)
		}
		return m, ""
	}
	return mode{}, fmt.Sprintf("%v is converted to %v", s.modes[0].code, code)
}

// planesLike is the layout to ask the driver for.
func planesLike(l *capture.Layout, m mode) []v4l2.PlaneLayout {
	planes := make([]v4l2.PlaneLayout, m.planes)
	for i := range planes {
		planes[i] = v4l2.PlaneLayout{Stride: l.Strides[i], Size: l.Memory[i]}
	}
	return planes
}

// mismatch says why bytes in the layout f do not lie where the pool's reader
// looks for them, or mean something else there; "" when all is as it should be.
// The range may differ where the stream began without a signal, or with another
// device's.
func mismatch(f v4l2.Format, m mode, l capture.Layout) string {
	if f.Width != l.Format.Width || f.Height != l.Format.Height {
		return fmt.Sprintf("%dx%d is scaled to %dx%d", f.Width, f.Height, l.Format.Width, l.Format.Height)
	}
	if full := f.Color.Media().FullRange; full != l.Format.Color.FullRange {
		name := map[bool]string{true: "full", false: "limited"}
		return fmt.Sprintf("its samples are of %s range, the stream's of %s", name[full], name[!full])
	}
	for i, p := range f.Planes {
		if p.Stride != l.Strides[i] {
			return fmt.Sprintf("its rows are of %d bytes, the encoder's of %d", p.Stride, l.Strides[i])
		}
		if p.Size > l.Memory[i] {
			return fmt.Sprintf("its pictures are of %d bytes, the encoder's memory of %d", p.Size, l.Memory[i])
		}
	}
	if len(f.Planes) > 1 || m.pixel.Planes() == 1 {
		return ""
	}
	// In one memory the chroma follows the luma at once.
	if l.Rows != f.Height {
		return fmt.Sprintf("its colour begins behind row %d, the encoder's behind row %d", f.Height, l.Rows)
	}
	for i := 1; i < m.pixel.Planes(); i++ {
		if want := chromaStride(m.pixel, f.Planes[0].Stride); l.Strides[i] != want {
			return fmt.Sprintf("its colour rows are of %d bytes, the encoder's of %d", want, l.Strides[i])
		}
	}
	return ""
}

// chromaStride is what V4L2 lays down where all planes lie in one memory.
func chromaStride(p media.PixelFormat, luma int) int {
	if p == media.I420 {
		return luma / 2
	}
	return luma
}

// rowBytes is the samples of a row of a memory plane.
func rowBytes(m mode, plane int) int {
	switch {
	case m.pixel.Planes() == 1:
		return 2 * m.width
	case plane > 0 && m.pixel == media.I420:
		return m.width / 2
	}
	return m.width
}

// extent is where the samples of a raw picture lie: for each plane of samples
// its memory plane, offset, stride, rows and bytes a row.
type extent struct{ memory, offset, stride, rows, row int }

// It is the same at each call.
func (p *plan) extents() []extent {
	if p.places != nil {
		return p.places
	}
	w, h := p.format.Width, p.format.Height
	m := p.mode
	m.width = w
	list := make([]extent, m.pixel.Planes())
	offset := 0
	for i := range list {
		e := extent{rows: h, row: rowBytes(m, i), stride: p.format.Planes[0].Stride}
		if i > 0 {
			e.rows = h / 2
			e.stride = chromaStride(m.pixel, e.stride)
		}
		if m.planes > 1 {
			e.memory, e.stride = i, p.format.Planes[i].Stride
		} else {
			e.offset = offset
			offset += e.stride * e.rows
		}
		list[i] = e
	}
	p.places = list
	return list
}

// payload is the fewest bytes of each memory plane that hold a whole picture.
func (p *plan) payload() (bytes [3]int) {
	if p.mode.jpeg {
		return bytes
	}
	for _, e := range p.extents() {
		bytes[e.memory] = max(bytes[e.memory], e.offset+e.stride*(e.rows-1)+e.row)
	}
	return bytes
}

// picture is a raw picture in the memory planes given.
func (p *plan) picture(fullRange bool, memory func(plane int) []byte) (yuv.Picture, bool) {
	pic := yuv.Picture{Format: p.mode.pixel, Width: p.format.Width, Height: p.format.Height, FullRange: fullRange}
	for i, e := range p.extents() {
		mem := memory(e.memory)
		if len(mem) < e.offset+e.stride*(e.rows-1)+e.row {
			return pic, false
		}
		pic.Planes[i] = media.Plane{Data: mem[e.offset:min(len(mem), e.offset+e.stride*e.rows)], Stride: e.stride}
	}
	return pic, true
}
