package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every path that is offered can be described, and every value that is offered, set.
func TestWhatIsOfferedIsTaken(t *testing.T) {
	c := parse(t, secretDoc)
	paths := c.Paths()
	require.Greater(t, len(paths), 80)
	for _, path := range paths {
		k, err := Describe(path)
		require.NoError(t, err)
		require.NotEmpty(t, k.Help, path)
		require.Equal(t, path, k.Path)
		if k.Form == Value {
			require.NotEmpty(t, k.Expected, path)
		}
		for _, v := range c.Values(path) {
			require.NoError(t, NewDraft(c).Set(path, v.Text), "%s %q", path, v.Text)
		}
	}
}

func TestPathsThatAreRefusedNameTheWayOut(t *testing.T) {
	d := NewDraft(parse(t, secretDoc))
	before := string(Marshal(d.Loose()))
	for _, c := range []struct{ path, value, want string }{
		{"", "x", "(all): expected a path that goes on: NAME.KEY"},
		{"streams", "x", "streams: expected a path that goes on: streams.NAME.KEY"},
		{"streams.main", "x", "streams.main: is a table and takes no value; set one of its keys: default, input, "},
		{"streams.main.input", "x", "streams.main.input: is a table, expected one of its keys: kind, path, "},
		{"streams.Main.input.kind", "file", `streams."Main": not a name: 1 to 32 of a-z`},
		{"streams.main.bitrate", "4M", `streams.main.bitrate: unknown key; it belongs in [streams.NAME.video]`},
		{"log.level.x", "info", `log.level: is a value and has no "x" below it`},
		{"log.level", "inof", `log.level: got "inof", expected "debug", "info", "warn" or "error"; did you mean "info"?`},
		{"log..level", "info", `log."": unknown key; `},
		{strings.Repeat("a", 300), "", "a path of 300 bytes, expected at most 256"},
		{"storage.path", strings.Repeat("a", maxValue+1), "storage.path: a value of 16385 bytes, expected at most 16384"},
		{"storage.path", "a\x00", "storage.path: holds bytes that are no text"},
		{"streams.main.input.width", "640.5", `streams.main.input.width: got 640.5, expected an even number from 0 to 4096`},
		{"streams.main.destinations.a.passphrase", "with *** in it", "streams.main.destinations.a.passphrase: holds the placeholder"},
	} {
		err := d.Set(c.path, c.value)
		var e *Error
		require.ErrorAs(t, err, &e, c.path)
		require.Contains(t, err.Error(), c.want)
	}
	for path, want := range map[string]string{
		"":                            "everything cannot be deleted",
		"log.level":                   "is not set: it has its default already",
		"streams.none":                "there is none of this name, expected one of main",
		"streams.main.destinations.c": "there is none of this name, expected one of a, b",
		"streams.main.groups":         "there is nothing to delete",
		"nonsense":                    "unknown key",
	} {
		require.ErrorContains(t, d.Delete(path), want)
	}
	require.Equal(t, before, string(Marshal(d.Loose())))
}

func TestSetTakesTheNotationsOfPeople(t *testing.T) {
	d := NewDraft(parse(t, "[streams.main]\n"))
	for path, value := range map[string]string{
		"streams.main.video.bitrate": "2500 kb/s", "streams.main.hls.enabled": "off", "streams.main.dash.enabled": "true",
		"streams.main.input.width": "640", "streams.main.input.frame_rate": "29.97", "streams.main.segment.window": "8", "storage.reserve": "1GB",
	} {
		require.NoError(t, d.Set(path, value), path)
	}
	c, err := d.Config(rules)
	require.NoError(t, err)
	require.Equal(t, "[storage]\nreserve = \"1GB\"\n\n[streams.main.input]\nwidth = 640\nframe_rate = \"30000/1001\"\n\n"+
		"[streams.main.video]\nbitrate = \"2.5M\"\n\n[streams.main.segment]\nwindow = 8\n\n[streams.main.hls]\nenabled = false\n\n"+
		"[streams.main.dash]\nenabled = true\n", string(Marshal(c)))
}

func TestAssignIsAllOrNothing(t *testing.T) {
	d := NewDraft(parse(t, secretDoc))
	require.NoError(t, d.Assign(map[string]string{"log.level": "debug", "log.format": "", "streams.main.destinations.b": "", "streams.main.destinations.none": ""}))
	c, err := d.Config(rules)
	require.NoError(t, err)
	require.Equal(t, "debug", c.Log.Level)
	require.Equal(t, []string{"a"}, c.Streams["main"].DestinationNames())
	require.ErrorContains(t, d.Assign(map[string]string{"log.level": "", "nonsense": ""}), "nonsense: unknown key")
	require.ErrorContains(t, d.Assign(map[string]string{"log.level": "", "streams.main.hls.enabled": "maybe"}), "maybe")
	again, err := d.Config(rules)
	require.NoError(t, err)
	require.Equal(t, string(Marshal(c)), string(Marshal(again)))
}
