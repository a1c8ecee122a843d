package v4l2capture

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// fakePart is what a receiver has of cropping, composing and scaling. As real
// ones do it narrows its rectangles where it must, and never widens them by
// itself.
type fakePart struct {
	crops, composes, scales bool
	stuck                   bool // rectangles stay as they are

	crop, compose v4l2.Rect
}

// format is the size that a receiver of pictures of the size from gives when
// it is asked for w and h.
func (p *fakePart) format(w, h int, from v4l2.DVTimings) (width, height int) {
	source := v4l2.Rect{Width: from.Width, Height: from.Height}
	if p.crop == (v4l2.Rect{}) {
		p.crop = source
	}
	switch {
	case !p.scales && !p.crops && !p.composes:
		p.compose = source
		return source.Width, source.Height
	case !p.scales && !p.crops:
		w, h = max(w, source.Width), max(h, source.Height)
	case !p.scales && !p.composes:
		w, h = min(w, source.Width), min(h, source.Height)
		p.crop = v4l2.Rect{Width: w, Height: h}
	}
	full := v4l2.Rect{Width: w, Height: h}
	if !p.scales {
		p.crop = inside(p.crop, full)
	}
	switch {
	case !p.composes:
		p.compose = full
	case p.compose == (v4l2.Rect{}), !p.scales:
		p.compose = inside(p.crop, full)
	default:
		p.compose = inside(p.compose, full)
	}
	return w, h
}

// inside is r, cut and then moved to lie in b.
func inside(r, b v4l2.Rect) v4l2.Rect {
	r.Width, r.Height = min(r.Width, b.Width), min(r.Height, b.Height)
	r.Left, r.Top = min(r.Left, b.Width-r.Width), min(r.Top, b.Height-r.Height)
	return r
}

func (d *fakeDevice) Selection(_ v4l2.BufType, target v4l2.SelectionTarget) (v4l2.Rect, error) {
	unlock, err := d.ask()
	defer unlock()
	switch {
	case err != nil:
		return v4l2.Rect{}, err
	case d.part.crops && target == v4l2.SelCrop:
		return d.part.crop, nil
	case d.part.crops && target == v4l2.SelCropDefault:
		return v4l2.Rect{Width: d.set.Width, Height: d.set.Height}, nil
	case d.part.composes && target == v4l2.SelCompose:
		return d.part.compose, nil
	}
	return v4l2.Rect{}, unix.EINVAL
}

func (d *fakeDevice) SetSelection(_ v4l2.BufType, target v4l2.SelectionTarget, r v4l2.Rect) (v4l2.Rect, error) {
	unlock, err := d.ask()
	defer unlock()
	p := &d.part
	source, picture := v4l2.Rect{Width: d.set.Width, Height: d.set.Height}, v4l2.Rect{Width: d.format.Width, Height: d.format.Height}
	switch {
	case err != nil:
		return r, err
	case p.stuck:
		return r, unix.EINVAL
	case p.crops && target == v4l2.SelCrop:
		p.crop = inside(r, source)
		if !p.scales { // the picture becomes what it must hold
			d.format.Width, d.format.Height = p.crop.Width, p.crop.Height
			p.compose = v4l2.Rect{Width: p.crop.Width, Height: p.crop.Height}
		}
		return p.crop, nil
	case p.composes && target == v4l2.SelCompose:
		p.compose = inside(r, picture)
		if !p.scales {
			p.crop.Width, p.crop.Height = p.compose.Width, p.compose.Height
			p.crop = inside(p.crop, source)
		}
		return p.compose, nil
	}
	return r, unix.EINVAL
}

// TestPicturesAreWhole: whatever a receiver has of cropping, composing and
// scaling, and whatever an earlier stream or another program left of it, all
// that arrives fills all of the picture.
func TestPicturesAreWhole(t *testing.T) {
	corner := v4l2.Rect{Left: 64, Top: 32, Width: 160, Height: 90}
	for has := range 8 {
		part := fakePart{crops: has&1 != 0, composes: has&2 != 0, scales: has&4 != 0}
		t.Run(fmt.Sprintf("%+v", part), func(t *testing.T) {
			h := hdmi()
			h.part = part
			tale(t, Config{}, h, func(st *story) {
				for i, size := range [][2]int{{640, 360}, {1280, 720}, {1440, 810}, {640, 360}, {1440, 810}, {1280, 720}} {
					if i >= 3 && part.crops {
						h.part.crop = corner
					}
					if i >= 3 && part.composes {
						h.part.compose = corner
					}
					st.pool, st.pts = nil, nil
					st.mustOpen()
					st.run(layout(media.NV12, size[0], size[1]))
					st.shoot(h, 3)
					st.wantFrames(3)
					way, reason := capture.OneCopy, fmt.Sprintf("unicam: 1280x720 is scaled to %dx%d", size[0], size[1])
					if size[0] == 1280 || part.scales && part.crops {
						way, reason = capture.ZeroCopy, ""
					}
					if w, r, _ := st.s.Status(); w != way || r != reason {
						t.Errorf("%dx%d: %v %q, want %v %q", size[0], size[1], w, r, way, reason)
					}
					if h.part.crop != (v4l2.Rect{Width: 1280, Height: 720}) || h.part.compose != (v4l2.Rect{Width: h.format.Width, Height: h.format.Height}) {
						t.Errorf("%v: of the source %v comes, and fills %v of %dx%d", size, h.part.crop, h.part.compose, h.format.Width, h.format.Height)
					}
					st.end()
				}
			})
		})
	}
}

// TestPartIsTold: a driver that keeps to a part says so in the status, and does
// not write it into the encoder's memory.
func TestPartIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		part fakePart
		want string
	}{
		"crop":    {fakePart{crops: true, crop: v4l2.Rect{Left: 8, Width: 640, Height: 720}}, "unicam: of what arrives it takes 640x720 at 8,0 only"},
		"compose": {fakePart{composes: true, compose: v4l2.Rect{Top: 4, Width: 640, Height: 360}}, "unicam: of its pictures it fills 640x360 at 0,4 only"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hdmi()
			c.part.scales, c.part.stuck = true, true
			h.part = c.part
			tale(t, Config{}, h, func(st *story) {
				st.mustOpen()
				st.run(layout(media.NV12, 1280, 720))
				st.shoot(h, 3)
				st.wantFrames(3)
				if _, reason, _ := st.s.Status(); reason != c.want {
					t.Errorf("%q", reason)
				}
				st.wantStatus(capture.OneCopy, c.want, 0)
			})
		})
	}
}

// TestCamerasCropIsItsOwn: a sensor's mode may be a part of its pixels.
func TestCamerasCropIsItsOwn(t *testing.T) {
	h := webcam()
	crop := v4l2.Rect{Left: 8, Top: 8, Width: 640, Height: 480}
	h.part = fakePart{crops: true, crop: crop}
	tale(t, Config{Width: 640, Height: 480}, h, func(st *story) {
		st.mustOpen()
		st.run(layout(media.YUYV, 640, 480))
		st.shoot(h, 3)
		st.wantFrames(3)
		st.wantStatus(capture.ZeroCopy, "", 0)
		if h.part.crop != crop {
			t.Errorf("the crop became %v", h.part.crop)
		}
	})
}
