package config

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func patchOK(t *testing.T, c *Config, patch string) *Config {
	t.Helper()
	before, err := json.Marshal(c)
	require.NoError(t, err)
	next, err := MergePatch(c, []byte(patch), rules)
	require.NoError(t, err)
	after, err := json.Marshal(c)
	require.NoError(t, err)
	require.JSONEq(t, string(before), string(after), "the present configuration was touched")
	return next
}

func TestMergePatchChangesAndResets(t *testing.T) {
	c := parse(t, "[streams.main]\nvideo.bitrate = \"3M\"\n")
	n := patchOK(t, c, `{"streams":{"main":{"video":{"bitrate":4000000},"input":{"frame_rate":29.97},"segment":{"window":"30s"}}}}`)
	s := n.Streams["main"]
	require.Equal(t, Bitrate(4_000_000), s.Video.Bitrate.Max)
	require.Equal(t, FrameRate{30000, 1001}, s.Input.FrameRate)
	require.Equal(t, Window{Duration: Duration(30 * time.Second)}, s.Segment.Window)
	require.Equal(t, "box.toml", n.File())

	n = patchOK(t, n, `{"streams":{"main":{"video":{"bitrate":null},"segment":null}}}`)
	require.Equal(t, DefaultStreamConfig().Video.Bitrate, n.Streams["main"].Video.Bitrate)
	require.Equal(t, Window{Segments: 6}, n.Streams["main"].Segment.Window)
}

func TestMergePatchAddsAndRemoves(t *testing.T) {
	c := parse(t, secretDoc)
	n := patchOK(t, c, `{"streams":{"main":{"destinations":{"a":null,"new":{"url":"rtmps://x/app/k"}}},"second":{}}}`)
	require.Equal(t, []string{"main", "second"}, n.StreamNames())
	require.Equal(t, []string{"b", "new"}, n.Streams["main"].DestinationNames())
	n = patchOK(t, n, `{"streams":{"main":null}}`)
	require.Equal(t, []string{"second"}, n.StreamNames())
}

func TestMergePatchKeepsSecretsThatComeBackMasked(t *testing.T) {
	c := parse(t, secretDoc)
	shown, err := json.Marshal(c)
	require.NoError(t, err)
	require.True(t, c.Equal(patchOK(t, c, string(shown))), "all that was shown, sent back, changes nothing")

	n := patchOK(t, c, `{"streams":{"main":{"destinations":{"a":{"passphrase":"another-passphrase","url":"***"}}}}}`)
	require.Equal(t, "another-passphrase", n.Streams["main"].Destinations["a"].Passphrase.Reveal())
	require.Equal(t, c.Streams["main"].Destinations["a"].URL, n.Streams["main"].Destinations["a"].URL)
	n = patchOK(t, c, `{"streams":{"main":{"destinations":{"a":{"passphrase":""}}}}}`)
	require.True(t, n.Streams["main"].Destinations["a"].Passphrase.IsZero())
}

func TestMergePatchOfAllThatWasShownLeavesDefaultsDerived(t *testing.T) {
	c := parse(t, "[streams.main]\n")
	shown, err := json.Marshal(c)
	require.NoError(t, err)
	n := patchOK(t, c, string(shown))
	require.Equal(t, "[streams.main]\n", string(Marshal(n)))
	n = patchOK(t, n, `{"streams":{"main":{"segment":{"duration":"4s"}}}}`)
	require.Equal(t, Duration(4*time.Second), n.Streams["main"].Video.GOP)

	// Sent together with what it would follow, it is what was sent.
	n = patchOK(t, c, `{"streams":{"main":{"segment":{"duration":"4s"},"video":{"gop":"2s"}}}}`)
	require.Equal(t, Duration(2*time.Second), n.Streams["main"].Video.GOP)
}

func TestMergePatchOfTheBitRate(t *testing.T) {
	c := parse(t, "[streams.main.video.bitrate]\nmin = \"1M\"\nmax = \"3M\"\npolicy = \"protect-all\"\n")
	rate := func(patch string) VideoBitrate {
		t.Helper()
		return patchOK(t, c, `{"streams":{"main":{"video":{"bitrate":`+patch+`}}}}`).Streams["main"].Video.Bitrate
	}
	require.Equal(t, VideoBitrate{1_000_000, 2_000_000, 4_000_000, "adaptive", "protect-all"}, rate(`"4M"`), "one value is max alone")
	require.Equal(t, VideoBitrate{300_000, 1_500_000, 3_000_000, "fixed", "protect-all"}, rate(`{"min":null,"mode":"fixed"}`))
	require.Equal(t, DefaultStreamConfig().Video.Bitrate, rate("null"))
	_, err := MergePatch(c, []byte(`{"streams":{"main":{"video":{"bitrate":"500k"}}}}`), rules)
	require.ErrorContains(t, err, "streams.main.video.bitrate.min: got 1M, expected at most max, which is 500k: lower min or raise max")
}

func TestMergePatchMistakes(t *testing.T) {
	for name, c := range map[string]struct{ patch, want string }{
		"two at once":             {`{"http":{"lisen":1},"log":{"level":"x"}}`, "http.lisen: unknown key; did you mean \"listen\"?\nlog.level: got \"x\", expected"},
		"range":                   {`{"streams":{"main":{"video":{"bitrate":1}}}}`, `streams.main.video.bitrate.max: got 1, expected a bit rate from 64k to 100M`},
		"across keys":             {`{"streams":{"main":{"video":{"bitrate":"20M","bitrate_ceiling":"10M"}}}}`, "streams.main.video.bitrate.max: got 20M, expected at most bitrate_ceiling"},
		"last stream removed":     {`{"streams":{"main":null}}`, "streams: no stream"},
		"array as patch":          {`[]`, "got a list, expected a JSON object"},
		"null as patch":           {`null`, "got null, expected a JSON object"},
		"array as value":          {`{"log":[]}`, "log: got a list, expected a table"},
		"unknown key, null":       {`{"nix":null}`, "nix: unknown key"},
		"new destination, no URL": {`{"streams":{"main":{"destinations":{"x":{}}}}}`, "streams.main.destinations.x.url: missing"},
		"name with a dot":         {`{"streams":{"a.b":{}}}`, `streams."a.b": not a name`},
		"mask without a secret":   {`{"streams":{"main":{"destinations":{"x":{"url":"***"}}}}}`, "holds the placeholder"},
		"cut off":                 {`{"log":`, "not valid JSON near byte 7: it ends too early"},
		"text after it":           {`{} {}`, "more text after the object"},
		"no JSON":                 {`x`, "not valid JSON near byte"},
		"empty":                   {``, "not valid JSON near byte 0: it ends too early"},
		"deep":                    {`{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}}}}}}}}}}}}`, "nested too deeply"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := MergePatch(parse(t, "[streams.main]\n"), []byte(c.patch), rules)
			require.ErrorContains(t, err, c.want)
			var all Errors
			require.ErrorAs(t, err, &all)
		})
	}
}

func TestJSONShowsEveryKey(t *testing.T) {
	j, err := json.Marshal(parse(t, secretDoc))
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(j, &m))
	main := m["streams"].(map[string]any)["main"].(map[string]any)
	require.Equal(t, map[string]any{
		"min": "250k", "start": "1.25M", "max": "2.5M", "mode": "adaptive", "policy": "protect-primary",
	}, main["video"].(map[string]any)["bitrate"])
	require.EqualValues(t, 1280, main["input"].(map[string]any)["width"])
	require.EqualValues(t, 6, main["segment"].(map[string]any)["window"])
	require.Equal(t, true, main["hls"].(map[string]any)["enabled"])
	require.Equal(t, Mask, main["destinations"].(map[string]any)["a"].(map[string]any)["passphrase"])
}

// A struct changed by hand is written down in full, whatever was written before.
func TestMarshalWritesWhatDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		again, err := Parse("", Marshal(c), Rules{})
		if err != nil || !again.Equal(c) {
			t.Fatalf("%v\n%s", err, Marshal(c))
		}
	})
}

// drawBitrate is any valid range, its bounds derived or not.
func drawBitrate(t *rapid.T) VideoBitrate {
	b := VideoBitrate{Max: Bitrate(rapid.IntRange(64_000, 100_000_000).Draw(t, "bitrate"))}
	b.derive(func(string) bool { return false })
	if rapid.Bool().Draw(t, "bounds") {
		b.Min = Bitrate(rapid.IntRange(64_000, int(b.Max)).Draw(t, "min"))
		b.Start = Bitrate(rapid.IntRange(int(b.Min), int(b.Max)).Draw(t, "start"))
	}
	b.Mode = rapid.SampledFrom([]string{"adaptive", "fixed"}).Draw(t, "mode")
	b.Policy = rapid.SampledFrom([]string{"protect-primary", "protect-all", "best-for-most"}).Draw(t, "policy")
	return b
}

// drawConfig is any valid configuration.
func drawConfig(t *rapid.T) *Config {
	c := Default()
	c.HTTP.Listen = rapid.SampledFrom([]string{":8080", ":80", "127.0.0.1:9000"}).Draw(t, "listen")
	c.Log.Level = rapid.SampledFrom([]string{"info", "debug"}).Draw(t, "level")
	c.Storage.Live = rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return r != 0xFFFD })).Draw(t, "live")
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,5}`), 1, 3, rapid.ID).Draw(t, "names")
	for _, name := range names {
		s := DefaultStreamConfig()
		s.Input.Kind = rapid.SampledFrom([]string{"pattern", "capture"}).Draw(t, "kind")
		s.Input.Device = "card " + name // each stream its own
		s.Input.Width = 2 * rapid.IntRange(8, 2048).Draw(t, "width")
		s.Input.Loop = rapid.Bool().Draw(t, "loop")
		s.Input.FrameRate = rapid.SampledFrom([]FrameRate{{30, 1}, {30000, 1001}, {25, 2}, {24, 1}}).Draw(t, "rate")
		s.Video.Bitrate = drawBitrate(t)
		s.Video.BitrateCeiling = rapid.SampledFrom([]Bitrate{levelBound(s.Video.Bitrate.Max), s.Video.Bitrate.Max}).Draw(t, "ceiling")
		s.Segment.Duration = Duration(rapid.IntRange(500, 10_000).Draw(t, "segment")) * Duration(time.Millisecond)
		s.Video.GOP = s.Segment.Duration
		s.Segment.Window = Window{Segments: rapid.IntRange(minSegments, 100).Draw(t, "window")}
		s.HLS.Enabled = rapid.Bool().Draw(t, "hls")
		for _, dest := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,3}`), 0, 2, rapid.ID).Draw(t, "destinations") {
			d := DefaultDestination()
			d.URL = NewSecretURL("srt://host:" + rapid.StringMatching(`[1-9][0-9]{0,3}`).Draw(t, "port"))
			d.Passphrase = NewSecret(rapid.StringMatching(`([a-z"\\ #=]{10,20})?`).Draw(t, "passphrase"))
			d.Enabled = rapid.Bool().Draw(t, "enabled")
			s.Destinations[dest] = d
		}
		c.Streams[name] = s
	}
	return c
}
