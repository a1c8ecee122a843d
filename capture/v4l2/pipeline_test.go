package v4l2capture

import (
	"slices"
	"testing"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// fakeMedia is a media controller.
type fakeMedia struct {
	topo v4l2.Topology
	set  []uint32 // links that were enabled; disabled ones with the top bit
}

func (m *fakeMedia) Topology() (v4l2.Topology, error) { return m.topo, nil }
func (m *fakeMedia) Close() error                     { return nil }
func (m *fakeMedia) SetupLink(_ *v4l2.Topology, l v4l2.Link, enable bool) error {
	if !enable {
		l.ID |= 1 << 31
	}
	m.set = append(m.set, l.ID)
	return nil
}

// fakeSubdev is a hardware that is a subdevice.
type fakeSubdev struct{ fakeDevice }

func (s *fakeSubdev) BusCodes(int) ([]v4l2.BusCode, error) { return s.codes, nil }
func (s *fakeSubdev) Format(pad int) (v4l2.BusFormat, error) {
	return s.bus[pad], nil
}
func (s *fakeSubdev) SetFormat(pad int, f v4l2.BusFormat) (v4l2.BusFormat, error) {
	if s.set.Width > 0 {
		f.Width, f.Height = s.set.Width, s.set.Height
	}
	if !slices.Contains(s.codes, f.Code) {
		f.Code = s.codes[0]
	}
	s.bus[pad] = f
	return f, nil
}
func (s *fakeSubdev) FrameRate(int) (media.Rational, error) { return s.rate, rateError(s.rate) }

// board is a CSI receiver with two ways in: a camera on the one that is linked,
// a bridge, through a second receiver, on the other.
//
//	[sensor 10]─┐
//	[bridge 20]─[csi 30]─[node 1]
func board() (*fakeMedia, *hardware, map[string]*hardware) {
	node := &hardware{
		node: v4l2.Node{Info: v4l2.Info{Driver: "unicam", Card: "unicam", Bus: "platform:fe801000.csi",
			Caps: v4l2.CapVideoCapture | v4l2.CapStreaming | v4l2.CapIOMC}},
		formats: []v4l2.FormatDesc{{FourCC: v4l2.YUYV}, {FourCC: v4l2.UYVY}, {FourCC: v4l2.NV12}},
	}
	const linked, link = 1 << 28, v4l2.LinkFlags(0)
	topo := v4l2.Topology{
		Entities: []v4l2.Entity{{ID: 1, Name: "unicam-image", Function: v4l2.FuncIOV4L}, {ID: 10, Name: "imx219 10-0010", Function: v4l2.FuncSensor},
			{ID: 20, Name: "tc358743 10-000f", Function: v4l2.FuncDVBridge}, {ID: 30, Name: "csi2", Function: v4l2.FuncIFBridge}},
		Interfaces: []v4l2.Interface{{ID: 101, Type: v4l2.InterfaceVideo, Minor: 0}, {ID: 110, Type: v4l2.InterfaceSubdev, Minor: 110},
			{ID: 120, Type: v4l2.InterfaceSubdev, Minor: 120}, {ID: 130, Type: v4l2.InterfaceSubdev, Minor: 130}},
		Pads: []v4l2.Pad{{ID: 2, Entity: 1, Flags: v4l2.PadSink}, {ID: 11, Entity: 10, Flags: v4l2.PadSource},
			{ID: 21, Entity: 20, Flags: v4l2.PadSource}, {ID: 31, Entity: 30, Flags: v4l2.PadSink}, {ID: 32, Entity: 30, Index: 1, Flags: v4l2.PadSource}},
		Links: []v4l2.Link{{ID: 201, Source: 101, Sink: 1, Flags: linked}, {ID: 210, Source: 110, Sink: 10, Flags: linked},
			{ID: 220, Source: 120, Sink: 20, Flags: linked}, {ID: 230, Source: 130, Sink: 30, Flags: linked},
			{ID: 301, Source: 11, Sink: 31, Flags: link | v4l2.LinkEnabled}, {ID: 302, Source: 21, Sink: 31, Flags: link},
			{ID: 303, Source: 32, Sink: 2, Flags: v4l2.LinkEnabled | v4l2.LinkImmutable}},
	}
	sub := func(codes ...v4l2.BusCode) *hardware {
		return &hardware{codes: codes, bus: map[int]v4l2.BusFormat{}, queryErr: v4l2.ErrNoControl, controls: map[v4l2.ControlID]int64{}}
	}
	bridge := sub(v4l2.BusRGB888, v4l2.BusUYVY)
	bridge.timing, bridge.queryErr = hd50, nil
	return &fakeMedia{topo: topo}, node, map[string]*hardware{
		"/dev/v4l-subdev10": sub(0x300f), "/dev/v4l-subdev20": bridge, "/dev/v4l-subdev30": sub(v4l2.BusUYVY, v4l2.BusYUYV),
	}
}

func (k *fakeKernel) addBoard(m *fakeMedia, subs map[string]*hardware) {
	k.media["/dev/media0"] = m
	for path, h := range subs {
		h.k, h.node.Path = k, path
		k.subdevs[path] = h
	}
}

func TestBridgeBehindAMediaController(t *testing.T) {
	m, node, subs := board()
	bridge := subs["/dev/v4l-subdev20"]
	bridge.edidErr = v4l2.ErrNoControl
	edid := make([]byte, 256)
	tale(t, Config{EDID: edid}, node, func(st *story) {
		st.k.addBoard(m, subs)
		st.mustOpen()
		if d := st.s.Device(); d != "tc358743 (platform:fe801000.csi)" {
			t.Errorf("device %q", d)
		}
		if !slices.Equal(m.set, []uint32{301 | 1<<31, 302, 303}) && !slices.Equal(m.set, []uint32{301 | 1<<31, 302}) {
			t.Errorf("links set up: %d", m.set)
		}
		want := v4l2.BusFormat{Width: 1280, Height: 720, Code: v4l2.BusUYVY, Field: v4l2.FieldNone}
		csi := subs["/dev/v4l-subdev30"]
		if bridge.bus[0] != want || csi.bus[0] != want || csi.bus[1] != want {
			t.Errorf("formats %+v, %+v", bridge.bus, csi.bus)
		}
		if f := st.s.Format(); f.Width != 1280 || f.FrameRate.Num != 50 || f.Pixel != media.UYVY {
			t.Errorf("format %+v", f)
		}
		if p := st.s.Pixels(); !slices.Equal(p, []media.PixelFormat{media.UYVY}) {
			t.Errorf("pixels %v: the bus brings one format only", p)
		}
		if bridge.set != hd50 || bridge.edids != 1 {
			t.Errorf("timings %v, EDID written %d times", bridge.set, bridge.edids)
		}
		st.run(layout(media.UYVY, 1280, 720))
		st.shoot(node, 5)
		st.wantFrames(5)
		st.wantStatus(capture.ZeroCopy, "", 0)
		bridge.tell(func() { bridge.queryErr = v4l2.ErrNoSignal })
		st.wantEnd(capture.SignalNone, "")
	})
}

func TestSensorsBehindAMediaController(t *testing.T) {
	for _, c := range []struct {
		name  string
		cfg   Config
		edit  func(m *fakeMedia, subs map[string]*hardware)
		words string
	}{
		{"raw Bayer", Config{Quirks: always(Quirks{Bridge: "imx219"})}, nil, "imx219 (platform:fe801000.csi) gives raw Bayer samples, which need an image signal processor"},
		{"bridge of another name", Config{Quirks: always(Quirks{Bridge: "adv7604"})}, nil, `no bridge called "adv7604" leads to /dev/video0; there is imx219 10-0010, tc358743 10-000f`},
		{"nothing linked", Config{}, func(m *fakeMedia, _ map[string]*hardware) { m.topo.Links = m.topo.Links[:4] }, "nothing is linked to /dev/video0"},
		{"not in the graph", Config{}, func(m *fakeMedia, _ map[string]*hardware) { m.topo.Interfaces[0].Minor = 7 }, "/dev/video0 needs a media controller, but is in none"},
		{"receiver of another format", Config{}, func(_ *fakeMedia, subs map[string]*hardware) {
			subs["/dev/v4l-subdev30"].codes = []v4l2.BusCode{v4l2.BusYUYV}
		}, "tc358743 10-000f sends 1280x720, format 0x200f, which csi2 does not take"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, node, subs := board()
			if c.edit != nil {
				c.edit(m, subs)
			}
			tale(t, c.cfg, node, func(st *story) {
				st.k.addBoard(m, subs)
				for path := range subs {
					subs[path].k = st.k
				}
				err := st.open()
				if err == nil {
					t.Fatal("opened")
				}
				wantWords(t, err, c.words)
			})
		})
	}
}
