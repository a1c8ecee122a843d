package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var rules = Rules{
	Schemes: []string{"rtmp", "rtmps", "srt", "http", "https"},
	KindOf: func(scheme string) (string, bool) {
		if strings.HasPrefix(scheme, "http") {
			return "hls", true
		}
		return scheme, false
	},
}

func parse(t *testing.T, doc string) *Config {
	t.Helper()
	c, err := Parse("box.toml", []byte(doc), rules)
	require.NoError(t, err)
	return c
}

func TestDefaultsAreFilledIn(t *testing.T) {
	c := parse(t, "[streams.main]\n")
	require.Equal(t, ":8080", c.HTTP.Listen)
	s := c.Streams["main"]
	require.Equal(t, DefaultStreamConfig(), s)
	require.Equal(t, "pattern", s.Input.Kind)
	require.Equal(t, FrameRate{Num: 30, Den: 1}, s.Input.FrameRate)
	require.Equal(t, VideoBitrate{Min: 250_000, Start: 1_250_000, Max: 2_500_000, Mode: "adaptive", Policy: "protect-primary"}, s.Video.Bitrate)
	require.Equal(t, Duration(2*time.Second), s.Video.GOP, "follows segment.duration")
	require.Equal(t, Duration(14*time.Second), s.Segment.Grace, "six segments and one")
	require.True(t, s.HLS.Enabled)
	require.NotNil(t, s.Destinations)
	require.Equal(t, "main", c.DefaultStream())
}

func TestDerivedDefaultsFollow(t *testing.T) {
	c := parse(t, "[streams.main]\nsegment.duration = \"4s\"\nvideo.bitrate = \"12M\"\n")
	s := c.Streams["main"]
	require.Equal(t, Duration(4*time.Second), s.Video.GOP)
	require.Equal(t, Bitrate(20_000_000), s.Video.BitrateCeiling)
	require.Equal(t, Duration(28*time.Second), s.Segment.Grace)
}

func TestDefaultStream(t *testing.T) {
	require.Equal(t, "a", parse(t, "[streams.b]\n[streams.a]\n").DefaultStream())
	require.Equal(t, "b", parse(t, "[streams.b]\ndefault = true\n[streams.a]\n").DefaultStream())
	require.Empty(t, Default().DefaultStream())
}

// Every way of writing tables gives the same configuration.
func TestTableNotations(t *testing.T) {
	want := parse(t, "[streams.main.video]\nbitrate = \"3M\"\n[streams.main.destinations.a]\nurl = \"srt://h:1\"\n")
	for name, doc := range map[string]string{
		"dotted keys":           "streams.main.video.bitrate = 3_000_000\nstreams.main.destinations.a.url = 'srt://h:1'\n",
		"inline tables":         "streams = { main = { video = { bitrate = 3e6 }, destinations = { a = { url = \"srt://h:1\" } } } }\n",
		"quoted keys":           "[\"streams\".main]\n\"video\".bitrate = \"3000k\"\n[streams.main.destinations]\na.url = \"\"\"srt://h:1\"\"\"\n",
		"subtable before table": "[streams.main.video]\nbitrate = \"3M\"\n[streams.main]\ndestinations.a = {url = \"srt://h:1\"}\n",
		"table of the bit rate": "[streams.main.video.bitrate]\nmax = \"3M\"\n[streams.main.destinations.a]\nurl = \"srt://h:1\"\n",
		"inline bit rate":       "streams.main.video.bitrate = { max = \"3M\" }\nstreams.main.destinations.a.url = 'srt://h:1'\n",
		"dotted bit rate":       "[streams.main]\nvideo.bitrate.max = 3_000_000\ndestinations.a.url = 'srt://h:1'\n",
		"CRLF":                  "[streams.main]\r\nvideo.bitrate = \"3M\"\r\ndestinations.a.url = \"srt://h:1\"\r\n",
	} {
		t.Run(name, func(t *testing.T) { require.True(t, want.Equal(parse(t, doc))) })
	}
}

// Each mistake is one line with its place, its key, and the way out.
func TestMistakes(t *testing.T) {
	const main, bitrate = "[streams.main]\n", "[streams.main.video.bitrate]\n"
	cases := []struct{ name, doc, want string }{
		{"unknown key near a known one", main + "[http]\nlisen = 1\n", `box.toml:3:1: http.lisen: unknown key; did you mean "listen"?`},
		{"unknown key that another table has", main + "[http]\ngop = 1\n", "box.toml:3:1: http.gop: unknown key; it belongs in [streams.NAME.video]"},
		{"unknown key like nothing", main + "[log]\nzzzzzz = 1\n", "box.toml:3:1: log.zzzzzz: unknown key; expected one of level, format"},
		{"unknown key in an inline table", "[streams.main]\nvideo = { bitrat = 1 }\n", `box.toml:2:11: streams.main.video.bitrat: unknown key; did you mean "bitrate"?`},
		{"unknown table", main + "[stream.x]\n", `box.toml:2:2: stream: unknown key; did you mean "streams"?`},
		{"column counts letters, not bytes", main + "[log]\n\"ü\" = 1\n", `box.toml:3:1: log."ü": unknown key`},
		{"wrong type", main + "default = \"yes\"\n", `box.toml:2:1: streams.main.default: got "yes", expected true or false`},
		{"list for a value", main + "[log]\nlevel = [\"info\"]\n", `box.toml:3:1: log.level: got a list, expected "debug", "info", "warn" or "error"`},
		{"date for a value", main + "segment.duration = 2026-01-01\n", "streams.main.segment.duration: got 2026-01-01, expected a duration from 500ms to 10s"},
		{"number for a duration", main + "segment.duration = 2\n", `streams.main.segment.duration: got 2, expected a duration from 500ms to 10s, such as "2s" or "500ms"`},
		{"not of the list", main + "[log]\nlevel = \"inf\"\n", `box.toml:3:1: log.level: got "inf", expected "debug", "info", "warn" or "error"; did you mean "info"?`},
		{"below the range", main + "video.bitrate = \"1k\"\n", `box.toml:2:1: streams.main.video.bitrate: got "1k", expected a bit rate from 64k to 100M, such as "2.5M" or "800k"`},
		{"beyond 32 bits", main + "input.width = 99999999999\n", "streams.main.input.width: got 99999999999, expected an even number from 0 to 4096"},
		{"odd width", main + "input.width = 1281\n", "streams.main.input.width: got 1281, expected an even number from 0 to 4096"},
		{"frame rate out of range", main + "input.frame_rate = 300\n", "streams.main.input.frame_rate: got 300, expected a frame rate from 0 to 120"},
		{"listen without port", main + "[http]\nlisten = \"localhost\"\n", `box.toml:3:1: http.listen: got "localhost", expected address:port or :port`},
		{"table where a value belongs", main + "[log.level]\n", "box.toml:2:2: log.level: got a table, expected"},
		{"value where a table belongs", "streams = 3\n", "box.toml:1:1: streams: got 3, expected a table: [streams.NAME]"},
		{"list of tables", "[[streams.main]]\n", "box.toml:1:3: streams.main: got a list, expected a table: [streams.main]"},
		{"name in capitals", "[streams.Main]\n", `streams."Main": not a name: 1 to 32 of a-z`},
		{"no stream", "[http]\n", "box.toml:1:1: streams: no stream, expected at least one: [streams.main]"},
		{"two defaults", "[streams.a]\ndefault = true\n[streams.b]\ndefault = true\n", "box.toml:4:1: streams.b.default: a is the default stream already"},
		{"file without path", main + "input.kind = \"file\"\n", "streams.main.input.path: missing: input.kind \"file\" needs the file to play"},
		{"passthrough of raw pictures", main + "video.encoder = \"passthrough\"\n", "box.toml:2:1: streams.main.video.encoder: got \"passthrough\", but input.kind \"pattern\" is not encoded yet"},
		{"picture of eight columns", main + "input.width = 8\n", "box.toml:2:1: streams.main.input.width: got 8, expected an even number from 16 to 4096, or 0 for the default"},
		{"half a picture a second", main + "input.frame_rate = 0.5\n", `box.toml:2:1: streams.main.input.frame_rate: got 1/2, expected a frame rate from 2 to 120`},
		{"half a picture a second of a camera", main + "input.kind = \"capture\"\ninput.frame_rate = 0.5\n", `box.toml:3:1: streams.main.input.frame_rate: got 1/2, expected a frame rate from 1 to 120`},
		{"half a size for capture", main + "input.kind = \"capture\"\ninput.width = 640\n", "streams.main.input.height: missing: width is set, expected both or neither"},
		{"capture that is encoded already", main + "input.kind = \"capture\"\nvideo.encoder = \"passthrough\"\n", `but input.kind "capture" is not encoded yet`},
		{"bit rate above its maximum", main + "video.bitrate = \"3M\"\nvideo.bitrate_ceiling = \"2M\"\n", "box.toml:2:1: streams.main.video.bitrate.max: got 3M, expected at most bitrate_ceiling, which is 2M: lower max"},
		{"least bit rate above the highest", bitrate + "min = \"4M\"\nmax = \"3M\"\n", "box.toml:2:1: streams.main.video.bitrate.min: got 4M, expected at most max, which is 3M: lower min or raise max"},
		{"least bit rate above the default", bitrate + "min = \"4M\"\n", "box.toml:2:1: streams.main.video.bitrate.min: got 4M, expected at most max, which is 2.5M"},
		{"start below the least", bitrate + "min = \"1M\"\nstart = \"500k\"\n", "box.toml:3:1: streams.main.video.bitrate.start: got 500k, expected at least min, which is 1M: raise start or remove it"},
		{"start above the highest", bitrate + "start = \"3M\"\n", "box.toml:2:1: streams.main.video.bitrate.start: got 3M, expected at most max, which is 2.5M: lower start or remove it"},
		{"unknown mode", bitrate + "mode = \"adaptiv\"\n", `box.toml:2:1: streams.main.video.bitrate.mode: got "adaptiv", expected "adaptive" or "fixed"; did you mean "adaptive"?`},
		{"unknown policy", bitrate + "policy = \"protect-al\"\n", `box.toml:2:1: streams.main.video.bitrate.policy: got "protect-al", expected "protect-primary", "protect-all" or "best-for-most"; did you mean "protect-all"?`},
		{"bit rate that is a list", main + "video.bitrate = [1, 2]\n", "box.toml:2:1: streams.main.video.bitrate: got a list, expected a table: [streams.main.video.bitrate]"},
		{"bit rate that is a truth", main + "video.bitrate = true\n", "box.toml:2:1: streams.main.video.bitrate: got true, expected a bit rate from 64k to 100M"},
		{"bit rate of pictures that are encoded already", main + "input.kind = \"file\"\ninput.path = \"a.mp4\"\nvideo.encoder = \"passthrough\"\nvideo.bitrate = \"3M\"\n", `box.toml:5:1: streams.main.video.bitrate: is for pictures that are encoded here, and encoder is "passthrough": remove it`},
		{"key that is called otherwise now", main + "video.max_bitrate = \"20M\"\n", `box.toml:2:1: streams.main.video.max_bitrate: unknown key; it is called "bitrate_ceiling" now`},
		{"bit rate in the wrong table", main + "bitrate = \"3M\"\n", "box.toml:2:1: streams.main.bitrate: unknown key; it belongs in [streams.NAME.video] or [streams.NAME.audio]"},
		{"two primary destinations", "[streams.main.destinations.a]\nurl = \"srt://h:1\"\nprimary = true\n[streams.main.destinations.b]\nurl = \"srt://h:1\"\nprimary = true\n", "box.toml:6:1: streams.main.destinations.b.primary: a is the primary destination already, expected one at most"},
		{"GOP that does not fit the segment", main + "video.gop = \"1500ms\"\n", "box.toml:2:1: streams.main.video.gop: got 1.5s, expected a whole fraction of segment.duration, which is 2s, such as 1s"},
		{"window of too few segments", main + "segment.window = 2\n", "box.toml:2:1: streams.main.segment.window: got 2 segments, expected 3 to 10000"},
		{"window shorter than three segments", main + "segment.window = \"5s\"\n", "got 5s, expected at least 3 segments of 2s: 6s"},
		{"window of a great many segments", main + "segment.window = 2147483647\n", "got 2147483647 segments, expected 3 to 10000"},
		{"destination without URL", "[streams.main.destinations.a]\n", `box.toml:1:2: streams.main.destinations.a.url: missing, expected a URL in quotes`},
		{"scheme that no kind has", "[streams.main.destinations.a]\nurl = \"rtpm://h/app/key\"\n", `box.toml:2:1: streams.main.destinations.a.url: unknown scheme "rtpm", expected one of rtmp://, rtmps://, srt://, http://, https://; did you mean rtmp://?`},
		{"URL without scheme", "[streams.main.destinations.a]\nurl = \"host/app/key\"\n", "box.toml:2:1: streams.main.destinations.a.url: no scheme://, expected one of rtmp://"},
		{"URL without host", "[streams.main.destinations.a]\nurl = \"rtmp:///app\"\n", "streams.main.destinations.a.url: no host, expected rtmp://host/"},
		{"URL with an impossible port", "[streams.main.destinations.a]\nurl = \"srt://h:99999\"\n", `streams.main.destinations.a.url: port "99999", expected 1 to 65535`},
		{"SRT option for RTMP", "[streams.main.destinations.a]\nurl = \"rtmp://h/a/b\"\nlatency = \"1s\"\n", "box.toml:3:1: streams.main.destinations.a.latency: is an option of srt destinations"},
		{"latency twice", "[streams.main.destinations.a]\nurl = \"srt://h:1?latency=80\"\nlatency = \"1s\"\n", "box.toml:3:1: streams.main.destinations.a.latency: is given in the URL too"},
		{"short passphrase", "[streams.main.destinations.a]\nurl = \"srt://h:1\"\npassphrase = \"short\"\n", "box.toml:3:1: streams.main.destinations.a.passphrase: 5 characters long, expected 10 to 79"},
		{"retries out of order", "[streams.main.destinations.a]\nurl = \"srt://h:1\"\nretry_timeout = \"2m\"\n", "box.toml:3:1: streams.main.destinations.a.retry_timeout: got 2m, expected at most retry_max, which is 1m"},
		{"masked secret pasted back", "[streams.main.destinations.a]\nurl = \"rtmp://h/app/***\"\n", "box.toml:2:1: streams.main.destinations.a.url: holds the placeholder ***"},
		{"recording without a disk", main + "recording.mode = \"always\"\n", `box.toml:2:1: streams.main.recording.mode: recording needs a disk, but storage.path is empty: set it to a folder, such as "/media/usb"`},
		{"time shift without a disk", main + "time_shift.depth = \"2h\"\n", "streams.main.time_shift.depth: time shift beyond the live window needs a disk"},
		{"schedule without times", "[storage]\npath = \"/media/usb\"\n" + main + "recording.mode = \"schedule\"\n", `streams.main.recording.schedule: missing: recording.mode "schedule" needs days and times`},
		{"store for a packet push", "[streams.main.destinations.a]\nurl = \"srt://h:1\"\nstore = \"off\"\n", "box.toml:3:1: streams.main.destinations.a.store: is an option of hls, dash and s3 destinations, this one is srt://: remove it"},
		{"retry limit of a segment destination", "[streams.main.destinations.a]\nurl = \"https://h/live/\"\nretry_limit = 3\n", "box.toml:3:1: streams.main.destinations.a.retry_limit: is an option of destinations that take packets"},
		{"syntax", main + "default = yes\n", `box.toml:2:11: unexpected character U+0079 'y' at start of value, in the value of "default"; texts need quotes: default = "…"`},
		{"table twice", main + main, `box.toml:2:2: table main already exists, in the table header "[streams.main]"`},
		{"key twice", main + "default = true\ndefault = true\n", `box.toml:3:1: key default is already defined, at "default"`},
		{"no TOML at all", "\x89PNG\r\n", "box.toml:1:1: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("box.toml", []byte(c.doc), rules)
			require.Error(t, err)
			require.Contains(t, err.Error(), c.want)
			require.NotContains(t, err.Error(), "\n", "one mistake is one line")
		})
	}
}

func TestAllMistakesAtOnceInOrder(t *testing.T) {
	_, err := Parse("box.toml", []byte(`[http]
lisen = ":80"
[log]
level = "loud"
[streams.Bad]
[streams.main]
input.kind = "file"
video = { bitrate = "9M", bitrate_ceiling = "1M" }
[streams.main.destinations.a]
url = "gopher://host/"
`), rules)
	var all Errors
	require.ErrorAs(t, err, &all)
	var keys []string
	for _, e := range all {
		require.NotZero(t, e.Line)
		require.NotZero(t, e.Column)
		keys = append(keys, e.Key)
	}
	require.Equal(t, []string{
		"http.lisen", "log.level", `streams."Bad"`, "streams.main.input.path",
		"streams.main.video.bitrate.max", "streams.main.destinations.a.url",
	}, keys)
	var one *Error
	require.ErrorAs(t, err, &one)
}

func TestCheckOfTheKindIsAskedAndMasked(t *testing.T) {
	r := Rules{Check: func(name string, d Destination) error {
		require.Equal(t, "a", name)
		return errors.New("cannot use " + d.URL.Reveal() + " with " + d.Passphrase.Reveal() + " nor hunter2hunter2")
	}}
	_, err := Parse("box.toml", []byte("[streams.main.destinations.a]\nurl = \"srt://h:1?streamid=hunter2hunter2\"\npassphrase = \"swordfish1234\"\n"), r)
	require.EqualError(t, err, "box.toml:1:2: streams.main.destinations.a: cannot use *** with *** nor ***")
}

func TestLoadNamesTheMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"), rules)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Contains(t, err.Error(), "none.toml: no such file or directory; give the path of a configuration file")
	_, err = Load(t.TempDir(), rules)
	require.ErrorContains(t, err, ": is a directory; give the path")
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	c, err := Parse("/etc/encoderbox/box.toml", []byte("[streams.main]\n"), rules)
	require.NoError(t, err)
	require.Equal(t, "/etc/encoderbox/clip.mp4", c.Path("clip.mp4"))
	require.Equal(t, "/srv/clip.mp4", c.Path("/srv/clip.mp4"))
	require.Empty(t, c.Path(""))
	require.Equal(t, "clip.mp4", Default().Path("clip.mp4"))
}

func TestCloneSharesNothing(t *testing.T) {
	a := parse(t, "[streams.main.destinations.a]\nurl = \"srt://h:1\"\n")
	b := a.Clone()
	require.True(t, a.Equal(b))
	delete(b.Streams["main"].Destinations, "a")
	b.Streams["new"] = DefaultStreamConfig()
	require.Len(t, a.Streams, 1)
	require.Len(t, a.Streams["main"].Destinations, 1)
	require.False(t, a.Equal(b))
}

func TestEqualSeesEveryKey(t *testing.T) {
	const doc = "[streams.main.destinations.a]\nurl = \"srt://h:1\"\n"
	a := parse(t, doc)
	for path, line := range map[string]string{
		"http": "[http]\nlisten=\":1\"\n", "log": "[log]\nlevel=\"warn\"\n", "storage": "[storage]\nlive=\"/x\"\n",
		"stream": "[streams.main]\ndefault=true\n", "input": "[streams.main.input]\nloop=false\n",
		"destination": "", "hls": "[streams.main.hls]\nenabled=false\n",
	} {
		other := doc
		if path == "destination" {
			other = strings.Replace(doc, ":1", ":2", 1)
		}
		require.False(t, a.Equal(parse(t, other+line)), path)
	}
	require.True(t, a.Equal(parse(t, doc+"[http]\nlisten=\":8080\"\n")), "a default written down is the same")
}

func TestLivePath(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "blocked")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	env := map[string]string{"RUNTIME_DIRECTORY": dir + "/run:" + dir + "/other", "XDG_RUNTIME_DIR": dir + "/xdg"}
	get := func(k string) string { return env[k] }
	try := func(system string) string {
		got, err := livePath(get, system, dir, os.Getuid())
		require.NoError(t, err)
		require.DirExists(t, got)
		return got
	}
	require.Equal(t, dir+"/run", try(dir+"/system"))
	env["RUNTIME_DIRECTORY"] = ""
	require.Equal(t, dir+"/system", try(dir+"/system"))
	require.Equal(t, dir+"/xdg/encoderbox", try(blocked))
	env["XDG_RUNTIME_DIR"] = ""
	require.Contains(t, try(blocked), dir+"/encoderbox-")

	_, err := livePath(get, blocked, dir, os.Getuid()+1)
	require.NoError(t, err, "another user's folder does not stand in the way of a new one")
	_, err = livePath(get, blocked, blocked, os.Getuid())
	require.ErrorContains(t, err, "storage.live")

	link := filepath.Join(t.TempDir(), "tmp")
	require.NoError(t, os.Mkdir(link, 0o700))
	require.NoError(t, os.Symlink(dir, filepath.Join(link, filepath.Base(try(blocked)))))
	_, err = livePath(get, blocked, link, os.Getuid())
	require.ErrorContains(t, err, "not a folder of this user", "a link laid out by someone else is not followed")
}

func TestDestinationOptions(t *testing.T) {
	d := DefaultDestination()
	d.URL = NewSecretURL("srt://h:1")
	require.Equal(t, map[string]string{"latency": "200ms"}, d.Options("srt", false))
	d.Passphrase = NewSecret("ten characters")
	d.URL = NewSecretURL("srt://h:1?latency=80")
	require.Equal(t, map[string]string{"passphrase": "ten characters"}, d.Options("srt", false), "the URL's own latency holds")
	d.URL = NewSecretURL("rtmp://h/app/key")
	require.Empty(t, d.Options("rtmp", false))
}

func TestDisksThatComeAndGoMustBeMounted(t *testing.T) {
	for path, want := range map[string]bool{
		"/media/usb": true, "/mnt/sd": true, "/run/media/x": true, "/mnt": true,
		"/data": false, "/mediathek": false, "": false, "recordings": false,
	} {
		c, err := Parse("box.toml", []byte("[streams.main]\n[storage]\npath = \""+path+"\"\n"), rules)
		require.NoError(t, err)
		require.Equal(t, want, c.Storage.RequireMount, path)
	}
	c, err := Parse("box.toml", []byte("[streams.main]\n[storage]\npath = \"/media/usb\"\nrequire_mount = false\n"), rules)
	require.NoError(t, err)
	require.False(t, c.Storage.RequireMount)
}
