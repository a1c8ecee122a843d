package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	pass      = "hunter2-hunter2"
	streamKey = "live_key_1234"
	secretDoc = "[streams.main.destinations.a]\nurl = \"srt://u:" + pass + "@h:1?streamid=" + streamKey + "\"\npassphrase = \"" + pass + "\"\n" +
		"[streams.main.destinations.b]\nurl = \"rtmp://h/app/" + streamKey + "\"\n"
)

func requireNoSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range []string{pass, streamKey} {
		require.NotContains(t, text, s, where)
		require.NotContains(t, text, fmt.Sprintf("%x", s), where)
	}
}

// However a configuration is printed, its secrets do not come out.
func TestSecretsAreNeverPrinted(t *testing.T) {
	c := parse(t, secretDoc)
	a := c.Streams["main"].Destinations["a"]
	require.Equal(t, pass, a.Passphrase.Reveal())
	require.Contains(t, a.URL.Reveal(), streamKey)

	type holder struct{ secret, url any }
	type hidden struct {
		secret Secret
		url    SecretURL
	}
	values := []any{
		a.Passphrase, &a.Passphrase, a.URL, &a.URL, a, &a, c, *c, c.Streams,
		holder{a.Passphrase, a.URL}, hidden{a.Passphrase, a.URL}, []Secret{a.Passphrase}, map[string]SecretURL{"x": a.URL},
	}
	for i, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%10v"} {
			requireNoSecret(t, fmt.Sprintf("value %d by %s", i, verb), fmt.Sprintf(verb, v))
		}
		j, err := json.Marshal(v)
		require.NoError(t, err)
		requireNoSecret(t, fmt.Sprintf("value %d as JSON", i), string(j))
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		requireNoSecret(t, fmt.Sprintf("value %d logged", i), b.String())
	}
	require.Equal(t, "***", fmt.Sprint(a.Passphrase))
	require.Equal(t, "srt://***@h:1?***", fmt.Sprint(a.URL))
	require.Equal(t, "rtmp://h/app/***", c.Streams["main"].Destinations["b"].URL.String())
}

// What cannot be understood may be a secret: errors do not quote it.
func TestSecretsAreNotInErrors(t *testing.T) {
	for _, line := range []string{
		"passphrase = " + pass, "passphrase = \"" + pass, "passphrase " + pass, pass, "\"" + pass + "\"",
		"passphrase = \"" + pass + "\\q\"", "passphrase = '''" + pass, "passphrase = [\"" + pass + "\"",
		"passphrase = [\"" + pass + "\"]", "passphrase = { a = \"" + pass + "\" }", "passphrase = \"x" + pass + strings.Repeat("y", 80) + "\"",
		"url = \"" + pass + "\"", "url = \"://" + pass + "\"", "url = \"rtmp:" + pass + "\"", "url = \"rtmp:///" + pass + "\"",
		"url = \"rtmp://h:" + pass + "/\"", "url = \"gopher://h/" + pass + "\"", "url = \"rtmp://h/%zz" + pass + "\"",
		"url = \"rtmp://h/app/" + pass + "\" latency = 2", "url = rtmp://h/app/" + pass, "url = 'rtmp://h/app/" + pass + "\"",
		"url: \"" + pass + "\"", "url = \"***" + pass + "\"", "url = \"" + pass + "\"\nurl = \"" + pass + "\"",
		"url = 0x" + pass, "url = 2026-01-01T" + pass, "url = 1_" + pass, "url = \"\x00" + pass + "\"", "url = \"\xff" + pass + "\"",
	} {
		_, err := Parse("box.toml", []byte("[streams.main.destinations.a]\n"+line+"\n"), rules)
		require.Error(t, err, line)
		requireNoSecret(t, line, err.Error())
	}
	for _, patch := range []string{
		`{"url":"` + pass + `"}`, `{"url":["` + pass + `"]}`, `{"passphrase":"` + pass[:5] + `"}`, `{"passphrase":` + pass + `}`,
		`{"url":"***` + pass + `"}`, `{"passphrase":"` + pass,
	} {
		_, err := MergePatch(parse(t, secretDoc), []byte(`{"streams":{"main":{"destinations":{"a":`+patch+`}}}}`), rules)
		require.Error(t, err, patch)
		requireNoSecret(t, patch, err.Error())
	}
}

func TestSecretsCompare(t *testing.T) {
	require.Equal(t, Secret{}, NewSecret(""))
	require.Equal(t, NewSecret("a"), NewSecret(strings.Clone("a")))
	require.NotEqual(t, NewSecretURL("a"), NewSecretURL("b"))
	require.Empty(t, Secret{}.String())
	require.Empty(t, SecretURL{}.String())
}
