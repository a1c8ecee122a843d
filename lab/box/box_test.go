package box_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

// patient is for what takes long only when something is broken.
const patient = time.Minute

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	t.Cleanup(cancel)
	return ctx
}

func TestHardwareAppearsOnlyWhenLoaded(t *testing.T) {
	b := box.Start(t, box.Options{})
	require.Empty(t, b.Must("sh", "-c", "ls /dev/video* 2>/dev/null; true"))
	b.LoadModule("vivid", "n_devs=1")
	assert.Contains(t, b.Must("v4l2-ctl", "-d", "/dev/video0", "--info"), "vivid")
	b.LoadModule("vicodec")
	assert.Contains(t, b.Must("v4l2-ctl", "--list-devices"), "vicodec")
	b.LoadModule("vh264")
	for _, m := range []string{
		"snd-aloop", "uvcvideo", "vhci-hcd", "snd-usb-audio", "uinput", "softdog", "loop", "ext4", "sch_netem", "tun", "virtio_blk",
	} {
		b.LoadModule(m)
	}
	assert.Contains(t, b.Must("aplay", "-l"), "Loopback")
	b.Must("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "10ms")
}

func TestCommands(t *testing.T) {
	b := box.Start(t, box.Options{})
	t.Run("output, exit code and folder", func(t *testing.T) {
		c := b.Command("sh", "-c", `echo "out $WORD"; echo err >&2; pwd; exit 7`)
		c.Env, c.Dir = []string{"WORD=x y"}, "/root"
		r, err := c.Run(soon(t))
		var exit *box.ExitError
		require.ErrorAs(t, err, &exit)
		assert.Equal(t, 7, exit.Code)
		assert.Equal(t, box.Result{Stdout: "out x y\n/root\n", Stderr: "err\n"}, r)
	})
	t.Run("input", func(t *testing.T) {
		sent := make([]byte, 1<<20)
		_, err := rand.Read(sent)
		require.NoError(t, err)
		var got bytes.Buffer
		c := b.Command("cat")
		c.Stdin, c.Stdout = bytes.NewReader(sent), &got
		_, err = c.Run(soon(t))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(sent, got.Bytes()), "%d bytes went in, %d other ones came out", len(sent), got.Len())
	})
	t.Run("input that nobody reads", func(t *testing.T) {
		pr, pw := io.Pipe()
		defer pw.Close()
		c := b.Command("true")
		c.Stdin = pr
		_, err := c.Run(soon(t))
		require.NoError(t, err)
	})
	t.Run("there is no such command", func(t *testing.T) {
		_, err := b.Run(soon(t), "no-such-command")
		require.ErrorContains(t, err, "no-such-command")
		var exit *box.ExitError
		require.NotErrorAs(t, err, &exit, "it never ran")
	})
	t.Run("a signal, while others run", func(t *testing.T) {
		var all []*box.Cmd
		for range 8 {
			c := b.Command("sleep", "1000")
			require.NoError(t, c.Start(soon(t)))
			all = append(all, c)
		}
		require.NoError(t, all[3].Signal(syscall.SIGTERM))
		var exit *box.ExitError
		require.ErrorAs(t, all[3].Wait(), &exit)
		assert.Equal(t, syscall.SIGTERM, exit.Signal)
		assert.Equal(t, 7, strings.Count(b.Must("ps"), "sleep 1000"))
		for i, c := range all {
			if i != 3 {
				require.NoError(t, c.Signal(syscall.SIGKILL))
				require.ErrorAs(t, c.Wait(), &exit)
			}
		}
	})
	t.Run("the end of a context kills the whole group", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := b.Command("sh", "-c", "/bb/sleep 2000 & /bb/sleep 2000; true")
		require.NoError(t, c.Start(ctx))
		sleepers := func() int { return strings.Count(b.Must("ps"), " /bb/sleep 2000\n") }
		for deadline := time.Now().Add(patient); sleepers() < 2; {
			require.True(t, time.Now().Before(deadline), "the command did not start both")
		}
		cancel()
		require.Error(t, c.Wait())
		assert.Zero(t, sleepers())
	})
}

func TestFiles(t *testing.T) {
	b := box.Start(t, box.Options{})
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	content := make([]byte, 3<<20)
	_, err := rand.Read(content)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(in, content, 0o755))
	require.NoError(t, b.CopyIn(soon(t), in, "/tmp/new/folder/file"))
	assert.Contains(t, b.Must("ls", "-l", "/tmp/new/folder/file"), "-rwxr-xr-x")
	require.NoError(t, b.CopyOut(soon(t), "/tmp/new/folder/file", out))
	got, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(content, got))

	version, err := b.ReadFile(soon(t), "/proc/version")
	require.NoError(t, err)
	assert.Contains(t, string(version), "Linux version")
	_, err = b.ReadFile(soon(t), "/no/such/file")
	require.ErrorContains(t, err, "/no/such/file")

	at := b.Share(in) // while the box runs
	require.NoError(t, b.CopyOut(soon(t), at, out))
	_, err = b.Run(soon(t), "touch", at)
	require.Error(t, err, "the share can be written")
}

func TestNetwork(t *testing.T) {
	b := box.Start(t, box.Options{})
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "from the host") }))
	t.Cleanup(host.Close)
	_, port, err := net.SplitHostPort(host.Listener.Addr().String())
	require.NoError(t, err)
	assert.Equal(t, "from the host", b.Must("wget", "-q", "-O", "-", "http://10.0.2.2:"+port+"/"))

	addr := b.Forward("tcp", 8080)
	other := b.Forward("tcp", 8080)
	assert.True(t, strings.HasPrefix(addr, "127.0.0.1:"), addr)
	assert.NotEqual(t, addr, other)
	b.Must("sh", "-c", "mkdir /tmp/www; echo from the box >/tmp/www/f; httpd -p 8080 -h /tmp/www")
	for _, a := range []string{addr, other} {
		resp, err := http.Get("http://" + a + "/f")
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		assert.Equal(t, "from the box\n", string(body))
	}
	b.Must("ip", "link", "set", "eth0", "down")
	assert.Contains(t, b.Must("ip", "link", "show", "eth0"), "DOWN", "the agent needs no network")
}

func TestPrograms(t *testing.T) {
	b := box.Start(t, box.Options{})
	assert.Contains(t, b.Must("ffmpeg", "-version"), "ffmpeg version")
	b.RunTests(t, "media/h264", "-test.run=^TestSplitAnnexB$")
}
