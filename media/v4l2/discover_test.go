package v4l2

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

// sysfs of a box with a USB grabber (two nodes), a bridge and an encoder.
func sysfs() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	link := func(to string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink} }
	m := fstest.MapFS{
		"devices/platform/soc/usb1/1-1/1-1.4/idVendor":  file("534d\n"),
		"devices/platform/soc/usb1/1-1/1-1.4/idProduct": file("2109\n"),
		"devices/platform/soc/usb1/1-1/1-1.4/serial":    file("20210623\n"),
		"devices/platform/soc/usb1/1-1/idVendor":        file("1a40\n"), // a hub
		"class/video4linux/v4l-subdev0/name":            file("tc358743 10-000f\n"),
		"dev/char/81:9/uevent":                          file("MAJOR=81\nMINOR=9\nDEVNAME=v4l-subdev0\n"),
		"dev/char/81:8/uevent":                          file("DEVNAME=../../etc/passwd\n"),
	}
	for name, at := range map[string]string{
		"video0":  "platform/soc/usb1/1-1/1-1.4/1-1.4:1.0",
		"video1":  "platform/soc/usb1/1-1/1-1.4/1-1.4:1.0",
		"video2":  "platform/soc/fe801000.csi",
		"video11": "platform/bcm2835-codec",
	} {
		dir := "devices/" + at + "/video4linux/" + name
		m[dir+"/name"] = file("name of " + name + "\n")
		m[dir+"/uevent"] = file("MAJOR=81\nMINOR=0\nDEVNAME=" + name + "\n")
		m[dir+"/device"] = link("../../../" + at[strings.LastIndexByte(at, '/')+1:])
		m["class/video4linux/"+name] = link("../../" + dir)
	}
	return m
}

func TestNodes(t *testing.T) {
	list, err := nodes(sysfs(), "/dev", func(p string) (Info, error) {
		if p == "/dev/video1" {
			return Info{}, unix.EBUSY
		}
		return Info{Card: p}, nil
	})
	grabber := &USBID{Path: "1-1.4", Vendor: "534d", Product: "2109", Serial: "20210623"}
	want := []Node{
		{"/dev/video0", "name of video0", Info{Card: "/dev/video0"}, "devices/platform/soc/usb1/1-1/1-1.4/1-1.4:1.0", grabber},
		{"/dev/video2", "name of video2", Info{Card: "/dev/video2"}, "devices/platform/soc/fe801000.csi", nil},
		{"/dev/video11", "name of video11", Info{Card: "/dev/video11"}, "devices/platform/bcm2835-codec", nil},
	}
	if err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("%+v, %v, want %+v", list, err, want)
	}
}

func TestNodesWhenThereAreNone(t *testing.T) {
	if list, err := nodes(fstest.MapFS{}, "/dev", nil); err != nil || list != nil {
		t.Errorf("%v, %v without a driver", list, err)
	}
	_, err := nodes(sysfs(), "/dev", func(string) (Info, error) { return Info{}, os.ErrPermission })
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v when no node may be opened", err)
	}
}

func TestDevNode(t *testing.T) {
	if p, err := DevNode(sysfs(), "/dev", 81, 9); err != nil || p != "/dev/v4l-subdev0" {
		t.Errorf("%s, %v", p, err)
	}
	for _, minor := range []uint32{7, 8} {
		if p, err := DevNode(sysfs(), "/dev", 81, minor); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("81:%d is %s, %v", minor, p, err)
		}
	}
}

func TestOpenTellsWhatIsWrong(t *testing.T) {
	if _, err := Open(t.TempDir() + "/video0"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "v4l2: open ") {
		t.Errorf("%v of a node that is not there", err)
	}
	if _, err := Open(os.DevNull); !errors.Is(err, unix.ENOTTY) || !strings.Contains(err.Error(), "query capabilities on /dev/null") {
		t.Errorf("%v of a node that is no video device", err)
	}
}

func TestInfo(t *testing.T) {
	for _, c := range []struct {
		name            string
		caps            Caps
		capture         BufType
		output, results BufType
	}{
		{"a grabber", CapVideoCapture | CapStreaming, VideoCapture, 0, 0},
		{"a bridge behind the media controller", CapVideoCaptureMplane | CapStreaming | CapIOMC, VideoCaptureMplane, 0, 0},
		{"its metadata node", CapMetaCapture | CapStreaming, 0, 0, 0},
		{"a device that only reads", CapVideoCapture | CapReadWrite, 0, 0, 0},
		{"an encoder", CapVideoM2M | CapStreaming, 0, VideoOutput, VideoCapture},
		{"a multi-planar encoder", CapVideoM2MMplane | CapStreaming, 0, VideoOutputMplane, VideoCaptureMplane},
		{"an old driver of one", CapVideoCaptureMplane | CapVideoOutputMplane | CapStreaming, 0, VideoOutputMplane, VideoCaptureMplane},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := Info{Caps: c.caps}
			if got, ok := i.CaptureType(); got != c.capture || ok != (c.capture != 0) {
				t.Errorf("captures as %v (%v), want %v", got, ok, c.capture)
			}
			if out, in, ok := i.M2M(); out != c.output || in != c.results || ok != (c.output != 0) {
				t.Errorf("processes %v to %v (%v), want %v to %v", out, in, ok, c.output, c.results)
			}
		})
	}
}
