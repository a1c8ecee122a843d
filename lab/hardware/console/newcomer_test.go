package console

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/terminal"
)

const manual = "../../../docs/serial.md"

// TestTheManualsNewcomerIsOnTheAir has nothing but a box as it comes, a cable at its UART,
// and the manual. The box has the address 10.0.2.2 for this machine.
func TestTheManualsNewcomerIsOnTheAir(t *testing.T) {
	t.Parallel()
	server := peer.StartSRT(t, peer.SRTOptions{})
	_, port, err := net.SplitHostPort(server.Addr())
	require.NoError(t, err)
	b, c := startBox(t, box.Options{})
	b.Must("hostname", "encoderbox")
	configure(t, b, "[console]\ndevice = \""+uart+"\"\n[streams.main.input]\nkind = \"pattern\"\n")
	d := start(t, b, uart)
	begun := time.Now()
	s := terminal.Picocom(t, c.plug(), patience)
	terminal.Reader{
		Host: "encoderbox", Ours: "10.0.2.2:" + port, Theirs: "192.0.2.10:9000",
		Until: map[string]string{"show destinations": " active "}, // the reader is told to type it until then
	}.Replay(s, terminal.ReadManual(t, manual, "newcomer"))
	t.Logf("on the air %v after the first key", time.Since(begun).Round(time.Second))
	require.NotRegexp(t, `(?m)^% `, s.All(), "the box complains")
	require.Contains(t, b.Must("cat", config), "srt://10.0.2.2:"+port, "what was confirmed is not saved")

	for end := time.Now().Add(patience); server.Bytes() < 500_000; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the receiver has %d bytes after %v", server.Bytes(), patience)
		}
	}
	d.stop()
	server.Stop() // it holds back the last of what it has received until then
	got, err := peer.Decode(t.Context(), server.File(), 0)
	require.NoError(t, err)
	require.Greater(t, got.Frames, int64(10), "pictures")
}
