package sysfsleds

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// led makes a light as sysfs shows it: a link to a device's folder.
func led(t *testing.T, files map[string]string) (root string) {
	root = t.TempDir()
	dir := filepath.Join(root, "sys/devices/leds/ACT")
	class := filepath.Join(root, "sys/class/leds")
	for _, d := range []string{dir, class} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../../devices/leds/ACT", filepath.Join(class, "ACT")); err != nil {
		t.Fatal(err)
	}
	return root
}

// is tells what the file begins with: a file keeps its end where sysfs would not.
func is(t *testing.T, root, file, want string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "sys/class/leds/ACT", file))
	if err != nil || !strings.HasPrefix(string(text), want) {
		t.Errorf("%s is %q, want %q (%v)", file, text, want, err)
	}
}

func TestLight(t *testing.T) {
	root := led(t, map[string]string{"max_brightness": "255\n", "brightness": "", "trigger": "none kbd-scrolllock [mmc0] timer\n"})
	l, err := Open(root, "ACT")
	if err != nil {
		t.Fatal(err)
	}
	is(t, root, "trigger", "none")
	is(t, root, "brightness", "0")
	for _, c := range []struct {
		set  float64
		want string
	}{{1, "255"}, {0.5, "128"}, {2, "255"}, {-1, "0"}, {1, "255"}, {math.NaN(), "0"}, {math.Inf(1), "255"}} {
		if err := l.Set(c.set); err != nil {
			t.Error(err)
		}
		is(t, root, "brightness", c.want)
	}
	// The same again writes nothing.
	path := filepath.Join(root, "sys/class/leds/ACT/brightness")
	if err := os.WriteFile(path, []byte("untouched"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := l.Set(1); err != nil {
		t.Error(err)
	}
	is(t, root, "brightness", "untouched")
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	is(t, root, "brightness", "0")
	is(t, root, "trigger", "mmc0")
}

func TestOnOrOffOnly(t *testing.T) {
	root := led(t, map[string]string{"max_brightness": "1\n", "brightness": "1\n"}) // and no triggers
	l, err := Open(root, "ACT")
	if err != nil {
		t.Fatal(err)
	}
	for set, want := range map[float64]string{0.4: "0", 0.6: "1"} {
		if err := l.Set(set); err != nil {
			t.Error(err)
		}
		is(t, root, "brightness", want)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestBroken(t *testing.T) {
	good := map[string]string{"max_brightness": "255\n", "brightness": "0\n", "trigger": "[none]\n"}
	for name, c := range map[string]struct {
		light string
		files map[string]string
		want  string
	}{
		"missing":        {"PWR", good, "no light PWR"},
		"outside":        {"../../etc", good, "no name of a light"},
		"empty":          {"", good, "no name of a light"},
		"odd":            {"ACT", map[string]string{"max_brightness": "lots"}, "max_brightness"},
		"zero":           {"ACT", map[string]string{"max_brightness": "0"}, "max_brightness"},
		"no brightness":  {"ACT", map[string]string{"max_brightness": "1"}, "set ACT"},
		"write a folder": {"ACT", map[string]string{"max_brightness": "1", "trigger": "[none]"}, "set ACT"},
	} {
		if _, err := Open(led(t, c.files), c.light); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(t.TempDir(), "ACT"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestGoneAndBack(t *testing.T) {
	root := led(t, map[string]string{"max_brightness": "1\n", "brightness": "0\n"})
	l, err := Open(root, "ACT")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "sys/class/leds/ACT/brightness")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Set(1); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := l.Set(1); err != nil {
		t.Error(err)
	}
	is(t, root, "brightness", "1")
}

func TestReadOnly(t *testing.T) {
	root := led(t, map[string]string{"max_brightness": "1\n", "brightness": "0\n"})
	if err := os.Chmod(filepath.Join(root, "sys/devices/leds/ACT/brightness"), 0o444); err != nil {
		t.Fatal(err)
	}
	asNobody(t, root)
	if _, err := Open(root, "ACT"); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "udev") {
		t.Error(err)
	}
}

// asNobody has the test's goroutine use files as nobody does, where it is root's, which may
// write everything.
func asNobody(t *testing.T, root string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil { // nobody gets there at all
		t.Fatal(err)
	}
	runtime.LockOSThread() // and is not unlocked: the thread ends with the goroutine
	const nobody = 65534
	if err := unix.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Setfsuid(0) })
	if _, err := os.ReadFile(filepath.Join(root, "sys/class/leds/ACT/max_brightness")); err != nil {
		t.Fatal(err)
	}
}
