package v4l2capture

import (
	"fmt"

	"github.com/encoderbox/encoderbox/media/v4l2"
)

// A receiver that crops or composes keeps both rectangles for as long as its
// driver is loaded: a format smaller than the picture narrows them, and a larger
// one does not widen them again. Other programs set them too. So each format is
// followed by a look at them.

// rectangle is one that a driver has, and what it is when the picture is whole.
type rectangle struct {
	target    v4l2.SelectionTarget
	name      string
	is, whole v4l2.Rect
}

// rectangles are those that the device has with format f. What a camera crops is
// its own affair, and behind a media controller they are those of its
// subdevices.
func (s *session) rectangles(f v4l2.Format) (list []rectangle) {
	if s.pipe != nil {
		return nil
	}
	if is, err := s.dev.Selection(s.typ, v4l2.SelCrop); err == nil && s.timed != nil {
		whole, err := s.dev.Selection(s.typ, v4l2.SelCropDefault)
		if err != nil {
			whole = v4l2.Rect{Width: s.arriving.Width, Height: s.arriving.Height}
		}
		list = append(list, rectangle{v4l2.SelCrop, "of what arrives it takes", is, whole})
	}
	if is, err := s.dev.Selection(s.typ, v4l2.SelCompose); err == nil {
		whole := v4l2.Rect{Width: f.Width, Height: f.Height}
		list = append(list, rectangle{v4l2.SelCompose, "of its pictures it fills", is, whole})
	}
	return list
}

// widen has the device put all that arrives into all of the picture. changed
// says that it moved a rectangle, which may have changed the format.
func (s *session) widen(f v4l2.Format) (changed bool) {
	for range 2 { // one may move the other
		moved := false
		for _, r := range s.rectangles(f) {
			if r.is == r.whole {
				continue
			}
			if _, err := s.dev.SetSelection(s.typ, r.target, r.whole); err != nil {
				s.log.Debug("the driver keeps its part of the picture", "error", err)
				continue
			}
			moved = true
		}
		if !moved {
			break
		}
		changed = true
	}
	return changed
}

// part is how the picture with format f is not the whole one, in words; "" when
// it is, or the driver does not tell. tells says that it would tell of cropping.
func (s *session) part(f v4l2.Format) (part string, tells bool) {
	for _, r := range s.rectangles(f) {
		tells = tells || r.target == v4l2.SelCrop
		if r.is != r.whole && part == "" {
			part = fmt.Sprintf("%s %dx%d at %d,%d only", r.name, r.is.Width, r.is.Height, r.is.Left, r.is.Top)
		}
	}
	return part, tells
}
