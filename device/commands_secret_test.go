package device

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

func noSecret(t *testing.T, where string, v any) {
	t.Helper()
	text, ok := v.(string)
	if !ok {
		doc, err := json.Marshal(v)
		require.NoError(t, err, where)
		text = string(doc)
	}
	require.NotContains(t, text, benchKey, where)
	require.NotContains(t, text, benchPass, where)
}

// Whatever is asked of the box, by whom, and with which secrets in it: neither an
// answer, nor an error, nor an event has any of the configured ones.
func TestNoCommandTellsASecret(t *testing.T) {
	b := newBench(t)
	b.programs.err = errors.New("exit status 1")
	secrets := map[control.Kind][]string{
		control.Word: {"main", "youtube", benchKey}, control.Text: {benchKey, benchPass}, control.Integer: {"5"},
		control.Duration: {"1m"}, control.Bitrate: {"2M"}, control.Switch: {"on", "off"},
		control.Document: {"[streams.main.destinations.x]\nurl = \"" + benchKey + "\"\npassphrase = \"" + benchPass},
	}
	for _, c := range b.table.Commands() {
		if c.Name == "destination preflight" || c.Name == "system factory-reset" {
			continue // the first goes out, and its own tests say that it is discreet; after the others there is no secret
		}
		for n := range 3 {
			r := control.Request{Command: c.Name, Args: map[string]string{}, Confirmed: 9, Progress: func(p control.Progress) { noSecret(t, c.Name, p) }}
			for _, a := range c.Args {
				values := secrets[a.Kind]
				if a.Kind == control.Choice {
					values = a.Choices
				}
				r.Args[a.Name] = values[n%len(values)]
			}
			result, err := b.table.Do(t.Context(), root, r)
			noSecret(t, c.Name, result)
			if e := (*control.Error)(nil); errors.As(err, &e) && !typed(r) { // who typed it is told so
				noSecret(t, c.Name+": its error", e)
			}
		}
	}
	events, _ := b.store.Events(0)
	require.NotEmpty(t, events)
	noSecret(t, "events", events)
	noSecret(t, "status", b.store.Load())
}

func TestASupportBundleHasEverythingButSecrets(t *testing.T) {
	b := newBench(t)
	b.programs.says["journalctl --unit=encoderd --lines=20000 --no-pager --output=short-iso"] = "dial rtmp://a.example/app/" + benchKey + ": refused\n"
	b.store.Log(status.Event{Message: "somebody wrote " + benchPass})
	steps := 0
	r, err := b.table.Do(t.Context(), root, control.Request{Command: "support bundle", Progress: func(control.Progress) { steps++ }})
	require.NoError(t, err)
	f, ok := r.Data.(file)
	require.True(t, ok)
	require.Greater(t, steps, 10)
	in, err := os.Open(f.Path)
	require.NoError(t, err)
	defer in.Close()
	info, err := in.Stat()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	z, err := gzip.NewReader(in)
	require.NoError(t, err)
	parts := map[string]string{}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		doc, err := io.ReadAll(files)
		require.NoError(t, err)
		parts[h.Name] = string(doc)
		noSecret(t, h.Name, string(doc))
	}
	require.Contains(t, parts["support/log.txt"], "dial ***: refused")
	require.Contains(t, parts["support/config.toml"], "[streams.main.destinations.youtube]")
	require.Contains(t, parts["support/status.json"], `"version": "v9"`)
	require.Contains(t, parts["support/probe.txt"], "Board model")
	for range 5 {
		_, err := b.do(t.Context(), root, "support bundle")
		require.NoError(t, err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(f.Path), "*"))
	require.NoError(t, err)
	require.Len(t, left, exportsKept)
}

// typed says that a request itself has a secret.
func typed(r control.Request) bool {
	for _, v := range r.Args {
		if strings.Contains(v, benchKey) || strings.Contains(v, benchPass) {
			return true
		}
	}
	return false
}
