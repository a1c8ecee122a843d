package v4l2capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// mode is one way of taking pictures from a device.
type mode struct {
	code          v4l2.FourCC
	pixel         media.PixelFormat // of raw pictures
	planes        int               // memory planes
	jpeg          bool
	width, height int
	rate          media.Rational // zero: not known
}

// What a camera is asked for where nothing is wished: a device's largest picture
// is seldom one that it brings thirty of a second.
const (
	usualWidth  = 1920
	usualHeight = 1080
	usualRate   = 30.0
)

// setUp takes the device to what arrives, or to the mode that is wished, as far
// as that is known before the pool is. It leaves the session's modes and format.
func (s *session) setUp(ctx context.Context, patience time.Duration) error {
	if s.timed == nil {
		if err := s.inputStatus(); err != nil {
			return err
		}
	} else if err := s.lock(ctx, patience); err != nil {
		return err
	}
	if s.pipe != nil {
		if err := s.pipe.setUp(s.cfg, s.quirks.BusCode, s.arriving, s.raws); err != nil {
			return s.failed(err)
		}
	}
	all, err := s.listModes()
	if err != nil {
		return err
	}
	s.modes = choose(all, s.cfg.Width, s.cfg.Height, s.cfg.FrameRate)
	if len(s.modes) == 0 {
		return &capture.SignalError{Signal: capture.SignalUnsupported, Detail: s.name() + " offers no picture size that can be used"}
	}
	return s.adopt(s.modes[0])
}

// adopt sets the device to a mode to learn what it delivers.
func (s *session) adopt(m mode) error {
	f, err := s.setFormat(m, nil)
	if err != nil {
		return err
	}
	if !m.jpeg {
		s.format.Color = f.Color.Media()
	} else {
		s.format.Color = media.Color{} // as decoded: limited range, what the pool's format says
	}
	for i := range s.modes {
		s.modes[i].width, s.modes[i].height = f.Width, f.Height
	}
	s.format.Width, s.format.Height, s.format.Pixel = f.Width, f.Height, m.pixel
	s.format.FrameRate = m.rate
	if s.timed == nil {
		if rate, err := s.setRate(m.rate); err == nil {
			s.format.FrameRate = rate
		} else if !errors.Is(err, v4l2.ErrNoFrameRate) {
			return s.failed(err)
		}
	}
	return nil
}

func (s *session) setRate(r media.Rational) (media.Rational, error) {
	if s.pipe != nil {
		return s.pipe.bridge.FrameRate(s.pipe.out)
	}
	if r.IsZero() {
		return s.dev.FrameRate(s.typ)
	}
	return s.dev.SetFrameRate(s.typ, r)
}

// listModes is everything the device offers for what arrives.
func (s *session) listModes() ([]mode, error) {
	var list []mode
	for _, d := range s.raws {
		if !s.carries(d.FourCC) {
			continue
		}
		m := mode{code: d.FourCC, planes: 1, jpeg: isJPEG(d.FourCC)}
		if m.jpeg {
			m.pixel = media.I420
		} else {
			m.pixel, m.planes, _ = d.FourCC.Pixel()
		}
		switch {
		case s.timed != nil:
			m.width, m.height, m.rate = s.arriving.Width, s.arriving.Height, s.arriving.FrameRate()
			list = append(list, m)
		case s.pipe != nil:
			m.width, m.height = s.pipe.size()
			list = append(list, m)
		default:
			sized, err := s.sizes(m)
			if err != nil {
				return nil, err
			}
			list = append(list, sized...)
		}
	}
	return list, nil
}

// sizes are the modes of one format of a camera.
func (s *session) sizes(m mode) ([]mode, error) {
	ranges, err := s.dev.FrameSizes(m.code)
	if err != nil {
		return nil, s.failed(err)
	}
	if len(ranges) == 0 { // the driver does not say: what it is set to
		f, err := s.dev.Format(s.typ)
		if err != nil {
			return nil, s.failed(err)
		}
		m.width, m.height = f.Width&^1, f.Height&^1
		if s.cfg.Width > 0 && s.cfg.Height > 0 {
			m.width, m.height = s.cfg.Width, s.cfg.Height
		}
		return []mode{m}, nil
	}
	var list []mode
	for _, r := range ranges {
		m.width = within(cmp.Or(s.cfg.Width, usualWidth), r.MinWidth, r.MaxWidth, r.StepWidth)
		m.height = within(cmp.Or(s.cfg.Height, usualHeight), r.MinHeight, r.MaxHeight, r.StepHeight)
		if m.width <= 0 || m.height <= 0 || m.width%2 != 0 || m.height%2 != 0 {
			continue
		}
		rates, err := s.dev.FrameRates(m.code, m.width, m.height)
		if err != nil {
			return nil, s.failed(err)
		}
		m.rate = media.Rational{}
		if len(rates) == 0 {
			list = append(list, m)
		}
		for _, m.rate = range rates {
			list = append(list, m)
		}
	}
	return list, nil
}

// within is the value nearest to want in a range.
func within(want, low, high, step int) int {
	v := min(max(want, low), high)
	if step > 1 {
		v = low + (v-low)/step*step
	}
	return v
}

// choose gives the modes of the best size and rate, best first. They are all
// raw, or one that is not.
func choose(all []mode, width, height int, rate media.Rational) []mode {
	if len(all) == 0 {
		return nil
	}
	best := slices.MinFunc(all, func(a, b mode) int {
		return cmp.Or(cmp.Compare(cost(a, width, height, rate), cost(b, width, height, rate)), cmp.Compare(rank(a), rank(b)))
	})
	if best.jpeg {
		return []mode{best}
	}
	list := slices.DeleteFunc(slices.Clone(all), func(m mode) bool {
		return m.jpeg || m.width != best.width || m.height != best.height || m.rate != best.rate
	})
	slices.SortStableFunc(list, func(a, b mode) int { return cmp.Compare(rank(a), rank(b)) })
	return slices.CompactFunc(list, func(a, b mode) bool { return a.code == b.code })
}

// rank orders formats by what coding them takes: 4:2:0 is what encoders code.
func rank(m mode) int {
	switch {
	case m.jpeg:
		return 100
	case m.pixel == media.NV12:
		return m.planes
	case m.pixel == media.I420:
		return 10 + m.planes
	case m.pixel == media.YUYV:
		return 20
	}
	return 21
}

// cost weighs how far a mode is from what is wished. Missing pictures weigh
// most, then missing size; what there is too much of only costs work, and so
// does decoding.
func cost(m mode, width, height int, rate media.Rational) float64 {
	want, fps := float64(usualWidth*usualHeight), usualRate
	if width > 0 && height > 0 {
		want = float64(width * height)
	}
	if !rate.IsZero() {
		fps = rate.Float()
	}
	area, got := float64(m.width*m.height), m.rate.Float()
	if m.rate.IsZero() {
		got = fps
	}
	var c float64
	const tolerance = 0.98 // 29.97 holds 30
	if got < tolerance*fps {
		c += 2 * (1 - got/fps)
	} else {
		c += 0.01 * math.Min(1, math.Max(0, got/fps-1))
	}
	if area < want {
		c += 1 - area/want
	} else if area > want {
		c += 0.06 + 0.1*(1-want/area)
	}
	if width > 0 && height > 0 && (m.width != width || m.height != height) {
		// Another shape would have to be bent.
		c += 0.2 * math.Abs(math.Log(float64(m.width*height)/float64(m.height*width)))
	}
	if m.jpeg {
		c += 0.05
	}
	return c
}

// setFormat sets the device to a mode, of the whole picture where it can. like,
// if given, is the layout in memory to ask for; what is returned holds, whatever
// it is.
func (s *session) setFormat(m mode, like *capture.Layout) (v4l2.Format, error) {
	ask := v4l2.Format{Width: m.width, Height: m.height, FourCC: m.code, Field: v4l2.FieldNone}
	if like != nil {
		ask.Planes = planesLike(like, m)
	} else if a := s.quirks.StrideAlign; a > 0 && !m.jpeg {
		ask.Planes = make([]v4l2.PlaneLayout, m.planes)
		for i := range ask.Planes {
			ask.Planes[i].Stride = (rowBytes(m, i) + a - 1) / a * a
		}
	}
	f, err := s.dev.SetFormat(s.typ, ask)
	if err == nil && s.widen(f) {
		f, err = s.dev.SetFormat(s.typ, ask)
	}
	if err != nil {
		return f, s.failed(err)
	}
	unsupported := func(format string, args ...any) (v4l2.Format, error) {
		return f, &capture.SignalError{Signal: capture.SignalUnsupported, Detail: s.name() + ": " + fmt.Sprintf(format, args...)}
	}
	switch {
	case f.Field != v4l2.FieldNone && f.Field != v4l2.FieldAny:
		return unsupported("it delivers fields, not whole pictures; set the source to progressive (p)")
	case f.FourCC != m.code:
		return unsupported("it offers %v but delivers %v", m.code, f.FourCC)
	case f.Width%2 != 0 || f.Height%2 != 0 || f.Width <= 0 || f.Height <= 0:
		return unsupported("%dx%d: width and height must be even", f.Width, f.Height)
	case !m.jpeg && len(f.Planes) != m.planes:
		return unsupported("%v in %d memory planes", f.FourCC, len(f.Planes))
	}
	m.width = f.Width
	for i, p := range f.Planes {
		if !m.jpeg && p.Stride < rowBytes(m, i) {
			return unsupported("its driver says rows of %d bytes, where %d pixels of %v take %d", p.Stride, f.Width, f.FourCC, rowBytes(m, i))
		}
	}
	return f, nil
}
