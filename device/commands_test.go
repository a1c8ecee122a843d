package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

const (
	benchPass = "hunter2-hunter2"
	benchKey  = "live_key_1234"
	benchDoc  = `# The bench's.
[streams.main.input]
kind = "pattern"

[streams.main.destinations.youtube]
url = "rtmp://a.example/app/` + benchKey + `"

[streams.main.destinations.backup]
url = "srt://b.example:9000"
passphrase = "` + benchPass + `"

[streams.second.input]
kind = "pattern"

[streams.second.destinations.backup]
url = "rtmp://c.example/app/` + benchKey + `2"
`
)

var (
	person = control.Caller{Name: "192.168.1.20", Surface: control.API, Role: control.Operator}
	root   = control.Caller{Name: "root", Surface: control.Socket, Role: control.Admin}
)

// programs is a system on which programs are noted and not run.
type programs struct {
	mu   sync.Mutex
	ran  []string
	says map[string]string
	err  error
}

func (p *programs) run(_ context.Context, name string, args ...string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := strings.Join(append([]string{name}, args...), " ")
	p.ran = append(p.ran, line)
	return p.says[line], p.err
}

// bench is a box whose loop answers that a change is applied, and whose destinations
// are actors.
type bench struct {
	*box
	programs *programs
	actors   map[place]*actor
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "encoderd.toml")
	storage := fmt.Sprintf("[storage]\nlive = %q\nstate = %q\n", filepath.Join(dir, "live"), filepath.Join(dir, "state"))
	require.NoError(t, os.WriteFile(file, []byte(benchDoc+storage), 0o600))
	b := openBench(t, file)
	return b
}

func openBench(t *testing.T, file string) *bench {
	cfg, err := loadConfig(file)
	require.NoError(t, err)
	b := &bench{box: newBox(Options{ConfigFile: file, Version: "v9", Stderr: io.Discard}, cfg), programs: &programs{says: map[string]string{}}, actors: map[place]*actor{}}
	b.system.run = b.programs.run
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case done := <-b.applies:
				done <- nil
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-ended })
	for _, stream := range cfg.StreamNames() {
		b.stream(stream)
		for _, dest := range cfg.Streams[stream].DestinationNames() {
			a := &actor{box: b.box, name: dest}
			b.actors[place{stream, dest}] = a
			t.Cleanup(b.destinations.add(stream, dest, a))
			b.store.Stream(stream).SetDestination(status.Destination{Name: dest, State: status.Active})
		}
	}
	return b
}

// do does a typed line; each question is answered with yes.
func (b *bench) do(ctx context.Context, by control.Caller, line string) (control.Result, error) {
	words, _ := control.Words(line)
	r, err := b.table.Read(words)
	if err != nil {
		return control.Result{}, err
	}
	r.Confirmed = 9
	return b.table.Do(ctx, by, r)
}

func code(err error) control.Code {
	var e *control.Error
	errors.As(err, &e)
	if e == nil {
		return ""
	}
	return e.Code
}

func (b *bench) events() (all []string) {
	events, _ := b.store.Events(0)
	for _, e := range events {
		all = append(all, e.Subject+": "+e.Message)
	}
	return all
}

func TestCommandsOfTheBox(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		by   control.Caller
		line string
		code control.Code
		want string // in the text or the error
	}{
		{person, "destination pause youtube", "", ""},
		{person, "destination pause main/backup", "", ""},
		{person, "destination pause backup", control.Usage, "main/backup or second/backup"},
		{person, "destination pause nobody", control.NotFound, "backup, youtube, backup"},
		{person, "destination pause main/nobody", control.NotFound, "that runs"},
		{person, "destination retry youtube", control.Conflict, "resume it"},
		{person, "destination resume youtube", "", ""},
		{person, "destination disable youtube", control.Forbidden, "admin"},
		{root, "destination disable youtube", "", ""},
		{root, "destination enable third/youtube", control.NotFound, "third"},
		{person, "destination preflight main/nobody", control.NotFound, "nobody"},
		{person, "destination preflight youtube seconds=61", control.Usage, "between"},
		{root, "bitrate main 3M 1M fixed", "", "1M to 3M bits per second, fixed"},
		{root, "bitrate main 1G", control.Usage, "max"},
		{root, "bitrate main 1M 2M", control.Usage, "min"},
		{root, "bitrate other 1M", control.NotFound, "main, second"},
		{root, "input select main pattern /dev/video0", control.Usage, "no source"},
		{root, "input select main capture /dev/video1", "", "changes"},
		{root, "input select main capture", "", "already"},
		{root, "input select main file", control.Usage, "path"},
		{root, "input select main radio", control.Usage, "pattern"},
		{person, "stream key", control.Conflict, "no key pictures"},
		{person, "slate on", control.Conflict, "no open input"},
		{person, "record start main 90m the match", control.Conflict, "storage.path"},
		{person, "record mark other", control.NotFound, "main, second"},
		{person, "stream stop main", "", "off the air"},
		{person, "destination retry youtube", control.Conflict, "off the air"},
		{person, "stream stop main", "", "off the air"},
		{person, "stream start nobody", control.NotFound, "main, second"},
		{person, "show status", "", "stopped by 192.168.1.20"},
		{person, "show events 3", "", "stream stop"},
		{person, "show config", control.Forbidden, "admin"},
		{root, "show config", "", "***"},
		{person, "show version", "", "v9"},
		{person, "show destinations", "", "main/youtube"},
		{person, "show input", "", "main"},
		{person, "system reboot", control.Forbidden, "admin"},
		{root, "system reboot", "", ""},
		{root, "system shutdown", "", ""},
		{root, "time zone Europe/Vienna", "", ""},
		{root, "time set 2026-01-31 18:05:00", "", ""},
		{root, "time set tomorrow", control.Usage, "tomorrow"},
		{root, "time sync on", "", ""},
	} {
		r, err := b.do(t.Context(), c.by, c.line)
		text := r.Text
		if err != nil {
			text = err.Error()
		}
		if code(err) != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: code %q, %q; want %q with %q", c.line, code(err), text, c.code, c.want)
		}
	}
	require.Equal(t, []string{"pause by 192.168.1.20", "resume"}, b.actors[place{"main", "youtube"}].calls)
	require.False(t, b.keeper.Running().Streams["main"].Destinations["youtube"].Enabled)
	require.Equal(t, []string{
		"systemctl reboot", "systemctl poweroff", "timedatectl set-timezone Europe/Vienna",
		"timedatectl set-time 2026-01-31 18:05:00", "timedatectl set-ntp true",
	}, b.programs.ran)
	saved, err := os.ReadFile(b.opts.ConfigFile)
	require.NoError(t, err)
	require.Contains(t, string(saved), "# The bench's.", "comments are kept")
	events := b.events()
	require.Contains(t, events, "command: destination pause youtube: by 192.168.1.20 (api)")
	require.Contains(t, events, "configuration: changed by root: streams.main.destinations.youtube.enabled")
	require.True(t, slices.ContainsFunc(events, func(e string) bool { return strings.Contains(e, "time set tomorrow: by root (socket): not done:") }), events)
}

func TestQuestionsAreAsked(t *testing.T) {
	b := newBench(t)
	for name, n := range map[string]int{"system reboot": 1, "system shutdown": 1, "system factory-reset": 2} {
		args := map[string]string{}
		for asked := range n {
			_, err := b.table.Do(t.Context(), root, control.Request{Command: name, Args: args, Confirmed: asked})
			require.Equal(t, control.Confirm, code(err), name)
		}
	}
	_, err := b.table.Do(t.Context(), root, control.Request{Command: "config export", Args: map[string]string{"secrets": "on"}})
	require.Equal(t, control.Confirm, code(err))
	require.Empty(t, b.programs.ran)
	require.Empty(t, b.events())
}

// What a person has stopped stays so over a restart, and what groups and pauses want
// is as before when it is started.
func TestAStoppedStreamStaysOffTheAir(t *testing.T) {
	b := newBench(t)
	_, err := b.do(t.Context(), person, "stream stop main")
	require.NoError(t, err)
	main, second := b.actors[place{"main", "youtube"}], b.actors[place{"second", "backup"}]
	require.Equal(t, "off the air: stopped by 192.168.1.20", main.held)
	require.Empty(t, second.held)
	b.destinations.hold("main", []string{"youtube"}, []string{"standby"})
	require.Equal(t, "off the air: stopped by 192.168.1.20", main.held)
	require.Equal(t, "stopped by 192.168.1.20", b.store.Load().Streams[0].OffAir)

	again := openBench(t, b.opts.ConfigFile)
	main = again.actors[place{"main", "youtube"}]
	require.Equal(t, "off the air: stopped by 192.168.1.20", main.held, "before it has begun to run")
	require.Equal(t, "stopped by 192.168.1.20", again.store.Load().Streams[0].OffAir)
	again.destinations.hold("main", []string{"youtube"}, []string{"standby"})
	_, err = again.do(t.Context(), person, "stream start")
	require.NoError(t, err)
	require.Equal(t, "standby", main.held)
	require.Empty(t, openBench(t, b.opts.ConfigFile).actors[place{"main", "youtube"}].held)

	state := filepath.Join(filepath.Dir(b.opts.ConfigFile), "state", "air.json")
	require.NoError(t, os.WriteFile(state, []byte("{torn"), 0o600))
	torn := openBench(t, b.opts.ConfigFile)
	require.Equal(t, conditionAir, torn.store.Load().Conditions[0].Code)
}

func TestConfigurationComesAndGoesWhole(t *testing.T) {
	b := newBench(t)
	out, err := b.do(t.Context(), root, "config export")
	require.NoError(t, err)
	require.Contains(t, out.Text, `passphrase = "***"`)
	version := out.Data.(exported).Version
	before := b.keeper.Running()

	changed := strings.Replace(out.Text, "[streams.second.input]", "[streams.second.video]\nbitrate = \"1M\"\n[streams.second.input]", 1)
	load := func(doc, version string) error {
		_, err := b.table.Do(t.Context(), root, control.Request{
			Command: "config load", Args: map[string]string{"document": doc, "version": version},
		})
		if err == nil {
			require.Same(t, before, b.keeper.Running(), "a candidate does not run")
			_, err = b.do(t.Context(), root, "config commit")
		}
		return err
	}
	require.NoError(t, load(changed, version))
	now := b.keeper.Running()
	require.EqualValues(t, 1_000_000, now.Streams["second"].Video.Bitrate.Max)
	require.Equal(t, before.Streams["main"].Destinations, now.Streams["main"].Destinations, "masked secrets are what they were")
	require.Equal(t, control.Conflict, code(load(changed, version)), "somebody else was first")
	require.Equal(t, control.Usage, code(load("[streams", "")))
	require.Equal(t, control.Usage, code(load(strings.ReplaceAll(changed, "youtube", "other"), "")), "a mask without a secret")
	require.Same(t, now, b.keeper.Running(), "nothing half applied")

	file := filepath.Join(t.TempDir(), "backup.toml")
	require.NoError(t, os.WriteFile(file, config.Marshal(before), 0o600))
	for _, line := range []string{"config load " + file, "config commit"} {
		_, err = b.do(t.Context(), root, line)
		require.NoError(t, err)
	}
	require.True(t, before.Equal(b.keeper.Running()))
	for line, want := range map[string]control.Code{
		"config load relative.toml": control.Usage, "config load /nowhere.toml": control.NotFound,
		"config load /dev/zero": control.Usage, "config load": control.Usage,
	} {
		_, err = b.do(t.Context(), root, line)
		require.Equal(t, want, code(err), line)
	}
}

func TestFactoryResetLeavesNoSecret(t *testing.T) {
	b := newBench(t)
	for _, line := range []string{"stream stop main", "config export on", "bitrate main 1M", "system factory-reset"} {
		_, err := b.do(t.Context(), root, line)
		require.NoError(t, err, line)
	}
	require.Equal(t, []string{"main"}, b.keeper.Running().StreamNames())
	require.Equal(t, "pattern", b.keeper.Running().Streams["main"].Input.Kind)
	require.Empty(t, b.air.stopped())
	b.noSecretLeft(t, filepath.Dir(b.opts.ConfigFile))
}

// A configuration that is a link has the version before beside what it points to; and
// a stream that was off the air and is no more is not in the status.
func TestFactoryResetOfALinkedConfiguration(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "data", "box.toml"), filepath.Join(dir, "encoderd.toml")
	require.NoError(t, os.Mkdir(filepath.Dir(file), 0o700))
	storage := fmt.Sprintf("[storage]\nlive = %q\nstate = %q\n", filepath.Join(dir, "live"), filepath.Join(dir, "state"))
	require.NoError(t, os.WriteFile(file, []byte(benchDoc+storage), 0o600))
	require.NoError(t, os.Symlink(file, link))
	b := openBench(t, link)
	for _, line := range []string{"stream stop second", "bitrate main 1M"} {
		_, err := b.do(t.Context(), root, line)
		require.NoError(t, err, line)
	}
	b.store.RemoveStream("second") // as the loop does
	gone, cancel := context.WithCancel(t.Context())
	cancel() // who asked does not wait for what runs to follow
	if _, err := b.do(gone, root, "system factory-reset"); err != nil {
		require.ErrorContains(t, err, "the settings are reset")
	}
	b.noSecretLeft(t, dir)
	require.Len(t, b.store.Load().Streams, 1, "no stream comes back that is not configured")
	require.Empty(t, b.air.stopped())
}

// noSecretLeft says that no file of a folder has a secret of the bench's.
func (b *bench) noSecretLeft(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, f os.DirEntry, err error) error {
		if err != nil || !f.Type().IsRegular() {
			return err
		}
		doc, err := os.ReadFile(path)
		require.NotContains(t, string(doc), benchKey, path)
		require.NotContains(t, string(doc), benchPass, path)
		return err
	}))
}

// Four callers at once, ten thousand commands: all are done or refused, and status,
// destinations, configuration and file say the same in the end.
func TestTenThousandCommandsAtOnce(t *testing.T) {
	b := newBench(t)
	const callers, each = 4, 2500
	lines := []string{
		"destination pause youtube", "destination resume youtube", "show status", "show input",
		"show destinations", "destination retry second/backup", "stream key", "show events", "destination pause nobody",
	}
	var all sync.WaitGroup
	for n := range callers {
		all.Go(func() {
			by := control.Caller{Name: fmt.Sprint("caller ", n), Surface: control.Surface(fmt.Sprint("surface ", n)), Role: control.Admin}
			for i := range each {
				line := lines[(i+n)%len(lines)]
				switch i % 100 { // what is saved waits for the disk
				case n:
					line = fmt.Sprintf("bitrate main %dk", 1000+i%7)
				case 10 + n:
					line = "stream stop main"
				case 20 + n:
					line = "stream start main"
				}
				if _, err := b.do(t.Context(), by, line); code(err) == control.Failed {
					t.Errorf("%s: %v", line, err)
				}
			}
		})
	}
	all.Wait()
	for _, line := range []string{"stream start main", "stream stop main", "bitrate main 2M"} {
		_, err := b.do(t.Context(), root, line)
		require.NoError(t, err)
	}
	require.Equal(t, "off the air: stopped by root", b.actors[place{"main", "youtube"}].held)
	require.Equal(t, "stopped by root", b.store.Load().Streams[0].OffAir)
	again := openBench(t, b.opts.ConfigFile)
	require.True(t, again.keeper.Running().Equal(b.keeper.Running()))
	require.EqualValues(t, 2_000_000, again.keeper.Running().Streams["main"].Video.Bitrate.Max)
	require.Equal(t, "stopped by root", again.air.by("main"))
}
