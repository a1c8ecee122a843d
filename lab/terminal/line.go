package terminal

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Conn is a line, with deadlines: an open device, a socket.
type Conn interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// Line is a serial line to the box in the hands of the test, byte by byte.
type Line struct {
	Conn     Conn
	tb       testing.TB
	patience time.Duration
	seen     string
}

// NewLine has the test talk on a line. patience is the deadline of whatever it waits for.
func NewLine(tb testing.TB, c Conn, patience time.Duration) *Line {
	return &Line{Conn: c, tb: tb, patience: patience}
}

// Open opens a serial device, until the test ends.
func Open(tb testing.TB, device string, patience time.Duration) *Line {
	tb.Helper()
	f, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	require.NoError(tb, err)
	tb.Cleanup(func() { f.Close() })
	return NewLine(tb, f, patience)
}

// Types writes to the line.
func (l *Line) Types(text string) {
	l.tb.Helper()
	require.NoError(l.tb, l.Conn.SetWriteDeadline(time.Now().Add(l.patience)))
	_, err := io.WriteString(l.Conn, text)
	require.NoError(l.tb, err)
}

// Until reads until text has come behind what was seen before, and returns what came
// before it.
func (l *Line) Until(text string) string {
	l.tb.Helper()
	b := make([]byte, 4096)
	require.NoError(l.tb, l.Conn.SetReadDeadline(time.Now().Add(l.patience)))
	for !strings.Contains(l.seen, text) {
		n, err := l.Conn.Read(b)
		require.NoError(l.tb, err, "waiting for %q, got %q", text, l.seen)
		l.seen += string(b[:n])
	}
	before, after, _ := strings.Cut(l.seen, text)
	l.seen = after
	return before
}

// Login logs in, once the box has said that it is there.
func (l *Line) Login(user, password string) *Line {
	l.tb.Helper()
	l.Until("press Enter")
	l.Types("\r")
	l.Until("login: ")
	l.Types(user + "\r" + password + "\r")
	l.Until("box> ")
	return l
}
