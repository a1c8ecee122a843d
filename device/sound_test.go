package device

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/programme"
)

func TestWantedSound(t *testing.T) {
	radio := func(url, codec string, rate config.Bitrate, enabled bool) config.Destination {
		d := config.DefaultDestination()
		require.NoError(t, d.URL.UnmarshalText([]byte(url)))
		d.AudioCodec, d.AudioRate, d.Enabled = codec, rate, enabled
		return d
	}
	sc := config.Stream{Destinations: map[string]config.Destination{
		"aac":   radio("icecast+http://:p@h/a", "aac", 320_000, true),
		"mp3":   radio("icecast+http://:p@h/b", "mp3", 128_000, true),
		"loud":  radio("shoutcast://:p@h", "mp3", 192_000, true),
		"off":   radio("icecast+http://:p@h/c", "opus", 96_000, false),
		"video": radio("rtmp://h/app/key", "aac", 320_000, true),
	}}
	require.Equal(t, programme.Sound{MP3: 192_000}, wantedSound(sc))
	sc.Destinations["whip"] = radio("whip+https://h/x", "aac", 64_000, true)
	require.Equal(t, programme.Sound{MP3: 192_000, Opus: 64_000}, wantedSound(sc))
}
