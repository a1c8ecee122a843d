package software

import (
	"errors"
	"fmt"
	"image"

	"github.com/pion/mediadevices/pkg/codec"
	"github.com/pion/mediadevices/pkg/codec/openh264"
	"github.com/pion/mediadevices/pkg/io/video"
	"github.com/pion/mediadevices/pkg/prop"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// coder drives one openh264 instance. One goroutine uses it.
type coder struct {
	settings encode.Settings
	h264     codec.ReadCloser
	bitrate  int // set in h264
	since    int // pictures since it was set
	norm     *h264.Normalizer
	track    *media.Track // nil before the first picture
	picture  picture      // what h264 reads next
}

// openCoder makes an openh264 instance whose level and buffers are those of
// MaxBitrate: openh264 keeps them through every later change of the bit rate.
func openCoder(s encode.Settings, slices int) (*coder, error) {
	rate := s.Format.FrameRate
	if rate.IsZero() {
		rate = defaultRate
	}
	c := &coder{
		settings: s,
		bitrate:  s.MaxBitrate,
		norm:     h264.NewNormalizer(h264.LevelFor(s.Format.Width, s.Format.Height, rate, s.MaxBitrate)),
	}
	p := openh264.Params{
		BaseParams:        codec.BaseParams{BitRate: s.MaxBitrate},
		UsageType:         openh264.CameraVideoRealTime,
		RCMode:            openh264.RCBitrateMode,
		EnableFrameSkip:   false, // it would leave pictures out: 8 of 60
		IntraPeriod:       0,     // keys are asked for
		SliceMode:         openh264.SMFixedslcnumSlice,
		SliceNum:          uint(slices),
		MultipleThreadIdc: slices,
	}
	size := prop.Video{Width: s.Format.Width, Height: s.Format.Height, FrameRate: float32(rate.Float())}
	source := video.ReaderFunc(func() (image.Image, func(), error) { return &c.picture.img, func() {}, nil })
	rc, err := p.BuildVideoEncoder(source, prop.Media{Video: size})
	if err != nil {
		return nil, fmt.Errorf("software encoder: open openh264 for %dx%d at %d bit/s: %w", size.Width, size.Height, s.MaxBitrate, err)
	}
	c.h264 = rc
	return c, nil
}

func (c *coder) close() { _ = c.h264.Close() }

// encode codes one picture and returns its media.Packet.Data.
func (c *coder) encode(b *media.Buffer, bitrate int, key bool) ([]byte, error) {
	if err := c.picture.set(b, c.settings.Format); err != nil {
		return nil, err
	}
	if err := c.control(bitrate, key); err != nil {
		return nil, err
	}
	stream, _, err := c.h264.Read()
	if err != nil {
		return nil, fmt.Errorf("openh264: %w", err)
	}
	if len(stream) == 0 {
		return nil, errors.New("openh264 left the picture out")
	}
	if c.track == nil {
		if c.track, err = c.trackOf(stream); err != nil {
			return nil, err
		}
	}
	data, idr, err := c.norm.AccessUnit(c.track.Video, stream)
	switch {
	case err != nil:
		return nil, err
	case key && !idr:
		return nil, errors.New("openh264 made no IDR picture where one was asked for")
	}
	if sps, pps := h264.ParameterSets(data); sps != nil || pps != nil {
		return nil, fmt.Errorf("openh264 changed its parameter sets: %x %x", sps, pps)
	}
	return data, nil
}

// control sets bit rate and key request where they differ from openh264's own. It
// writes a line to standard error at each change of the rate: one by less than a
// fiftieth waits until 30 pictures have passed since the last.
func (c *coder) control(bitrate int, key bool) error {
	const rest, least = 30, 50
	ctl := c.h264.Controller()
	c.since++
	if diff := max(bitrate-c.bitrate, c.bitrate-bitrate); diff > c.bitrate/least || diff > 0 && c.since > rest {
		c.since = 0
		if err := ctl.(codec.BitRateController).SetBitRate(bitrate); err != nil {
			return fmt.Errorf("set bit rate %d: %w", bitrate, err)
		}
		c.bitrate = bitrate
	}
	if key && c.track != nil { // the first picture is an IDR picture by itself
		if err := ctl.(codec.KeyFrameController).ForceKeyFrame(); err != nil {
			return fmt.Errorf("force a key picture: %w", err)
		}
	}
	return nil
}

// trackOf is the track of the stream that begins with this access unit.
func (c *coder) trackOf(stream []byte) (*media.Track, error) {
	data, _, err := c.norm.AccessUnit(nil, stream)
	if err != nil {
		return nil, err
	}
	sps, pps := h264.ParameterSets(data)
	if sps == nil || pps == nil {
		return nil, errors.New("openh264 began without parameter sets")
	}
	parsed, err := h264.ParseSPS(sps)
	if err != nil {
		return nil, err
	}
	f := c.settings.Format
	if parsed.Width != f.Width || parsed.Height != f.Height {
		return nil, fmt.Errorf("openh264 codes %dx%d instead of %dx%d", parsed.Width, parsed.Height, f.Width, f.Height)
	}
	return &media.Track{Codec: media.H264, Video: &media.VideoParams{
		Width: f.Width, Height: f.Height, FrameRate: f.FrameRate, Color: f.Color,
		SPS: append([]byte(nil), sps...), PPS: append([]byte(nil), pps...),
	}}, nil
}
