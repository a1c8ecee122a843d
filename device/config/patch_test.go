package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const commented = `# The box in the hall.

[http]
listen = ":8080"   # for everyone

# The programme.
[streams.main]
default = true

[streams.main.video]
  # Agreed with the platform.
  bitrate = '3M' # at most 4M
  gop = "1s"

# The platform.
[streams.main.destinations.platform]
url = "rtmp://h/app/key"
enabled = false

# The end.
`

func TestPatchKeepsWhatDidNotChange(t *testing.T) {
	cases := []struct{ name, doc, merge, want string }{
		{
			"a value, with its comment", commented, `{"streams":{"main":{"video":{"bitrate":"4M"}}}}`,
			strings.Replace(commented, "'3M'", `"4M"`, 1),
		},
		{
			"the same value in another notation stays", commented, `{"streams":{"main":{"video":{"bitrate":3000000}}}}`, commented,
		},
		{
			"more than one value of the bit rate", commented, `{"streams":{"main":{"video":{"bitrate":{"min":"1M"}}}}}`,
			strings.Replace(commented, "'3M'", `{ min = "1M", max = "3M" }`, 1),
		},
		{
			"a mode beside the default bit rate", "[streams.main.video]\ngop = \"1s\"\n", `{"streams":{"main":{"video":{"bitrate":{"mode":"fixed"}}}}}`,
			"[streams.main.video]\ngop = \"1s\"\n\n[streams.main.video.bitrate]\nmode = \"fixed\"\n",
		},
		{
			"a bit rate where there was none", "[streams.main.video]\ngop = \"1s\"\n", `{"streams":{"main":{"video":{"bitrate":"3M"}}}}`,
			"[streams.main.video]\ngop = \"1s\"\nbitrate = \"3M\"\n",
		},
		{
			"the same bit rate of an inline table in another notation stays", "[streams]\nmain = { video = { bitrate = 3e6 } } # x\n", `{"streams":{"main":{"video":{"bitrate":"3M"}}}}`,
			"[streams]\nmain = { video = { bitrate = 3e6 } } # x\n",
		},
		{
			"a key of the bit rate's table", "[streams.main.video.bitrate]\nmax = \"3M\" # x\n", `{"streams":{"main":{"video":{"bitrate":"4M"}}}}`,
			"[streams.main.video.bitrate]\nmax = \"4M\" # x\n",
		},
		{
			"a new key, indented as its neighbours", commented, `{"streams":{"main":{"video":{"encoder":"software"}}}}`,
			strings.Replace(commented, "  gop = \"1s\"\n", "  gop = \"1s\"\n  encoder = \"software\"\n", 1),
		},
		{
			"a key set back to its default", commented, `{"streams":{"main":{"video":{"gop":null}}}}`,
			strings.Replace(commented, "  gop = \"1s\"\n", "", 1),
		},
		{
			"a new key and a new table behind the same line", commented, `{"streams":{"main":{"audio":{"mode":"off"},"destinations":{"platform":{"connect_timeout":"9s"}}}}}`,
			strings.Replace(commented, "enabled = false\n", "enabled = false\nconnect_timeout = \"9s\"\n\n[streams.main.audio]\nmode = \"off\"\n", 1),
		},
		{
			"a destination that goes leaves no gap", "[streams.main]\ndefault = true\n\n[streams.main.destinations.a]\nurl = \"srt://h:1\"\n\n[log]\nlevel = \"debug\"\n",
			`{"streams":{"main":{"destinations":{"a":null}}}}`,
			"[streams.main]\ndefault = true\n\n[log]\nlevel = \"debug\"\n",
		},
		{
			"a new table, among those of its stream", commented, `{"streams":{"main":{"audio":{"mode":"off"}}}}`,
			strings.Replace(commented, "enabled = false\n", "enabled = false\n\n[streams.main.audio]\nmode = \"off\"\n", 1),
		},
		{
			"a new top-level table, at the end", commented, `{"log":{"level":"debug"}}`,
			commented + "\n[log]\nlevel = \"debug\"\n",
		},
		{
			"a new destination, behind the others", commented, `{"streams":{"main":{"destinations":{"b":{"url":"srt://h:1"}}}}}`,
			strings.Replace(commented, "enabled = false\n", "enabled = false\n\n[streams.main.destinations.b]\nurl = \"srt://h:1\"\n", 1),
		},
		{
			"a destination removed", commented, `{"streams":{"main":{"destinations":{"platform":null}}}}`,
			strings.Replace(commented, "[streams.main.destinations.platform]\nurl = \"rtmp://h/app/key\"\nenabled = false\n", "", 1),
		},
		{
			"dotted keys", "[streams.main]\ninput.width = 640 # small\nhls.enabled = true\n", `{"streams":{"main":{"input":{"width":320,"height":240}}}}`,
			"[streams.main]\ninput.width = 320 # small\ninput.height = 240\nhls.enabled = true\n",
		},
		{
			"inline tables", "[streams]\nmain = { input = { width = 640 } } # small\n", `{"streams":{"main":{"input":{"height":240}}}}`,
			"[streams]\nmain = { input = { width = 640, height = 240 } } # small\n",
		},
		{
			"a key of a table that only its subtables imply", "[streams.main.video]\ngop = \"1s\"\n", `{"streams":{"main":{"default":true}}}`,
			"[streams.main.video]\ngop = \"1s\"\n\n[streams.main]\ndefault = true\n",
		},
		{
			"a header without keys", "[streams.main] # here\n\n[log]\nlevel = \"info\"", `{"streams":{"main":{"default":true}},"log":{"format":"json"}}`,
			"[streams.main] # here\ndefault = true\n\n[log]\nlevel = \"info\"\nformat = \"json\"\n",
		},
		{
			"CRLF", "[streams.main]\r\n# x\r\ndefault = true\r\n", `{"streams":{"main":{"hls":{"enabled":false}}}}`,
			"[streams.main]\r\n# x\r\ndefault = true\r\n\r\n[streams.main.hls]\r\nenabled = false\r\n",
		},
		{
			"a multi-line text", "[streams.main]\n[storage]\nlive = \"\"\"/a\\\n  /b\"\"\" # x\n", `{"storage":{"live":"/c\nd"}}`,
			"[streams.main]\n[storage]\nlive = \"/c\\u000Ad\" # x\n",
		},
		{
			"a stream renamed", "[streams.a]\n# about a\nhls.enabled = false # y\n# z\n", `{"streams":{"a":null,"b":{}}}`,
			"# about a\n\n[streams.b]\n# z\n",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			next, err := MergePatch(parse(t, c.doc), []byte(c.merge), rules)
			require.NoError(t, err)
			out, kept, err := Patch([]byte(c.doc), next)
			require.NoError(t, err)
			require.Equal(t, c.want, string(out))
			require.True(t, kept)
			require.True(t, next.Equal(parse(t, string(out))))
		})
	}
}

func TestPatchWritesAnewWhatItCannotChange(t *testing.T) {
	out, kept, err := Patch([]byte("broken = = # comment\n"), parse(t, "[streams.main]\ndefault = true\n"))
	require.NoError(t, err)
	require.False(t, kept)
	require.Equal(t, "# Written anew by encoderd, without comments: what had them is in the folder versions of storage.state.\n\n[streams.main]\ndefault = true\n", string(out))

	_, _, err = Patch([]byte(commented), Default())
	require.ErrorContains(t, err, "no stream", "nothing invalid is ever written")
}

// Whatever one configuration is changed into, the patched text reads as it.
func TestPatchGivesWhatWasAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := drawConfig(t), drawConfig(t)
		doc := rapid.SampledFrom([]string{string(Marshal(from)), commented, "[streams.main]\ninput.loop = false\n"}).Draw(t, "doc")
		out, kept, err := Patch([]byte(doc), to)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("", out, Rules{})
		if err != nil || !again.Equal(to) {
			t.Fatalf("%v\nfrom:\n%s\nto:\n%s", err, doc, out)
		}
		if !kept {
			t.Fatalf("written anew\nfrom:\n%s\nto:\n%s", doc, Marshal(to))
		}
	})
}

func TestStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "box.toml")
	require.NoError(t, os.WriteFile(file, []byte(commented), 0o600))
	c, err := Load(file, rules)
	require.NoError(t, err)
	next := patchOK(t, c, `{"streams":{"main":{"video":{"bitrate":"4M"}}}}`)
	kept, err := Store(file, c, next)
	require.NoError(t, err)
	require.True(t, kept)
	again, err := Load(file, rules)
	require.NoError(t, err)
	require.True(t, again.Equal(next))

	_, err = Store(file, c, next)
	require.ErrorIs(t, err, ErrChanged, "an edit by someone else is not undone")
	_, err = Store(file+"none", c, next)
	require.ErrorIs(t, err, os.ErrNotExist)
}
