package box_test

import (
	"testing"

	"github.com/encoderbox/encoderbox/lab/box"
)

func TestHardwareAppearsOnlyWhenLoaded(t *testing.T) {
	b := box.Start(t, box.Options{})
	if out := b.Must("sh", "-c", "ls /dev/video* 2>/dev/null; true"); out != "" {
		t.Errorf("video devices before any was loaded:\n%s", out)
	}
	b.LoadModule("vivid", "n_devs=1")
	b.Must("test", "-c", "/dev/video0")
	b.LoadModule("vicodec")
	b.Must("v4l2-ctl", "--list-devices")
}
