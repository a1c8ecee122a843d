package config

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFormatOfAnInputIsKnownForThePatternAndOpenForCapture(t *testing.T) {
	c, err := Parse("", []byte("[streams.a.input]\n[streams.b.input]\nkind = \"capture\"\n"), Rules{})
	require.NoError(t, err)
	a, b := c.Streams["a"].Input, c.Streams["b"].Input
	require.Equal(t, []any{1280, 720, FrameRate{30, 1}}, []any{a.Width, a.Height, a.FrameRate})
	require.Equal(t, []any{0, 0, FrameRate{}}, []any{b.Width, b.Height, b.FrameRate})

	// What the API shows may be sent back as it is.
	shown, err := c.MarshalJSON()
	require.NoError(t, err)
	again, err := MergePatch(c, shown, Rules{})
	require.NoError(t, err)
	require.True(t, again.Equal(c))
}

func TestTwoStreamsDoNotCaptureFromOneDevice(t *testing.T) {
	const doc = "[streams.a.input]\nkind = \"capture\"\n[streams.b.input]\nkind = %q\ndevice = %q\n"
	_, err := Parse("box.toml", fmt.Appendf(nil, doc, "capture", "auto"), Rules{})
	require.ErrorContains(t, err, `box.toml:5:1: streams.b.input.device: "auto" is what stream a captures from`)
	for kind, device := range map[string]string{"capture": "usb:1-1.4", "pattern": "auto"} {
		_, err := Parse("box.toml", fmt.Appendf(nil, doc, kind, device), Rules{})
		require.NoError(t, err)
	}
}
