package httpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/device/control"
)

// open serves who asks on a socket, until the test ends or close is called.
func openSocket(t *testing.T, path string) (closes func() error, err error) {
	t.Helper()
	s := Socket{Path: path, Log: slog.New(slog.DiscardHandler), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := control.CallerOf(r.Context())
		if r.URL.Path == "/session" {
			fmt.Fprint(w, c.Session)
			return
		}
		fmt.Fprintf(w, "%s %s %s", c.Name, c.Surface, c.Role)
	})}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
		return func() error { cancel(); return <-ended }, nil
	case err := <-ended:
		cancel()
		return nil, err
	}
}

func askSocket(t *testing.T, path string) string { return askSocketFor(t, path, "/") }

func askSocketFor(t *testing.T, path, what string) string {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+what, nil)
	require.NoError(t, err)
	resp, err := c.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

func TestTheSocketKnowsWhoAsks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	closes, err := openSocket(t, path)
	require.NoError(t, err)
	me, err := user.Current()
	require.NoError(t, err)
	require.Equal(t, me.Username+" socket admin", askSocket(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o660), info.Mode().Perm())
	_, err = openSocket(t, path)
	require.ErrorContains(t, err, "another program serves "+path)
	require.Equal(t, me.Username+" socket admin", askSocket(t, path), "the first goes on")
	require.ErrorIs(t, closes(), context.Canceled)
	require.NoFileExists(t, path)
}

func TestASocketThatWasLeftBehindIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	var lc net.ListenConfig
	old, err := lc.Listen(t.Context(), "unix", path)
	require.NoError(t, err)
	_, err = openSocket(t, path)
	require.ErrorContains(t, err, "another program serves", "of somebody who knows no lock")
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, old.Close())
	require.FileExists(t, path)
	closes, err := openSocket(t, path)
	require.NoError(t, err)
	require.Contains(t, askSocket(t, path), "socket admin")
	require.ErrorIs(t, closes(), context.Canceled)
}

func TestASocketThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "control.sock")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := openSocket(t, file)
	require.ErrorContains(t, err, "is no socket: remove it")
	long := filepath.Join(dir, strings.Repeat("x", 100))
	require.NoError(t, os.Mkdir(long, 0o700))
	_, err = openSocket(t, filepath.Join(long, "control.sock"))
	require.ErrorContains(t, err, "shorter path")
	_, err = openSocket(t, filepath.Join(dir, "none", "control.sock"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestASocketAnswersAndIsGoneAfterwards(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	closes, err := openSocket(t, path)
	require.NoError(t, err)
	askSocket(t, path)
	if err := closes(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What is typed in one terminal is one session.
func TestTheSocketTellsSessionsApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	closes, err := openSocket(t, path)
	require.NoError(t, err)
	defer func() { _ = closes() }()
	sid, err := unix.Getsid(0)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(sid), askSocketFor(t, path, "/session"))
}
