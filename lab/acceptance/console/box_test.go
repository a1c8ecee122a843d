package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/pty"
)

// nowhere is an address that nobody listens on.
const nowhere = "rtmp://127.0.0.1:1/live/stream-key"

// box is a daemon with the console on the cable's one end; the test has the other.
type box struct {
	*encoderd.Daemon
	cable *pty.Cable
}

// freshBox is a box as it comes: nothing is configured but the port of the console, which
// is the image's part, and what keeps tests on one machine apart.
func freshBox(tb testing.TB) *box {
	return newBox(tb, "", "[streams.main.input]\nkind = \"pattern\"\n")
}

// usedBox has a password, and pushes a small programme to url.
func usedBox(tb testing.TB, url string) *box {
	return newBox(tb, "password = \"secret\"\n", fmt.Sprintf(`[streams.main.input]
width = 320
height = 180
[streams.main.destinations.youtube]
url = %q
`, url))
}

// newBox serves a console until the test ends, and is on the air.
func newBox(tb testing.TB, console, streams string) *box {
	tb.Helper()
	cable, err := pty.NewCable()
	require.NoError(tb, err)
	tb.Cleanup(func() { cable.Close() })
	b := &box{cable: cable}
	// The sockets are in a folder of its own, wherever the tests run.
	b.Daemon = encoderd.Start(tb, binary, fmt.Sprintf("[console]\ndevice = %q\n%s%s", cable.Box, console, streams), "RUNTIME_DIRECTORY=")
	b.Await("the stream and its sound", patience, func(s status.Snapshot) bool {
		st := encoderd.Stream(s, "main")
		return st.Video != nil && st.Video.FrameRate > 0 && st.Audio != nil && st.Rate != nil
	})
	eventually(tb, "the console to be open", func() bool { return strings.Contains(b.WholeLog(), "a serial port is open") })
	return b
}

// awaitActive waits until a destination of stream main is active.
func (b *box) awaitActive(name string) {
	b.Await(name+" to be active", patience, func(s status.Snapshot) bool {
		return encoderd.Destination(encoderd.Stream(s, "main"), name).State == status.Active
	})
}

func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("waited %v for %s", patience, what)
		}
	}
}
