package device

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/kinds"
	"github.com/encoderbox/encoderbox/output/preset"
)

// A preset is data, but what it makes is a destination like any other: its kind has
// to take the address and the options.
func TestEveryPresetMakesADestination(t *testing.T) {
	for _, p := range preset.All() {
		dc := config.DefaultDestination()
		dc.Preset, dc.Server = p.Name, "host.example:8890/live"
		if strings.Contains(p.URL, "?") {
			dc.Server = "host.example:8890"
		}
		if strings.Contains(p.URL, "{server}:") {
			dc.Server = "host.example"
		}
		if p.KeyHelp != "" {
			dc.Key = config.NewSecret("name:password")
		}
		full, err := expand(dc)
		require.NoError(t, err, p.Name)
		require.NoError(t, checkDestination("main", full), p.Name)
		kind, ok := kinds.ForScheme(full.URL.Scheme())
		require.True(t, ok, p.Name)
		options := full.Options(kind.Name, kind.Files != nil)
		for key, value := range p.Options {
			require.Equal(t, value, options[key], "%s: option %s", p.Name, key)
		}
	}
}

// What is measured in a preflight is what the destination will be sent: sound alone
// needs no room for pictures.
func TestWhatADestinationNeeds(t *testing.T) {
	stream := preset.Stream{VideoBitrate: 4_000_000, AudioBitrate: 128_000, Audio: true}
	for address, want := range map[string]int{
		"rtmp://h/app/key":        4_128_000,
		"hls+https://h/x":         4_128_000,
		"whip+https://h/x":        4_064_000,
		"icecast+http://:p@h/x":   128_000,
		"shoutcast://:password@h": 64_000,
	} {
		dc := config.DefaultDestination()
		dc.URL, dc.AudioRate = config.NewSecretURL(address), 64_000
		if strings.HasPrefix(address, "shoutcast") {
			dc.AudioCodec = "mp3"
		}
		kind, ok := kinds.ForScheme(dc.URL.Scheme())
		require.True(t, ok, address)
		tg, err := target("main", dc, kind)
		require.NoError(t, err, address)
		require.Equal(t, want, needed(stream, dc, cardCodecs(kind, tg)), address)
	}
	silent := preset.Stream{VideoBitrate: 4_000_000}
	require.Equal(t, 4_000_000, needed(silent, config.DefaultDestination(), []media.Codec{media.H264, media.Opus}))
}
