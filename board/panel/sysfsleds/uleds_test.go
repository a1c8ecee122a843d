//go:build box

package sysfsleds

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"
)

// Lights of the kernel's uleds. lab/hardware/panel runs these tests in the virtual box.

// light makes one; its file tells each brightness that comes to it (Documentation/leds/uleds.rst).
func light(t *testing.T, name string, brightest int32) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/uleds", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	device := make([]byte, 64+4)
	copy(device, name)
	binary.NativeEndian.PutUint32(device[64:], uint32(brightest))
	if _, err := f.Write(device); err != nil {
		t.Fatalf("make a light: %v", err)
	}
	return f
}

// comes reads until the light is so bright.
func comes(t *testing.T, f *os.File, want int32) {
	t.Helper()
	if err := f.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	for {
		if _, err := f.Read(got); err != nil {
			t.Fatalf("wait for brightness %d: %v", want, err)
		}
		if int32(binary.NativeEndian.Uint32(got)) == want {
			return
		}
	}
}

func TestBoxLight(t *testing.T) {
	f := light(t, "test:green:status", 255)
	l, err := Open("/", "test:green:status")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		level float64
		want  int32
	}{{1, 255}, {0.4, 102}, {0, 0}, {2, 255}} {
		if err := l.Set(step.level); err != nil {
			t.Error(err)
		}
		comes(t, f, step.want)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	comes(t, f, 0)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Set(1); err == nil {
		t.Error("a light that is gone can be set")
	}
}

// What a light did before is what it does again.
func TestBoxTrigger(t *testing.T) {
	light(t, "test:blue:status", 1)
	const trigger = "/sys/class/leds/test:blue:status/trigger"
	if err := os.WriteFile(trigger, []byte("heartbeat"), 0o644); err != nil {
		t.Fatal(err)
	}
	active := func() string {
		text, err := os.ReadFile(trigger)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "[")
		name, _, _ := strings.Cut(rest, "]")
		return name
	}
	l, err := Open("/", "test:blue:status")
	if err != nil {
		t.Fatal(err)
	}
	if active() != "none" {
		t.Errorf("the trigger of a light that is taken: %s", active())
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if active() != "heartbeat" {
		t.Errorf("the trigger of a light that was given back: %s", active())
	}
}
