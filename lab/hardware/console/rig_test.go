package console

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/terminal"
)

// used is a box with a password, that has nothing much to do: an emulated processor is slow.
const used = `
[streams.main.input]
width = 320
height = 180
frame_rate = 5
[streams.main.video]
encoder = "software"
[streams.main.destinations.youtube]
url = "rtmp://127.0.0.1:1/live/stream-key"
[console]
password = "secret"
`

const config = "/tmp/encoderd.toml"

// configure writes the daemon's configuration, text and where its files go.
func configure(t *testing.T, b *box.Box, text string) {
	t.Helper()
	text = "[http]\nlisten = \":8080\"\n[storage]\nlive = \"/tmp/live\"\nstate = \"/tmp/state\"\n" + text
	require.NoError(t, b.WriteFile(t.Context(), config, strings.NewReader(text), 0o600))
}

// daemon is encoderd in a box.
type daemon struct {
	t   *testing.T
	cmd *box.Cmd
	log log
}

// run starts the daemon, and returns once it has the port open.
func start(t *testing.T, b *box.Box, port string) *daemon {
	t.Helper()
	d := &daemon{t: t, cmd: b.Command(b.Share(binary), "-config", config)}
	d.cmd.Stdout, d.cmd.Stderr = box.LogTo(t, "encoderd: "), io.MultiWriter(box.LogTo(t, "encoderd: "), &d.log)
	require.NoError(t, d.cmd.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(d.stop)
	if port != "" {
		d.awaitLog("a serial port is open", "device="+port)
	}
	return d
}

// awaitLog waits for a line of the log with all the words, since the last one waited for.
func (d *daemon) awaitLog(words ...string) {
	d.t.Helper()
	for end := time.Now().Add(patience); !d.log.has(words); time.Sleep(50 * time.Millisecond) {
		select {
		case <-d.cmd.Done():
			d.t.Fatalf("encoderd ended: %v", d.cmd.Wait())
		default:
		}
		if time.Now().After(end) {
			d.t.Fatalf("waited %v for %q in the log", patience, words)
		}
	}
}

// stop ends the daemon in order, unless it has ended; it must have nothing to complain of.
func (d *daemon) stop() {
	select {
	case <-d.cmd.Done():
		return
	default:
	}
	if err := d.cmd.Signal(syscall.SIGTERM); err != nil {
		d.t.Errorf("stop encoderd: %v", err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("encoderd ended with %v", err)
	}
}

// kill ends it at once.
func (d *daemon) kill() {
	d.t.Helper()
	require.NoError(d.t, d.cmd.Signal(syscall.SIGKILL))
	require.Error(d.t, d.cmd.Wait())
}

// log is what the daemon wrote, and nobody has read.
type log struct {
	mu   sync.Mutex // guards the field below
	text []byte
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

// has takes the first line with all the words out, and what came before it.
func (l *log) has(words []string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := l.text
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			return false
		}
		all := true
		for _, w := range words {
			all = all && bytes.Contains(line, []byte(w))
		}
		rest = after
		if all {
			l.text = rest
			return true
		}
	}
}

// login begins a session where nobody has one.
func login(l *terminal.Line) *terminal.Line {
	l.Types("\r")
	l.Until("login: ")
	l.Types("admin\rsecret\r")
	l.Until("box> ")
	return l
}

// logout leaves, for the next one to come.
func logout(l *terminal.Line) {
	l.Types("exit\r")
	l.Until("press Enter")
}
