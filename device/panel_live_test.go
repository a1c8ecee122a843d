package device

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	front "github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/panel"
	"github.com/encoderbox/encoderbox/device/status"
)

// fingers are keys and a screen of 20x4 that a test presses and reads, as a person does.
type fingers struct {
	keys  chan front.Event
	mu    sync.Mutex // guards the field below
	lines []string
}

func (f *fingers) Run(ctx context.Context, deliver func(front.Event)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-f.keys:
			e.At = time.Now()
			deliver(e)
		}
	}
}

func (f *fingers) Close() error     { return nil }
func (f *fingers) Size() front.Size { return front.Size{Columns: 20, Rows: 4} }

func (f *fingers) Show(p front.Picture) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = p.Lines
	return nil
}

func (f *fingers) screen() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(strings.Fields(strings.Join(f.lines, " ")), " ") // as it is broken into lines
}

// press holds a key for so long.
func (f *fingers) press(key front.Key, during time.Duration) {
	f.keys <- front.Event{Key: key, Down: true}
	time.Sleep(during)
	f.keys <- front.Event{Key: key}
	time.Sleep(50 * time.Millisecond)
}

// reads waits until the screen says something.
func (f *fingers) reads(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(f.screen(), text) }, 20*time.Second, 20*time.Millisecond,
		"the screen should say %q", text)
}

// choose goes down to a line of the menu, and presses OK.
func (f *fingers) choose(t *testing.T, label string) {
	t.Helper()
	for range 40 {
		if strings.Contains(f.screen(), ">"+label) {
			f.press(front.OK, 60*time.Millisecond)
			return
		}
		before := f.screen()
		f.press(front.Down, 60*time.Millisecond)
		require.Eventually(t, func() bool { return f.screen() != before }, 10*time.Second, 10*time.Millisecond)
	}
	require.Fail(t, "not in the menu", "%s\n%s", label, f.screen())
}

// panelBox is a box as it comes, with one preset of its maker's that sends to addr, and
// nothing but a front panel.
func panelBox(t *testing.T, addr string) (*box, *fingers) {
	t.Helper()
	dir := t.TempDir()
	makers := filepath.Join(dir, "makers")
	require.NoError(t, os.Mkdir(makers, 0o755))
	preset := strings.Replace(churchPreset, "rtmp://d.example", "rtmp://"+addr, 1)
	require.NoError(t, os.WriteFile(filepath.Join(makers, "church.toml"), []byte(preset), 0o644))
	file := filepath.Join(dir, "encoderd.toml")
	bench := fmt.Sprintf("[http]\nlisten = \"127.0.0.1:0\"\n[storage]\nlive = %q\nstate = %q\n", filepath.Join(dir, "live"), filepath.Join(dir, "state"))
	require.NoError(t, os.WriteFile(file, []byte(factoryDefault+bench), 0o600))
	cfg, err := loadConfig(file)
	require.NoError(t, err)
	d := newBox(Options{ConfigFile: file, Version: "v9", Stdout: io.Discard, Stderr: io.Discard}, cfg)
	d.system.presets = makers
	d.presets.Store = d.presetStore()
	d.tellPresets()

	f := &fingers{keys: make(chan front.Event)}
	p := panel.New(panel.Config{Table: d.table, Status: d.store, Signs: d.signs, Hardware: panel.Hardware{
		Keys:   func(context.Context) (front.Keys, error) { return f, nil },
		Screen: func(context.Context) (front.Screen, error) { return f, nil },
	}})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { p.Run(ctx) })
	ended := make(chan error, 1)
	all.Go(func() { ended <- d.loop(ctx, nil) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
		require.NoError(t, <-ended)
	})
	return d, f
}

// Who has nothing but the keys of a box as it comes goes live: the preset is chosen, and
// nothing is sent before Go on air is held.
func TestOnTheAirWithThePanelAlone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	connected := make(chan struct{})
	var server sync.WaitGroup
	server.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		close(connected)
		_, _ = io.Copy(io.Discard, conn) // a receiver that never answers
		_ = conn.Close()
	})
	d, f := panelBox(t, l.Addr().String())
	t.Cleanup(func() {
		require.NoError(t, l.Close())
	})

	f.reads(t, "OFF AIR")
	f.press(front.OK, time.Second)
	f.choose(t, "Presets")
	f.reads(t, ">church")
	f.choose(t, "church")
	f.choose(t, "Apply")
	f.reads(t, "Hold OK")
	f.press(front.OK, 1800*time.Millisecond)
	f.reads(t, "church is applied")
	require.Eventually(t, func() bool { return len(d.store.Load().Streams[0].Destinations) == 1 }, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, status.Disabled, d.store.Load().Streams[0].Destinations[0].State, "it is off the air still")
	require.Equal(t, "preset church was chosen", d.store.Load().Streams[0].OffAir)
	select {
	case <-connected:
		require.Fail(t, "somebody went live by choosing a preset")
	default:
	}

	f.press(front.OK, 60*time.Millisecond) // read
	for range 4 {                          // and out of the menus
		if strings.Contains(f.screen(), ">Go on air") {
			break
		}
		f.press(front.OK, time.Second)
	}
	f.choose(t, "Go on air")
	f.reads(t, "Hold OK")
	f.press(front.OK, 1800*time.Millisecond)
	f.reads(t, "main is on the air")
	<-connected
	require.Eventually(t, func() bool {
		return d.store.Load().Streams[0].Destinations[0].State == status.Connecting
	}, 20*time.Second, 20*time.Millisecond)
	require.Empty(t, d.store.Load().Streams[0].OffAir)
	cfg, err := loadConfig(d.opts.ConfigFile)
	require.NoError(t, err)
	require.Equal(t, []string{"church"}, cfg.Streams["main"].DestinationNames(), "also after a restart")
}
