//go:build box

package v4l2

import (
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func boxMedia(t *testing.T, variable string) *MediaDevice {
	t.Helper()
	m, err := OpenMedia(os.Getenv(variable))
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestBoxMedia: the encoder's graph, whose links cannot be changed.
func TestBoxMedia(t *testing.T) {
	m, d := boxMedia(t, "V4L2_MEDIA"), boxDevice(t, "V4L2_ENCODER")
	if info, err := m.Info(); err != nil || info.Model != "vh264" || info.Version[0] < 5 {
		t.Errorf("%+v, %v", info, err)
	}
	g := value(m.Topology())(t)
	i := slices.IndexFunc(g.Entities, func(e Entity) bool { return e.Function == FuncIOV4L })
	if i < 0 {
		t.Fatalf("no end of a video node in %+v", g.Entities)
	}
	node, ok := g.InterfaceOf(g.Entities[i].ID)
	if path, err := DevNode(os.DirFS("/sys"), "/dev", node.Major, node.Minor); !ok || node.Type != InterfaceVideo || err != nil || path != d.Path() {
		t.Errorf("interface %+v (%v) is %s, %v, want %s", node, ok, path, err, d.Path())
	}
	data := 0
	for _, l := range g.Links {
		if !l.Flags.IsData() {
			continue
		}
		data++
		must(t, m.SetupLink(&g, l, true)) // as it is
		if err := m.SetupLink(&g, l, false); !errors.Is(err, unix.EINVAL) {
			t.Errorf("link %+v is disabled: %v", l, err)
		}
	}
	if data != 2 {
		t.Errorf("%d data links, want one to the encoder and one from it: %+v", data, g.Links)
	}
}

// TestVimc: a pipeline of subdevices, as a bridge behind CSI is one. vimc, the
// virtual media controller, has sensors.
func TestVimc(t *testing.T) {
	m := boxMedia(t, "V4L2_VIMC")
	if info, err := m.Info(); err != nil || info.Driver != "vimc" || info.Version[0] < 5 {
		t.Errorf("%+v, %v", info, err)
	}
	g := value(m.Topology())(t)
	entity := func(name string) Entity {
		t.Helper()
		i := slices.IndexFunc(g.Entities, func(e Entity) bool { return e.Name == name })
		if i < 0 {
			t.Fatalf("no %s in %+v", name, g.Entities)
		}
		return g.Entities[i]
	}
	sensor := entity("Sensor A")
	if sensor.Function != FuncSensor {
		t.Errorf("%+v is no sensor", sensor)
	}
	node, ok := g.InterfaceOf(sensor.ID)
	if !ok || node.Type != InterfaceSubdev {
		t.Fatalf("the sensor's node: %+v, %v", node, ok)
	}
	boxSubdev(t, value(DevNode(os.DirFS("/sys"), "/dev", node.Major, node.Minor))(t))
	video, ok := g.InterfaceOf(entity("RGB/YUV Capture").ID)
	if !ok || video.Type != InterfaceVideo {
		t.Errorf("the capture's node: %+v, %v", video, ok)
	}
	boxLinks(t, m, &g, entity("RGB/YUV Input").ID, entity("Scaler").ID)
}

// boxLinks switches the link between two entities over and back.
func boxLinks(t *testing.T, m *MediaDevice, g *Topology, from, to uint32) {
	t.Helper()
	for _, l := range g.Links {
		source, ok1 := g.PadByID(l.Source)
		sink, ok2 := g.PadByID(l.Sink)
		if !l.Flags.IsData() || !ok1 || !ok2 || source.Entity != from || sink.Entity != to {
			continue
		}
		was := l.Flags&LinkEnabled != 0
		must(t, m.SetupLink(g, l, !was))
		after := value(m.Topology())(t)
		i := slices.IndexFunc(after.Links, func(a Link) bool { return a.ID == l.ID })
		if now := after.Links[i].Flags&LinkEnabled != 0; now == was {
			t.Errorf("link %+v is still %v", l, was)
		}
		must(t, m.SetupLink(&after, after.Links[i], was))
		return
	}
	t.Fatalf("no link from %d to %d in %+v", from, to, g.Links)
}

func boxSubdev(t *testing.T, path string) {
	t.Helper()
	s := value(OpenSubdev(path))(t)
	defer s.Close()
	codes := value(s.BusCodes(0))(t)
	if !slices.Contains(codes, BusRGB888) {
		t.Fatalf("codes %#x", codes)
	}
	sizes := value(s.FrameSizes(0, BusRGB888))(t)
	if len(sizes) == 0 || sizes[0].MaxWidth < 640 {
		t.Errorf("sizes %+v", sizes)
	}
	want := BusFormat{Width: 320, Height: 240, Code: BusRGB888, Field: FieldNone}
	got := value(s.SetFormat(0, want))(t)
	if now, err := s.Format(0); err != nil || got.Width != 320 || got.Height != 240 || got.Code != BusRGB888 || now != got {
		t.Errorf("set to %+v, got %+v, is %+v, %v", want, got, now, err)
	}
	if list := value(s.Controls())(t); len(list) == 0 {
		t.Error("a sensor without controls")
	}
	if _, err := s.FrameRate(0); !errors.Is(err, ErrNoFrameRate) {
		t.Errorf("the virtual sensor has a rate now, %v: test it", err)
	}
}
