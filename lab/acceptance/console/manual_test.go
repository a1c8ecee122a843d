package console

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/terminal"
)

var update = flag.Bool("update", false, "write what the box says into docs/serial.md")

const manual = "../../../docs/serial.md"

// TestTheManualsSession types what the manual's reader types, and holds what the box
// says against the manual.
func TestTheManualsAdmin(t *testing.T) {
	server := peer.StartNginx(t, peer.NginxOptions{})
	b := usedBox(t, server.URL("stream-key"))
	b.awaitActive("youtube")
	replay(t, b, "admin", "rtmp://"+server.Addr(), "rtmp://a.example", nil)
}

// TestANewcomerIsOnTheAir has nothing but a box as it comes, a cable, and the manual.
func TestTheManualsNewcomerIsOnTheAir(t *testing.T) {
	server := peer.StartSRT(t, peer.SRTOptions{})
	b := freshBox(t)
	began := time.Now()
	replay(t, b, "newcomer", server.Addr(), "192.0.2.10:9000", map[string]string{
		"show destinations": " active ", // the reader is told to type it until then
	})
	t.Logf("on the air %v after the first key", time.Since(began).Round(time.Second))
	isWatched(t, server)
	require.Contains(t, b.startup(), server.URL(), "what was confirmed is not saved")
}

// isWatched wants pictures at a receiver.
func isWatched(t *testing.T, server *peer.SRT) {
	t.Helper()
	eventually(t, "the receiver to have something to show", func() bool { return server.Bytes() > 1_000_000 })
	server.Stop() // it holds back the last of what it has received until then
	got, err := peer.Decode(t.Context(), server.File(), 0)
	require.NoError(t, err)
	require.Greater(t, got.Frames, int64(30), "pictures")
}

// replay goes by a session of the manual, and holds the screen against it. ours is an
// address of this test, theirs is what the manual has in its place; until is a Reader's.
func replay(t *testing.T, b *box, name string, ours, theirs string, until map[string]string) {
	t.Helper()
	m, s := terminal.ReadManual(t, manual, name), picocom(t, b)
	terminal.Reader{Password: "secret", Host: hostname(t), Ours: ours, Theirs: theirs, Until: until}.Replay(s, m)
	got := normal(strings.ReplaceAll(s.All(), ours, theirs), hostname(t))
	if *update {
		require.NoError(t, os.WriteFile(manual, []byte(m.Before+got+m.After), 0o644)) //nolint:gosec // a document
		return
	}
	require.Equal(t, m.Session, got, "docs/serial.md is out of date: go test ./lab/acceptance/console -run Manual -update")
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	require.NoError(t, err)
	return name
}

// varying is what differs from one machine, and from one moment, to the next.
var varying = []struct {
	what  *regexp.Regexp
	shown string
}{
	{regexp.MustCompile(`(?s)^.*?(Encoder box \S+, host )`), "$1"}, // picocom's own words
	{regexp.MustCompile(`(?m) +$`), ""},
	{regexp.MustCompile(`Encoder box \S+, host`), "Encoder box v1.0, host"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+/`), "http://192.168.1.5:8080/"},
	{regexp.MustCompile(`(?m)^encoderbox +encoderbox .*`), "encoderbox  encoderbox v1.0, running for 2m10s, CPU 34 %"},
	{regexp.MustCompile(`(?m)^  (video .*) [\d.]+ fps`), "  $1 30.00 fps"},
	{regexp.MustCompile(`(?m)^  bit rate( +).*`), "  bit rate${1}2.50 Mb/s of at most 2.50 Mb/s: the highest bit rate that is set"},
	{regexp.MustCompile(`(fps,|active) \d\.\d\d Mb/s`), "$1 2.50 Mb/s"},
	{regexp.MustCompile(`(?m)^ *(info|warning|error) .*\n`), ""}, // a busy machine's
	{regexp.MustCompile(`(box> show destinations\n[^>]*\n)+(box> show destinations\n)`), "$2"},
}

// normal is a screen without what differs.
func normal(screen, host string) string {
	screen = strings.ReplaceAll(screen, host, "encoderbox")
	for _, v := range varying {
		screen = v.what.ReplaceAllString(screen, v.shown)
	}
	return strings.Trim(screen, "\n") + "\n"
}
