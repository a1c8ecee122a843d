package box_test

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
)

func TestASerialAdapterComesGoesAndComes(t *testing.T) {
	b := box.Start(t, box.Options{USB: true})
	b.LoadModule("xhci-pci")
	b.LoadModule("ftdi_sio")
	for range 2 {
		a, err := b.PlugSerial(soon(t))
		require.NoError(t, err)
		awaitDevice(t, b, true)
		reader := b.Command("sh", "-c", "exec 3<>/dev/ttyUSB0; stty raw -echo <&3; echo ready >&3; head -n 1 <&3")
		var got strings.Builder
		reader.Stdout = &got
		require.NoError(t, reader.Start(soon(t)))
		require.NoError(t, a.SetDeadline(time.Now().Add(patient)))
		line, err := bufio.NewReader(a).ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "ready", strings.TrimSpace(line))
		_, err = a.Write([]byte("to the box\n"))
		require.NoError(t, err)
		require.NoError(t, reader.Wait())
		assert.Equal(t, "to the box\n", got.String())
		require.NoError(t, a.Unplug(soon(t)))
		awaitDevice(t, b, false)
	}
}

func awaitDevice(t *testing.T, b *box.Box, there bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := b.Run(t.Context(), "test", "-c", "/dev/ttyUSB0")
		return (err == nil) == there
	}, patient, 100*time.Millisecond)
}
