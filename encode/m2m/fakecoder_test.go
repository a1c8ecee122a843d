package m2m

import (
	"image"

	"github.com/pion/mediadevices/pkg/codec"
	"github.com/pion/mediadevices/pkg/codec/openh264"
	"github.com/pion/mediadevices/pkg/io/video"
	"github.com/pion/mediadevices/pkg/prop"

	"github.com/encoderbox/encoderbox/media"
)

// plainCoder writes access units with valid headers and nothing in them.
type plainCoder struct {
	size   int  // bytes of a slice; 0: as the bit rate says at 25 a second
	most   int  // that the pictures need, 0: any
	least  int  // that they can be coded with
	open   bool // no IDR pictures: key pictures of an open GOP
	small  bool // three-byte start codes
	filler int
	pps    uint32 // id
}

func (c *plainCoder) code(d *fakeDevice, _ int, bitrate int, key bool) []byte {
	start := []byte{0, 0, 0, 1}
	if c.small {
		start = start[1:]
	}
	var out []byte
	add := func(nal []byte) { out = append(append(out, start...), nal...) }
	add([]byte{9, 0xf0})
	if key {
		add(spsFor(d.crop.Width, d.crop.Height))
		add(ppsFor(c.pps))
	}
	n := c.size
	if n == 0 {
		n = bitrate / 8 / 25
		if c.most > 0 {
			n = min(n, c.most)
		}
		n = max(n, c.least)
	}
	add(slice(key && !c.open, c.pps, n))
	if c.filler > 0 {
		add(append(filled(12, c.filler), 0x80))
	}
	return out
}

func filled(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 0xff
	}
	b[0] = first
	return b
}

func slice(key bool, pps uint32, n int) []byte {
	var w bits
	if key {
		w.put(0x65, 8)
	} else {
		w.put(0x41, 8)
	}
	w.ue(0)   // first_mb_in_slice
	w.ue(7)   // slice_type
	w.ue(pps) // pic_parameter_set_id
	w.put(1, 1)
	out := w.bytes()
	for len(out) < n {
		out = append(out, 0xab)
	}
	return out
}

// spsFor is a Baseline parameter set that shows width x height.
func spsFor(width, height int) []byte {
	mbw, mbh := (width+15)/16, (height+15)/16
	var w bits
	for _, b := range []uint32{0x67, 66, 0xc0, 30} {
		w.put(b, 8)
	}
	w.ue(0) // seq_parameter_set_id
	w.ue(0) // log2_max_frame_num_minus4
	w.ue(2) // pic_order_cnt_type
	w.ue(1) // max_num_ref_frames
	w.put(0, 1)
	w.ue(uint32(mbw - 1))
	w.ue(uint32(mbh - 1))
	w.put(1, 1) // frame_mbs_only_flag
	w.put(1, 1) // direct_8x8_inference_flag
	w.put(1, 1) // frame_cropping_flag
	w.ue(0)
	w.ue(uint32(mbw*16-width) / 2)
	w.ue(0)
	w.ue(uint32(mbh*16-height) / 2)
	w.put(0, 1) // vui_parameters_present_flag
	w.put(1, 1)
	return w.bytes()
}

func ppsFor(id uint32) []byte {
	var w bits
	w.put(0x68, 8)
	w.ue(id)
	w.ue(0)
	w.put(0, 2) // CAVLC
	w.ue(0)
	w.ue(0)
	w.ue(0)
	w.put(0, 3)
	w.ue(0)
	w.ue(0)
	w.ue(0)
	w.put(0, 3)
	w.put(1, 1)
	return w.bytes()
}

// bits writes a NAL unit.
type bits struct {
	out []byte
	n   int
}

func (w *bits) put(v uint32, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.out = append(w.out, 0)
		}
		w.out[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

func (w *bits) ue(v uint32) {
	n := 0
	for (v+1)>>(n+1) > 0 {
		n++
	}
	w.put(0, n)
	w.put(v+1, n+1)
}

func (w *bits) bytes() []byte { return w.out }

// realCoder is openh264.
type realCoder struct {
	h264    codec.ReadCloser
	img     image.YCbCr
	bitrate int
	began   bool
}

func newRealCoder(d *fakeDevice) coder {
	c := &realCoder{bitrate: d.bitrate}
	c.img.SubsampleRatio = image.YCbCrSubsampleRatio420
	p := openh264.Params{
		BaseParams: codec.BaseParams{BitRate: 10_000_000}, UsageType: openh264.CameraVideoRealTime,
		RCMode: openh264.RCBitrateMode, SliceMode: openh264.SMSingleSlice, MultipleThreadIdc: 1,
	}
	size := prop.Video{Width: d.raw.Width, Height: d.raw.Height, FrameRate: float32(d.rate.Float())}
	source := video.ReaderFunc(func() (image.Image, func(), error) { return &c.img, func() {}, nil })
	var err error
	if c.h264, err = p.BuildVideoEncoder(source, prop.Media{Video: size}); err != nil {
		panic(err)
	}
	c.bitrate = 0
	return c
}

func (c *realCoder) Close() error { return c.h264.Close() }

func (c *realCoder) code(d *fakeDevice, index int, bitrate int, key bool) []byte {
	mem, f := d.out.mem[index], d.raw
	stride, w, h := f.Planes[0].Stride, f.Width, f.Height
	c.img.Rect = image.Rect(0, 0, w, h)
	c.img.Y, c.img.YStride = mem[0], stride
	switch pixel, planes, _ := f.FourCC.Pixel(); {
	case pixel == media.I420 && planes == 1:
		c.img.Cb, c.img.Cr, c.img.CStride = mem[0][stride*h:], mem[0][stride*h*5/4:], stride/2
	case pixel == media.I420:
		c.img.Cb, c.img.Cr, c.img.CStride = mem[1], mem[2], f.Planes[1].Stride
	default:
		chroma := mem[len(mem)-1]
		if planes == 1 {
			chroma = mem[0][stride*h:]
		}
		c.img.Cb, c.img.Cr, c.img.CStride = make([]byte, w*h/4), make([]byte, w*h/4), w/2
		for y := range h / 2 {
			for x := range w / 2 {
				c.img.Cb[y*w/2+x], c.img.Cr[y*w/2+x] = chroma[y*stride+2*x], chroma[y*stride+2*x+1]
			}
		}
	}
	ctl := c.h264.Controller()
	if bitrate != c.bitrate {
		_ = ctl.(codec.BitRateController).SetBitRate(bitrate)
		c.bitrate = bitrate
	}
	if key && c.began {
		_ = ctl.(codec.KeyFrameController).ForceKeyFrame()
	}
	c.began = true
	data, _, err := c.h264.Read()
	if err != nil {
		panic(err)
	}
	return append([]byte(nil), data...)
}
