package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const programmeBox = `[http]
listen = ":81"

[storage]
path = "/data"

[streams.main.input]
kind = "pattern"
width = 640
height = 360

[streams.main.destinations.studio]
url = "srt://a.example:9000"
passphrase = "geheim-geheim"
`

// A programme alone goes into another box and comes back, and takes nothing of the box with it.
func TestAProgrammeIsTheStreamsAlone(t *testing.T) {
	box, err := Parse("/etc/box.toml", []byte(programmeBox), Rules{})
	require.NoError(t, err)
	doc := Marshal(box.Programme())
	require.NotContains(t, string(doc), "http")
	require.NotContains(t, string(doc), "/data")
	require.Contains(t, string(doc), "geheim-geheim")
	require.NotContains(t, string(MarshalMasked(box.Programme())), "geheim")

	other, err := Parse("/etc/other.toml", []byte("[log]\nlevel = \"debug\"\n[streams.old]\n[streams.main]\n"), Rules{})
	require.NoError(t, err)
	next, err := ReplaceProgramme(other, "church", doc, Rules{})
	require.NoError(t, err)
	require.True(t, next.SameProgramme(box))
	require.False(t, other.SameProgramme(box))
	require.Equal(t, []string{"main"}, next.StreamNames())
	require.Equal(t, "debug", next.Log.Level)
	require.Equal(t, ":8080", next.HTTP.Listen)
	require.Equal(t, "/etc/other.toml", next.File())
	require.Equal(t, []string{"main", "old"}, other.StreamNames(), "the one before is as it was")
	again, err := Parse("", Marshal(next), Rules{})
	require.NoError(t, err)
	require.True(t, next.Equal(again), "it can be saved")
}

func TestAProgrammeThatIsRefused(t *testing.T) {
	box, err := Parse("", []byte("[streams.main]\n"), Rules{})
	require.NoError(t, err)
	for doc, want := range map[string]string{
		"[streams.a]\n[network]\nhostname = \"x\"\n": "church:2:2: network: is a setting of the box",
		"[streams.a]\n[console]\n[api]\n":            "console: is a setting of the box",
		"[streams.a]\n[users]\n":                     "users: unknown key",
		"":                                           "no stream, expected at least one",
		"[streams.a]\nvideo.gpo = 3\n":               `church:2:1: streams.a.video.gpo: unknown key; did you mean "gop"?`,
		"[streams.a]\nrecording.mode = \"always\"\n": "needs a disk, but storage.path is empty",
		"streams = 3\n":                              "expected a table",
		"\x00\xff":                                   "church:1:1",
		"[streams.a.destinations.b]\nurl = \"srt://h:1\"\npassphrase = \"***\"\n": "passphrase",
	} {
		_, err := ReplaceProgramme(box, "church", []byte(doc), Rules{})
		require.ErrorContains(t, err, want, doc)
	}
}
