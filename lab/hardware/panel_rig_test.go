package hardware

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/board/panel/serialpanel/paneltest"
	"github.com/encoderbox/encoderbox/lab/box"
)

// plugged is the panelPort of a daemon whose box has a front.
const plugged = "[board]\npanel_port = \"/dev/ttyS0\"\n"

// The lamps that the model of the virtual box names.
const (
	red, green, blue = "virtual:red:status", "virtual:green:status", "virtual:blue:status"
	live             = "virtual:white:live"
)

// front is a box's front panel: keys and lamps are the kernel's devices, and a screen of 20x4
// characters hangs on its serial port.
type front struct {
	*paneltest.Panel
	t    *testing.T
	box  *box.Box
	keys io.Writer // of the program devices

	mu    sync.Mutex // guards the fields below
	ready bool
	lamps map[string][]change
	seen  []picture
}

// change is a lamp's brightness, and when this machine heard of it.
type change struct {
	level int
	at    time.Time
}

// picture is what the screen showed at a time.
type picture struct {
	text string
	at   time.Time
}

// plugFront gives a box, which has Options.Serial, a front panel.
func plugFront(t *testing.T, b *box.Box) *front {
	t.Helper()
	for _, module := range []string{"evdev", "uinput", "uleds"} {
		b.LoadModule(module)
	}
	f := &front{t: t, box: b, lamps: map[string][]change{}}
	f.Panel = paneltest.New(f, "name=Test text=20x4")
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var runs sync.WaitGroup
	runs.Go(func() { _ = f.Run(ctx) }) // until the port is closed

	in, keys := io.Pipe()
	out, said := io.Pipe()
	f.keys = keys
	devices := b.Command(b.Shared("lab/hardware/panel/devices"), "encoderbox panel",
		"KEY_UP,KEY_DOWN,KEY_ENTER,KEY_ESC,KEY_PLAY,KEY_RECORD", red, green, blue, live)
	devices.Stdin, devices.Stdout, devices.Stderr = in, said, box.LogTo(t, "devices: ")
	if err := devices.Start(ctx); err != nil {
		t.Fatal(err)
	}
	runs.Go(func() { f.listen(out) })
	t.Cleanup(func() {
		if t.Failed() {
			f.told()
		}
		_ = keys.Close()
		if err := devices.Wait(); err != nil {
			t.Errorf("the panel's devices: %v", err)
		}
		_ = said.Close()
		stop()
		_ = b.Serial().Close()
		runs.Wait()
	})
	f.until("keys and lamps", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.ready })
	return f
}

// Read is the serial port's; what the screen shows is noted as it comes.
func (f *front) Read(b []byte) (int, error) {
	f.note()
	return f.box.Serial().Read(b)
}

// Write is the serial port's.
func (f *front) Write(b []byte) (int, error) { return f.box.Serial().Write(b) }

// note keeps the picture that the lines before have made.
func (f *front) note() {
	text := strings.Join(f.Text(), "\n")
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.seen); n == 0 || f.seen[n-1].text != text {
		f.seen = append(f.seen, picture{text, time.Now()})
	}
}

// listen hears what the lamps do.
func (f *front) listen(said io.Reader) {
	for lines := bufio.NewScanner(said); lines.Scan(); {
		name, level, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(level)
		f.mu.Lock()
		if lines.Text() == "ready" {
			f.ready = true
		} else if err == nil {
			f.lamps[name] = append(f.lamps[name], change{n, time.Now()})
		}
		f.mu.Unlock()
	}
}

// until waits until something is so.
func (f *front) until(what string, is func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: not within %v; the screen shows\n%s", what, patience, strings.Join(f.Text(), "\n"))
		}
	}
}

// told puts into the log what the screen has shown last.
func (f *front) told() {
	f.note()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.seen[max(0, len(f.seen)-20):] {
		f.t.Logf("%s the screen showed %q", p.at.Format("15:04:05.000"), p.text)
	}
}

// shows says whether each of the texts is on the screen.
func (f *front) shows(texts ...string) bool {
	all := strings.Join(f.Text(), "\n")
	return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(all, text) })
}

// see waits until all of the texts are on the screen.
func (f *front) see(texts ...string) {
	f.t.Helper()
	f.until(fmt.Sprintf("%q on the screen", texts), func() bool { return f.shows(texts...) })
}

// key has a key of the keyboard go down, or up.
func (f *front) key(name string, down bool) {
	f.t.Helper()
	f.tell(map[bool]string{true: "down", false: "up"}[down], name)
}

func (f *front) tell(word, key string) {
	f.t.Helper()
	if _, err := fmt.Fprintln(f.keys, word, key); err != nil {
		f.t.Fatal(err)
	}
}

// press presses a key shortly.
func (f *front) press(key string) {
	f.t.Helper()
	f.tell("press", key)
}

// hold holds a key until all of the texts are on the screen.
func (f *front) hold(key string, texts ...string) {
	f.t.Helper()
	f.key(key, true)
	f.see(texts...)
	f.key(key, false)
}

// since are a lamp's changes after a time, and what it was before.
func (f *front) since(lamp string, t time.Time) (before int, list []change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.lamps[lamp] {
		if c.at.After(t) {
			list = append(list, c)
		} else {
			before = c.level
		}
	}
	return before, list
}

// level is how bright a lamp is, and since when.
func (f *front) level(lamp string) change {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.lamps[lamp]); n > 0 {
		return f.lamps[lamp][n-1]
	}
	return change{}
}
