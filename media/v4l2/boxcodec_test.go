//go:build box

package v4l2

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

// codec is an encoder set up: negotiated, allocated, streaming.
type codec struct {
	d       *Device
	out, in *Queue // pictures to it, coded data from it
	raw     Format
	poller  *Poller
}

// openCodec sets an encoder up in the order of the kernel's contract.
func openCodec(t *testing.T, variable string, coded FourCC, w, h int) *codec {
	t.Helper()
	d := boxDevice(t, variable)
	outType, inType, ok := d.Info().M2M()
	if !ok {
		t.Fatalf("%+v is no encoder", d.Info())
	}
	in := value(d.SetFormat(inType, Format{Width: w, Height: h, FourCC: coded}))(t)
	formats := value(d.Formats(outType))(t)
	fourcc := NV12
	if !slices.ContainsFunc(formats, func(f FormatDesc) bool { return f.FourCC == NV12 }) {
		fourcc = NV12M
	}
	raw := value(d.SetFormat(outType, Format{Width: w, Height: h, FourCC: fourcc, Field: FieldNone}))(t)
	if in.FourCC != coded || raw.FourCC != fourcc || raw.Width < w || raw.Height < h {
		t.Fatalf("coded %v, raw %v, want %v and %v", in, raw, coded, fourcc)
	}
	c := &codec{d: d, out: d.Queue(outType, raw), in: d.Queue(inType, in), raw: raw, poller: newPoller(t)}
	value(c.out.Request(MMAP, 4))(t)
	value(c.in.Request(MMAP, 4))(t)
	must(t, c.in.Map())
	for i := range c.in.Count() {
		must(t, c.in.QueueBuffer(Buffer{Index: i}))
	}
	must(t, c.out.Start(), c.in.Start())
	t.Cleanup(func() {
		if err := errors.Join(c.out.Close(), c.in.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// coded takes the next coded buffer and gives its data to f, then it back.
func (c *codec) coded(t *testing.T, f func(b Buffer, data []byte)) (last bool) {
	t.Helper()
	for {
		b, err := c.in.Dequeue()
		if errors.Is(err, ErrAgain) {
			waitFor(t, c.poller, Want{Device: c.d, Events: PollIn})
			continue
		}
		must(t, err)
		f(b, c.in.Bytes(b.Index, 0)[b.Planes[0].DataOffset:b.Planes[0].BytesUsed])
		if b.Flags.Has(FlagLast) {
			return true
		}
		must(t, c.in.QueueBuffer(Buffer{Index: b.Index}))
		return false
	}
}

// free waits for a picture the encoder is done with.
func (c *codec) free(t *testing.T) int {
	t.Helper()
	for {
		b, err := c.out.Dequeue()
		if !errors.Is(err, ErrAgain) {
			must(t, err)
			return b.Index
		}
		waitFor(t, c.poller, Want{Device: c.d, Events: PollOut})
	}
}

// picture is a buffer of the encoder's with the whole payload.
func (c *codec) picture(index int, at time.Duration) Buffer {
	b := Buffer{Index: index, Timestamp: at, NPlanes: len(c.raw.Planes)}
	for i, p := range c.raw.Planes {
		b.Planes[i].BytesUsed = p.Size
	}
	return b
}

func encodeAndDrain(t *testing.T, variable string, coded FourCC, check func(i int, b Buffer, data []byte)) {
	t.Helper()
	c := openCodec(t, variable, coded, 320, 180)
	must(t, c.out.Map())
	const pictures = 6
	for i := range pictures {
		index := i
		if i >= c.out.Count() { // all are lent: wait for one
			index = c.free(t)
		}
		for p := range c.raw.Planes {
			mem := c.out.Bytes(index, p)
			for j := range mem {
				mem[j] = byte(40*i + p*7)
			}
		}
		must(t, c.out.QueueBuffer(c.picture(index, time.Duration(i+1)*time.Second)))
		if i < pictures-1 {
			c.coded(t, func(b Buffer, data []byte) {
				if b.Timestamp != time.Duration(i+1)*time.Second || !b.Flags.TimestampCopied() {
					t.Errorf("picture %d came out as %+v", i, b)
				}
				check(i, b, data)
			})
		}
	}
	must(t, c.d.EncoderCommand(EncStop))
	seen := pictures - 1
	for last := false; !last; {
		last = c.coded(t, func(b Buffer, data []byte) {
			if b.Planes[0].BytesUsed > 0 {
				check(seen, b, data)
				seen++
			}
		})
	}
	if seen != pictures {
		t.Errorf("%d of %d pictures came out", seen, pictures)
	}
	if _, err := c.in.Dequeue(); !errors.Is(err, ErrLast) {
		t.Errorf("behind the last buffer: %v", err)
	}
	if e := waitFor(t, c.poller, Want{Device: c.d, Events: PollIn}); !e.Has(PollIn) {
		t.Errorf("ready %#x behind the last buffer", e)
	}
	// And on it goes.
	must(t, c.d.EncoderCommand(EncStart))
}

func TestBoxEncodeH264(t *testing.T) {
	encodeAndDrain(t, "V4L2_ENCODER", H264, func(i int, b Buffer, data []byte) {
		if !bytes.HasPrefix(data, []byte{0, 0, 0, 1}) && !bytes.HasPrefix(data, []byte{0, 0, 1}) {
			t.Errorf("picture %d begins % x", i, data[:min(8, len(data))])
		}
		if i == 0 && !b.Flags.Has(FlagKeyFrame) {
			t.Errorf("the first picture is %+v", b)
		}
	})
}

func TestBoxEncodeFWHT(t *testing.T) {
	encodeAndDrain(t, "V4L2_FWHT", FWHT, func(i int, _ Buffer, data []byte) {
		if !bytes.HasPrefix(data, []byte{0x4f, 0x4f, 0x4f, 0x4f}) {
			t.Errorf("picture %d begins % x", i, data[:min(8, len(data))])
		}
	})
}

func TestBoxEncoderControls(t *testing.T) {
	c := openCodec(t, "V4L2_ENCODER", H264, 320, 180)
	for _, q := range []*Queue{c.in, c.out} {
		if b, err := q.Dequeue(); !errors.Is(err, ErrAgain) {
			t.Errorf("before the first picture: %+v, %v", b, err)
		}
	}
	rate := value(c.d.Control(CtrlBitrate))(t)
	must(t, c.d.Set(CtrlBitrate, 2_000_000), c.d.Set(CtrlForceKeyFrame, 1))
	if v, err := c.d.Get(CtrlBitrate); err != nil || v != 2_000_000 || rate.Max < v {
		t.Errorf("bit rate %d, %v, of %+v", v, err, rate)
	}
	// Any value outside of the range is drawn into it by the kernel.
	must(t, c.d.Set(CtrlBitrate, rate.Max+1))
	if v, err := c.d.Get(CtrlBitrate); err != nil || v != rate.Max {
		t.Errorf("bit rate %d, %v, want %d", v, err, rate.Max)
	}
	if c, err := c.d.Control(CtrlForceKeyFrame); err != nil || c.Type != ControlButton {
		t.Errorf("%+v, %v", c, err)
	}
	outType, _, _ := c.d.Info().M2M()
	if sizes := value(c.d.FrameSizes(H264))(t); len(sizes) != 1 || !sizes[0].Has(1920, 1080) || sizes[0].Has(1922, 1080) || sizes[0].Has(321, 180) {
		t.Errorf("sizes %+v", sizes)
	}
	crop := value(c.d.Selection(outType, SelCrop))(t)
	if crop != (Rect{0, 0, 320, 180}) {
		t.Errorf("what is coded is %+v", crop)
	}
	if r, err := c.d.FrameRate(outType); err != nil || r.IsZero() {
		t.Errorf("rate %v, %v", r, err)
	}
	if _, err := c.d.SetFormat(c.in.Type(), Format{Width: 640, Height: 360, FourCC: H264}); !errors.Is(err, unix.EBUSY) {
		t.Errorf("a new format while buffers are there: %v", err)
	}
}

// TestBoxZeroCopy: the encoder's memory, which capture fills; no picture is
// mapped here.
func TestBoxZeroCopy(t *testing.T) {
	for _, variable := range []string{"V4L2_ENCODER", "V4L2_FWHT"} {
		t.Run(variable, func(t *testing.T) {
			coded := map[string]FourCC{"V4L2_ENCODER": H264, "V4L2_FWHT": FWHT}[variable]
			zeroCopy(t, openCodec(t, variable, coded, 320, 180))
		})
	}
}

func zeroCopy(t *testing.T, c *codec) {
	t.Helper()
	camera := boxDevice(t, "V4L2_CAPTURE")
	typ, f := webcamFormat(t, camera, 320, 180, c.raw.FourCC)
	f.Planes = c.raw.Planes
	f = value(camera.SetFormat(typ, f))(t)
	if f.Planes[0].Stride != c.raw.Planes[0].Stride {
		t.Fatalf("capture has %d bytes a row, the encoder %d", f.Planes[0].Stride, c.raw.Planes[0].Stride)
	}
	q := camera.Queue(typ, f)
	value(q.Request(DMABUF, c.out.Count()))(t)
	defer func() { must(t, q.Close()) }()
	lend := exportAll(t, c)
	for _, b := range lend {
		must(t, q.QueueBuffer(b))
	}
	must(t, q.Start())
	for i := range 8 {
		waitFor(t, c.poller, Want{Device: camera, Events: PollIn})
		b := value(q.Dequeue())(t)
		for p := range f.Planes {
			if got, want := b.Planes[p].FD, lend[b.Index].Planes[p].FD; got != want {
				t.Errorf("buffer %d, plane %d has descriptor %d, want %d", b.Index, p, got, want)
			}
		}
		must(t, c.out.QueueBuffer(c.picture(b.Index, b.Timestamp)))
		c.coded(t, func(coded Buffer, data []byte) {
			if coded.Timestamp != b.Timestamp || len(data) == 0 {
				t.Errorf("picture %d of %v came out at %v with %d bytes", i, b.Timestamp, coded.Timestamp, len(data))
			}
		})
		if free := c.free(t); free != b.Index {
			t.Errorf("the encoder is done with %d, not with %d", free, b.Index)
		}
		must(t, q.QueueBuffer(lend[b.Index]))
	}
	maps := string(value(os.ReadFile("/proc/self/maps"))(t))
	if strings.Contains(maps, "dmabuf") || strings.Count(maps, "/dev/video") != c.in.Count() {
		t.Errorf("mapped are not just the %d coded buffers:\n%s", c.in.Count(), maps)
	}
	// The slate's way to the same memory.
	memory := lend[0].Planes[0]
	mem := value(MapDMABuf(memory.FD, memory.Length))(t)
	must(t, SyncDMABuf(memory.FD, true, true))
	mem[0] = 16
	must(t, SyncDMABuf(memory.FD, false, true), UnmapDMABuf(mem))
}

// exportAll exports the encoder's picture buffers, as capture queues them.
func exportAll(t *testing.T, c *codec) []Buffer {
	t.Helper()
	lend := make([]Buffer, c.out.Count())
	for i := range lend {
		lend[i] = Buffer{Index: i, NPlanes: len(c.raw.Planes)}
		for p, layout := range c.raw.Planes {
			fd := value(c.out.Export(i, p))(t)
			t.Cleanup(func() { must(t, unix.Close(fd)) })
			lend[i].Planes[p] = PlaneUse{FD: fd, Length: layout.Size}
		}
	}
	return lend
}

func TestBoxRounds(t *testing.T) {
	descriptors := func() int {
		return len(value(os.ReadDir("/proc/self/fd"))(t))
	}
	before := descriptors()
	for range 30 {
		t.Run("", func(t *testing.T) {
			c := openCodec(t, "V4L2_ENCODER", H264, 64, 64)
			must(t, c.out.QueueBuffer(c.picture(0, time.Second)))
			c.coded(t, func(Buffer, []byte) {})
		})
	}
	if after := descriptors(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	stats := string(value(os.ReadFile("/sys/kernel/debug/vh264/stats"))(t))
	for _, want := range []string{"open_now 0\n", "buffers_now 0\n", "mapped_now 0\n"} {
		if !strings.Contains(stats, want) {
			t.Errorf("not %q in\n%s", want, stats)
		}
	}
}

// TestBoxUnplug: what is told when a device goes while it streams, and when it
// comes back.
func TestBoxUnplug(t *testing.T) {
	u := value(ListenUevents())(t)
	defer u.Close()
	c := openCodec(t, "V4L2_ENCODER", H264, 64, 64)
	name := strings.TrimPrefix(c.d.Path(), "/dev/")
	drive := func(what string) {
		t.Helper()
		must(t, os.WriteFile("/sys/bus/platform/drivers/vh264/"+what, []byte("vh264"), 0))
	}
	expect := func(action string) {
		t.Helper()
		for {
			select {
			case e := <-u.C:
				if e.Subsystem == "video4linux" && e.DevName == name {
					if e.Action != action || !strings.HasPrefix(e.DevPath, "devices/") {
						t.Fatalf("%+v, want %s", e, action)
					}
					return
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("no %s of %s", action, name)
			}
		}
	}
	drive("unbind")
	expect("remove")
	if e := waitFor(t, c.poller, Want{Device: c.d, Events: PollIn}); !e.Has(PollErr | PollHup) {
		t.Errorf("ready %#x", e)
	}
	if _, err := c.in.Dequeue(); !IsGone(err) {
		t.Errorf("dequeued from a device that is gone: %v", err)
	}
	if err := c.out.QueueBuffer(c.picture(0, 0)); !IsGone(err) {
		t.Errorf("queued to a device that is gone: %v", err)
	}
	must(t, c.out.Close(), c.in.Close(), c.d.Close())
	drive("bind")
	expect("add")
	for range 100 { // until the node is there
		d, err := Open(c.d.Path())
		if err == nil {
			must(t, d.Close())
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error(fmt.Errorf("%s did not come back", c.d.Path()))
}

// TestBoxMapping: what is drawn by a mapping of the encoder's memory is what
// the encoder's own mapping of it shows.
func TestBoxMapping(t *testing.T) {
	c := openCodec(t, "V4L2_ENCODER", H264, 320, 180)
	must(t, c.out.Map())
	lend := exportAll(t, c)[1]
	stride := c.raw.Planes[0].Stride
	dma := &media.DMA{Index: 1}
	for p := range c.raw.Planes {
		dma.Memory = append(dma.Memory, media.DMAMemory{FD: lend.Planes[p].FD, Length: lend.Planes[p].Length})
	}
	dma.Planes[1] = media.DMAPlane{Memory: 1}
	if len(c.raw.Planes) == 1 {
		dma.Planes[1] = media.DMAPlane{Offset: stride * c.raw.Height}
	}
	b := media.NewBuffer(media.VideoFormat{Width: 320, Height: 180, Pixel: media.NV12}, [3]media.Plane{{Stride: stride}, {Stride: stride}}, nil)
	b.DMA = dma
	m := value(MapBuffer(b))(t)
	must(t, m.Begin(true))
	m.Planes[0].Data[179*stride+319] = 77 // the last sample of luma
	m.Planes[1].Data[0] = 99              // the first of chroma
	must(t, m.End(), m.Close())
	luma := c.out.Bytes(1, 0)
	chroma := c.out.Bytes(1, dma.Planes[1].Memory)[dma.Planes[1].Offset:]
	if luma[179*stride+319] != 77 || chroma[0] != 99 {
		t.Errorf("the encoder has %d and %d, drawn were 77 and 99", luma[179*stride+319], chroma[0])
	}
}
