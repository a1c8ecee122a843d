package device

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
)

// A box that cannot do all that it is to do comes up with the rest, and says so.
func TestAStartWithWhatCannotRunComesUpAllTheSame(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", dir)
	cfg, err := config.Parse("", []byte(`[board]
model = "of-tomorrow"
[http]
listen = "127.0.0.1:0"
[storage]
live = "`+dir+`/live"
state = "`+dir+`/state"
[streams.main.input]
kind = "pattern"
[streams.main.destinations.tv]
preset = "of-tomorrow"
enabled = false
[streams.main.destinations.studio]
url = "srt://studio.example:9000"
enabled = false
`), config.Rules{})
	require.NoError(t, err)
	d := newBox(Options{Stdout: io.Discard, Stderr: io.Discard}, cfg)
	defer d.stop()
	d.begin()
	require.Eventually(t, func() bool { return d.page.Load() != nil }, 10*time.Second, 10*time.Millisecond)
	resp, err := http.Get("http://" + (*d.page.Load()).String() + "/api/v1/status")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	_, err = d.destinations.find("main", "studio")
	require.NoError(t, err)
	_, err = d.destinations.find("main", "tv")
	require.ErrorIs(t, err, errNoDestination)
}

func TestAConfigurationThatTheDaemonDiesOfIsGoneBackFrom(t *testing.T) {
	dir := t.TempDir()
	file, state := filepath.Join(dir, "encoderd.toml"), filepath.Join(dir, "state")
	doc := func(level string) []byte {
		return []byte("[streams.main.input]\nkind = \"pattern\"\n[log]\nlevel = \"" + level + "\"\n[storage]\nstate = \"" + state + "\"\n")
	}
	require.NoError(t, os.WriteFile(file, doc("debug"), 0o600))
	require.NoError(t, os.Mkdir(state, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(state, "good.toml"), doc("info"), 0o600))
	for range 3 {
		o := Options{ConfigFile: file}
		cfg, err := o.load()
		require.NoError(t, errors.Join(err, o.untried))
		require.Equal(t, "debug", cfg.Log.Level)
	}
	o := Options{ConfigFile: file}
	cfg, err := o.load()
	require.NoError(t, errors.Join(err, o.untried))
	require.Equal(t, "info", cfg.Log.Level)
	require.NotNil(t, o.recovered)
}

func TestABoxWhoseFileIsNoConfigurationStartsWithAnother(t *testing.T) {
	dir := t.TempDir()
	file, state := filepath.Join(dir, "encoderd.toml"), filepath.Join(dir, "state")
	t.Setenv("STATE_DIRECTORY", state)
	require.NoError(t, os.WriteFile(file, []byte("[streams.main\n"), 0o600))
	require.NoError(t, os.Mkdir(state, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(state, "good.toml"), []byte("[log]\nlevel = \"debug\"\n[streams.main]\n"), 0o600))
	o := Options{ConfigFile: file}
	_, err := o.load()
	require.ErrorIs(t, err, ErrConfig, "who starts it by hand mends the file")
	o.Rescue = true
	cfg, err := o.load()
	require.NoError(t, err)
	require.Equal(t, "debug", cfg.Log.Level)
	require.NotNil(t, o.recovered)
	broken, err := os.ReadFile(file + config.PreviousSuffix)
	require.NoError(t, err)
	require.Equal(t, "[streams.main\n", string(broken))

	require.NoError(t, os.Remove(file))
	require.NoError(t, os.RemoveAll(state))
	require.NoError(t, os.Remove(file+config.PreviousSuffix))
	first := Options{ConfigFile: file, Rescue: true}
	_, err = first.load()
	require.NoError(t, err)
	require.Nil(t, first.recovered, "a box's first start")
	doc, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, factoryDefault, string(doc))
}
