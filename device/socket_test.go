package device

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/status"
)

// startDaemon runs a daemon whose folders are dir's. Its socket is there.
func startDaemon(t *testing.T, dir string) *http.Client {
	t.Helper()
	t.Setenv("RUNTIME_DIRECTORY", dir)
	file := filepath.Join(dir, "encoderd.toml")
	require.NoError(t, os.WriteFile(file, []byte("[http]\nlisten = \"127.0.0.1:0\"\n[storage]\nstate = \""+dir+"/state\"\n[streams.main.input]\nkind = \"pattern\"\nwidth = 64\nheight = 64\nframe_rate = 5\n"), 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	begin := time.Now()
	go func() {
		ended <- Run(ctx, Options{ConfigFile: file, Version: "v9", Stdout: io.Discard, Stderr: io.Discard})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoFileExists(t, filepath.Join(dir, "control.sock"))
	})
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "control.sock"))
	}}}
	for {
		if code, _ := command(t, c, "show-version", ""); code == http.StatusOK {
			break
		}
		require.Less(t, time.Since(begin), time.Minute, "no answer")
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("the socket answers after %v", time.Since(begin))
	return c
}

// command does a command over a client; the code is 0 where nobody answers.
func command(t *testing.T, c *http.Client, name, body string) (code int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/api/v1/commands/"+name, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(doc)
}

func TestARunningDaemonIsCommandedOverItsSocket(t *testing.T) {
	dir := t.TempDir()
	c := startDaemon(t, dir)
	for _, ask := range []struct {
		name, body string
		code       int
		want       string
	}{
		{"show-status", "", 200, "stream main"},
		{"show-config", "", 200, "pattern"},
		{"stream-stop", "", 200, "off the air"},
		{"bitrate", `{"args":{"stream":"main","max":"400k"}}`, 200, "to 400k bits"},
		{"system-reboot", "", 428, "Reboot it?"},
		{"slate-on", "", 409, "of kind pattern"},
		{"support-bundle", "", 200, "/api/v1/exports/support-"},
	} {
		code, answer := 0, ""
		require.Eventually(t, func() bool { // the input is opened meanwhile
			code, answer = command(t, c, ask.name, ask.body)
			return code == ask.code && strings.Contains(answer, ask.want)
		}, 10*time.Second, 50*time.Millisecond, ask.name)
		if ask.name == "support-bundle" {
			var made struct{ Data file }
			require.NoError(t, json.Unmarshal([]byte(answer), &made))
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+made.Data.URL, nil)
			require.NoError(t, err)
			resp, err := c.Do(r)
			require.NoError(t, err)
			n, err := io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode)
			require.Greater(t, n, int64(1000))
		}
	}
	require.Eventually(t, func() bool { code, _ := command(t, c, "stream-key", ""); return code == http.StatusOK }, 10*time.Second, 50*time.Millisecond)
}

func TestASocketInUseIsACondition(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", dir)
	var lc net.ListenConfig
	other, err := lc.Listen(t.Context(), "unix", filepath.Join(dir, "control.sock"))
	require.NoError(t, err)
	defer other.Close()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { b.serveSocket(ctx); close(ended) }()
	require.Eventually(t, func() bool {
		all := b.store.Load().Conditions
		return len(all) == 1 && all[0].Code == conditionSocket && all[0].Severity == status.Warning && strings.Contains(all[0].Message, "another program serves")
	}, 5*time.Second, 10*time.Millisecond)
	cancel()
	<-ended
}
