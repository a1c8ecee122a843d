package device

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// keptFolder is where a bench keeps its presets.
func (b *bench) keptFolder() string {
	return filepath.Join(filepath.Dir(b.opts.ConfigFile), "state", "presets")
}

const churchPreset = `# Sunday service
[streams.main.video]
bitrate = "1M"

[streams.main.destinations.church]
url = "rtmp://d.example/app/church-key-77"
`

// put puts a file where presets are kept, as somebody with a shell does.
func (b *bench) put(t *testing.T, name, doc string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(b.keptFolder(), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(b.keptFolder(), name+".toml"), []byte(doc), 0o600))
	b.tellPresets()
}

// stateOf is what the status says of a preset.
func (b *bench) stateOf(name string) status.Preset {
	for _, p := range b.store.Load().Presets {
		if p.Name == name {
			return p
		}
	}
	return status.Preset{}
}

func TestAPresetIsSavedAppliedAndUndone(t *testing.T) {
	b := newBench(t)
	before := b.keeper.Running()
	r, err := b.do(t.Context(), root, "preset save studio Two platforms")
	require.NoError(t, err)
	require.Equal(t, "preset studio is kept", r.Text)
	require.Equal(t, status.Preset{Name: "studio", Note: "Two platforms", State: status.PresetApplied}, b.stateOf("studio"))
	info, err := os.Stat(filepath.Join(b.keptFolder(), "studio.toml"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	b.put(t, "church", churchPreset)
	r, err = b.do(t.Context(), root, "preset show church")
	require.NoError(t, err)
	require.Contains(t, r.Text, "# Sunday service")
	require.Contains(t, r.Text, "***")
	require.NotContains(t, r.Text, "church-key-77")

	_, err = b.do(t.Context(), person, "preset apply church")
	require.NoError(t, err)
	now := b.keeper.Running()
	require.Equal(t, []string{"main"}, now.StreamNames(), "the others are gone")
	require.Equal(t, []string{"church"}, now.Streams["main"].DestinationNames())
	require.Equal(t, before.Storage, now.Storage)
	require.Equal(t, "rtmp://d.example/app/church-key-77", now.Streams["main"].Destinations["church"].URL.Reveal())
	saved, err := loadConfig(b.opts.ConfigFile)
	require.NoError(t, err)
	require.True(t, saved.Equal(now), "also after a restart")
	require.Equal(t, status.PresetApplied, b.stateOf("church").State)
	require.Empty(t, b.stateOf("studio").State)
	require.Empty(t, b.air.by("main"), "what was on the air stays there")

	_, err = b.do(t.Context(), root, "bitrate main 2M")
	require.NoError(t, err)
	require.Equal(t, status.PresetChanged, b.stateOf("church").State)
	r, err = b.do(t.Context(), person, "preset list")
	require.NoError(t, err)
	require.Equal(t, "* church            Sunday service (changed since)\n  studio            Two platforms", r.Text)

	for _, line := range []string{"config rollback 2", "config commit"} {
		_, err = b.do(t.Context(), root, line)
		require.NoError(t, err, line)
	}
	require.True(t, before.SameProgramme(b.keeper.Running()), "one version back from the preset")
	require.Equal(t, status.PresetApplied, b.stateOf("studio").State, "the box does what this one says again")
	require.NotContains(t, strings.Join(b.events(), "\n"), "church-key")
}

// Nobody goes on the air by choosing what to send.
func TestAPresetLeavesABoxOffTheAir(t *testing.T) {
	b := newBench(t)
	for _, line := range []string{"stream stop main", "stream stop second"} {
		_, err := b.do(t.Context(), root, line)
		require.NoError(t, err)
	}
	b.put(t, "church", strings.ReplaceAll(churchPreset, "streams.main", "streams.service"))
	words, _ := control.Words("preset apply church")
	ask, err := b.table.Read(words)
	require.NoError(t, err)
	r, err := b.table.Do(t.Context(), person, ask)
	require.NoError(t, err, "nothing to ask off the air")
	require.Equal(t, "preset church is applied, the box is off the air", r.Text)
	require.Equal(t, "preset church was chosen", b.air.by("service"))
	require.Equal(t, "preset church was chosen", openBench(t, b.opts.ConfigFile).air.by("service"), "also after a restart")
	_, err = b.do(t.Context(), person, "stream start service")
	require.NoError(t, err)

	b.put(t, "fair", strings.ReplaceAll(churchPreset, "streams.main", "streams.fair"))
	ask.Args["name"] = "fair"
	_, err = b.table.Do(t.Context(), person, ask)
	require.Equal(t, control.Confirm, code(err))
	require.Equal(t, "service is on the air: what fair changes is interrupted, and goes out changed. Apply it?", err.Error())
	ask.Confirmed = 1
	_, err = b.table.Do(t.Context(), person, ask)
	require.NoError(t, err)
	require.Empty(t, b.air.by("fair"), "it was asked")
}

func TestAPresetThatCannotBeAppliedChangesNothing(t *testing.T) {
	b := newBench(t)
	_, err := b.do(t.Context(), root, "stream stop main")
	require.NoError(t, err)
	_, err = b.do(t.Context(), root, "stream stop second")
	require.NoError(t, err)
	doc, err := os.ReadFile(b.opts.ConfigFile)
	require.NoError(t, err)
	before, stopped := b.keeper.Running(), b.air.stopped()
	b.put(t, "network", churchPreset+"[network]\nhostname = \"x\"\n")
	b.put(t, "disk", churchPreset+"[streams.main.recording]\nmode = \"always\"\n")
	b.put(t, "broken", "[streams\n")
	b.put(t, "huge", "#"+strings.Repeat("x", 70<<10))
	b.put(t, "Bad Name", churchPreset)
	for name, want := range map[string]string{
		"network": "network: is a setting of the box", "disk": "storage.path is empty", "broken": "broken.toml:1",
		"huge": "65536 bytes", "nobody": "there is no such preset", "../../encoderd": "no name of a preset",
	} {
		for _, verb := range []string{"preset apply ", "preset show ", "preset export "} {
			_, err := b.do(t.Context(), root, verb+name)
			require.Error(t, err, name)
			text := err.Error()
			var e *control.Error
			require.ErrorAs(t, err, &e)
			text += strings.Join(e.Problems, "\n")
			require.Contains(t, text, want, verb+name)
		}
		if b.stateOf(name).Name != "" {
			require.NotEmpty(t, b.stateOf(name).Error)
		}
	}
	require.Contains(t, b.stateOf("Bad Name").Error, "no name of a preset")
	require.NotContains(t, presetNames(b.store.Load(), nil), "Bad Name")
	require.Same(t, before, b.keeper.Running())
	require.Equal(t, stopped, b.air.stopped())
	now, err := os.ReadFile(b.opts.ConfigFile)
	require.NoError(t, err)
	require.Equal(t, string(doc), string(now))
}

// What cannot be made to run is undone, and the box waits no more for a start that
// nobody asked for.
func TestAPresetThatDoesNotRunIsUndone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "encoderd.toml")
	require.NoError(t, os.WriteFile(file, []byte("[storage]\nstate = \""+dir+"/state\"\nlive = \""+dir+"/live\"\n[streams.main]\n"), 0o600))
	cfg, err := loadConfig(file)
	require.NoError(t, err)
	b := &bench{box: newBox(Options{ConfigFile: file, Version: "v9", Stderr: os.Stderr}, cfg)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case done := <-b.applies:
				var err error
				if _, is := b.keeper.Running().Streams["main"].Destinations["church"]; is {
					err = os.ErrDeadlineExceeded
				}
				done <- err
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	b.put(t, "church", churchPreset)
	_, err = b.do(t.Context(), root, "preset apply church")
	require.ErrorContains(t, err, "the configuration before runs again")
	require.True(t, cfg.Equal(b.keeper.Running()))
	require.Empty(t, b.air.stopped())
	require.Empty(t, b.stateOf("church").State)
}

func TestPresetsComeFromAStickAndGo(t *testing.T) {
	b := newBench(t)
	stick := t.TempDir()
	b.system.root = stick
	write := func(name, doc string) string {
		file := filepath.Join(stick, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(doc), 0o600))
		return file
	}
	write("proc/mounts", "/dev/sda1 /media/MY\\040STICK vfat rw 0 0\n")
	church := write("media/MY STICK/presets/church.toml", churchPreset)
	write("media/MY STICK/presets/bad.toml", "[users]\n")
	b.lookAtMedia()
	require.Equal(t, []string{"bad", "church"}, b.store.Load().MediaPresets)

	r, err := b.do(t.Context(), root, "preset import church")
	require.NoError(t, err)
	require.Equal(t, "preset church is kept: apply it to use it", r.Text)
	kept, err := os.ReadFile(filepath.Join(b.keptFolder(), "church.toml"))
	require.NoError(t, err)
	require.Equal(t, churchPreset, string(kept))
	_, err = b.table.Do(t.Context(), root, control.Request{Command: "preset import", Args: map[string]string{"file": "church"}})
	require.Equal(t, control.Confirm, code(err), "it is there already")
	plain := write("plain.toml", churchPreset)
	_, err = b.do(t.Context(), root, "preset import "+plain+" sunday")
	require.NoError(t, err)
	require.Equal(t, "Sunday service", b.stateOf("sunday").Note)
	require.NoError(t, os.Symlink(church, filepath.Join(stick, "link.toml")))
	for line, want := range map[string]control.Code{
		"preset import bad": control.Usage, "preset import nobody": control.NotFound, "preset import relative/church.toml": control.NotFound,
		"preset import /nowhere/church.toml": control.Usage, "preset import /dev/zero x": control.Usage, "preset import church Öl": control.Usage,
		"preset import " + filepath.Join(stick, "link.toml"): control.Usage, "preset save Öl": control.Usage, "preset remove nobody": control.NotFound,
	} {
		_, err := b.do(t.Context(), root, line)
		require.Equal(t, want, code(err), "%s: %v", line, err)
	}
	r, err = b.do(t.Context(), root, "preset export church on")
	require.NoError(t, err)
	out, err := os.ReadFile(r.Data.(exported).Path)
	require.NoError(t, err)
	require.Equal(t, churchPreset, string(out))

	_, err = b.do(t.Context(), root, "preset apply church")
	require.NoError(t, err)
	running := b.keeper.Running()
	_, err = b.do(t.Context(), root, "preset remove church")
	require.NoError(t, err)
	require.Same(t, running, b.keeper.Running(), "what the box does stays")
	require.Equal(t, status.PresetApplied, b.stateOf("sunday").State, "the same by another name")
	_, err = b.do(t.Context(), person, "preset save mine")
	require.Equal(t, control.Forbidden, code(err))
}

// A stick is noticed when it is put in, and when it is pulled.
func TestMediaAreWatched(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "media/stick/presets"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "proc"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, "media/stick/presets/church.toml"), []byte(churchPreset), 0o600))
	mounts := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(root, "proc/mounts"), []byte(text), 0o600))
	}
	mounts("/dev/root / ext4 rw 0 0\n")
	synctest.Test(t, func(t *testing.T) {
		d := newBox(Options{Stderr: io.Discard}, &config.Config{})
		d.system.root = root
		ctx, cancel := context.WithCancel(t.Context())
		var watch sync.WaitGroup
		watch.Go(func() { d.watchMedia(ctx) })
		synctest.Wait()
		require.Empty(t, d.store.Load().MediaPresets)
		mounts("/dev/root / ext4 rw 0 0\n/dev/sda1 /media/stick vfat rw 0 0\n")
		time.Sleep(mediaEvery + time.Millisecond)
		synctest.Wait()
		require.Equal(t, []string{"church"}, d.store.Load().MediaPresets)
		mounts("/dev/root / ext4 rw 0 0\n")
		time.Sleep(mediaEvery + time.Millisecond)
		synctest.Wait()
		require.Empty(t, d.store.Load().MediaPresets)
		cancel()
		watch.Wait()
	})
}

func TestFactoryResetForgetsPresets(t *testing.T) {
	b := newBench(t)
	for _, line := range []string{"preset save studio", "preset export studio on", "system factory-reset"} {
		_, err := b.do(t.Context(), root, line)
		require.NoError(t, err, line)
	}
	require.Empty(t, b.store.Load().Presets)
	b.noSecretLeft(t, filepath.Dir(b.opts.ConfigFile))
}

// The maker's examples are valid on a box as it comes.
func TestExamplesOfPresets(t *testing.T) {
	files, err := filepath.Glob("../examples/presets/*.toml")
	require.NoError(t, err)
	require.Len(t, files, 2)
	box, err := config.Parse("", []byte(factoryDefault), rules())
	require.NoError(t, err)
	b := newBench(t)
	for _, file := range files {
		whole, err := filepath.Abs(file)
		require.NoError(t, err)
		_, err = b.do(t.Context(), root, "preset import "+whole)
		require.NoError(t, err, file)
		p, err := b.presets.Read(presetName(file))
		require.NoError(t, err)
		require.NotEmpty(t, p.Note, file)
		next, err := programmed(box, p)
		require.NoError(t, err)
		require.NotEmpty(t, next.StreamNames())
	}
}
