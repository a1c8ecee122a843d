//go:build box

package gpiokeys

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/board/panel"
)

// Lines of the kernel's gpio-sim. lab/hardware/panel runs these tests in the virtual box.

// simulated is a chip of gpio-sim's.
type simulated struct {
	t      *testing.T
	path   string   // in /dev
	pulls  string   // pattern of the files that pull a line up or down
	made   []string // folders of configfs
	config string
}

func simulate(t *testing.T, names ...string) *simulated {
	t.Helper()
	const configfs = "/sys/kernel/config"
	if _, err := os.Stat(configfs + "/gpio-sim"); err != nil {
		if err := unix.Mount("none", configfs, "configfs", 0, ""); err != nil {
			t.Fatalf("mount %s: %v", configfs, err)
		}
	}
	s := &simulated{t: t, config: configfs + "/gpio-sim/keys"}
	s.folder("")
	s.folder("bank0")
	s.write("bank0/num_lines", strconv.Itoa(len(names)))
	for i, name := range names {
		line := "bank0/line" + strconv.Itoa(i)
		s.folder(line)
		s.write(line+"/name", name)
	}
	s.write("live", "1")
	t.Cleanup(func() {
		s.unplug()
		for len(s.made) > 0 {
			last := len(s.made) - 1
			if err := os.Remove(s.made[last]); err != nil {
				t.Error(err)
			}
			s.made = s.made[:last]
		}
	})
	chip := s.read("bank0/chip_name")
	s.path = "/dev/" + chip
	s.pulls = filepath.Join("/sys/devices/platform", s.read("dev_name"), chip, "sim_gpio")
	return s
}

// unplug takes the chip away. Doing it twice is harmless.
func (s *simulated) unplug() {
	s.t.Helper()
	if s.read("live") == "1" {
		s.write("live", "0")
	}
}

func (s *simulated) folder(name string) {
	s.t.Helper()
	dir := filepath.Join(s.config, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	s.made = append(s.made, dir)
}

func (s *simulated) write(file, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.config, file), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *simulated) read(file string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.config, file))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// pull makes a line "up" or "down".
func (s *simulated) pull(line int, where string) {
	s.t.Helper()
	if err := os.WriteFile(s.pulls+strconv.Itoa(line)+"/pull", []byte("pull-"+where), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// A key to ground, by its line's name, and one to the supply, by its offset.
var simulatedKeys = []Line{{Line: "PANEL_OK", Key: panel.OK}, {Line: "1", Key: panel.Up, ActiveHigh: true}}

// listen runs k until the test ends, and is asked for the events one by one.
func listen(t *testing.T, k *Keys) (next func() panel.Event, ended <-chan error) {
	t.Helper()
	events, end := make(chan panel.Event, 16), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		end <- k.Run(ctx, func(e panel.Event) { events <- e })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return func() panel.Event {
		t.Helper()
		select {
		case e := <-events:
			return e
		case <-time.After(30 * time.Second):
			t.Fatal("no event came")
			return panel.Event{}
		}
	}, end
}

func TestBoxPresses(t *testing.T) {
	s := simulate(t, "PANEL_OK", "PANEL_UP")
	k, err := Open(s.path, simulatedKeys)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if k.quiet != 0 {
		t.Error("this kernel debounces, and the driver does it too")
	}
	next, ended := listen(t, k)
	for range 3 {
		for _, step := range []struct {
			line  int
			where string
			key   panel.Key
			down  bool
		}{{0, "down", panel.OK, true}, {1, "up", panel.Up, true}, {0, "up", panel.OK, false}, {1, "down", panel.Up, false}} {
			before := time.Now()
			s.pull(step.line, step.where)
			e := next()
			if e.Key != step.key || e.Down != step.down || e.At.Before(before) || e.At.After(time.Now()) {
				t.Errorf("line %d was pulled %s at %v: %+v", step.line, step.where, before, e)
			}
		}
	}
	select {
	case err := <-ended:
		t.Errorf("it ended: %v", err)
	default:
	}
}

func TestBoxHeldFromBefore(t *testing.T) {
	s := simulate(t, "PANEL_OK", "PANEL_UP")
	k, err := Open(s.path, simulatedKeys)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	s.pull(0, "down")
	next, _ := listen(t, k)
	if e := next(); e.Key != panel.OK || !e.Down {
		t.Errorf("held when it began: %+v", e)
	}
	s.pull(0, "up")
	if e := next(); e.Key != panel.OK || e.Down {
		t.Errorf("let go: %+v", e)
	}
}

func TestBoxTakenLines(t *testing.T) {
	s := simulate(t, "PANEL_OK", "PANEL_UP")
	k, err := Open(s.path, simulatedKeys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.path, simulatedKeys[:1]); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("lines that are taken: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if k, err = Open(s.path, simulatedKeys); err != nil {
		t.Fatalf("lines that were given free: %v", err)
	}
	defer k.Close()
	if _, err := Open(s.path, []Line{{Line: "PANEL_BACK", Key: panel.Back}}); err == nil || !strings.Contains(err.Error(), `no line named "PANEL_BACK"`) {
		t.Errorf("a name that no line has: %v", err)
	}
}

// A chip that is pulled out, as a USB adapter's is, ends Run.
func TestBoxChipGone(t *testing.T) {
	s := simulate(t, "PANEL_OK", "PANEL_UP")
	k, err := Open(s.path, simulatedKeys)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	next, ended := listen(t, k)
	s.pull(0, "down")
	if e := next(); !e.Down {
		t.Fatalf("%+v", e)
	}
	s.unplug()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a chip that is gone is no error")
		}
	case <-time.After(30 * time.Second):
		t.Error("it still listens to a chip that is gone")
	}
}
