package acceptance

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// command runs the daemon's program to its end.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(within(t, patience), binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	good := write(t, "good.toml", []byte("[streams.main]\n"))
	missing := filepath.Join(t.TempDir(), "missing.toml")
	for name, c := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string // patterns; "" is nothing at all
	}{
		"version":              {[]string{"-version"}, 0, `^encoderd \S+\n$`, ``},
		"help":                 {[]string{"--help"}, 0, `(?s)^encoderd captures.*Usage:.*-config FILE.*-check FILE.*-kinds.*-version.*Exit status`, ``},
		"help, short":          {[]string{"-h"}, 0, `Usage:`, ``},
		"check":                {[]string{"-check", good}, 0, `^\S+good.toml is fine\n$`, ``},
		"check, two dashes":    {[]string{"--check=" + good}, 0, `is fine`, ``},
		"nothing":              {nil, 2, ``, `(?s)nothing to do.*-config FILE.*Usage:`},
		"unknown option":       {[]string{"-conf", good}, 2, ``, `(?s)-conf.*Usage:`},
		"an option too little": {[]string{good}, 2, ``, `good.toml" is not an option; see encoderd -help`},
		"no value":             {[]string{"-config"}, 2, ``, `(?s)flag needs an argument: -config.*Usage:`},
		"missing file":         {[]string{"-config", missing}, 2, ``, `^\S*missing.toml: no such file[^\n]*; give the path[^\n]*\n$`},
		"missing file, check":  {[]string{"-check", missing}, 2, ``, `^\S*missing.toml: no such file[^\n]*; give the path[^\n]*\n$`},
		"a folder":             {[]string{"-config", filepath.Dir(missing)}, 2, ``, `^\S+: is a directory; give the path of a configuration file\n$`},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := command(t, c.args...)
			if code != c.code || !matches(c.stdout, stdout) || !matches(c.stderr, stderr) {
				t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
			}
			for line := range strings.Lines(stdout + stderr) {
				if len(line) > 200 {
					t.Errorf("a line of %d characters: %s", len(line), line)
				}
			}
		})
	}
}

func matches(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	return regexp.MustCompile(pattern).MatchString(text)
}

func TestKinds(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := command(t, "-kinds")
	type kind struct {
		Kind, Direction    string
		Transports, Codecs []string
	}
	var kinds []kind
	if err := json.Unmarshal([]byte(stdout), &kinds); err != nil || code != 0 || stderr != "" {
		t.Fatalf("exit code %d, error %v, stderr %q: %s", code, err, stderr, stdout)
	}
	directions := map[string]string{}
	for _, k := range kinds {
		if len(k.Transports) == 0 || len(k.Codecs) == 0 {
			t.Errorf("kind %+v", k)
		}
		directions[k.Kind] += k.Direction
	}
	want := map[string]string{"hls": "servepush", "dash": "servepush"} // there are two of each
	for _, name := range strings.Fields("rtmp rtmps srt tshttp s3 cmaf whip rtsp udp rtp icecast shoutcast") {
		want[name] = "push"
	}
	for name, direction := range want {
		if directions[name] != direction {
			t.Errorf("%s: direction %q, want %q", name, directions[name], direction)
		}
	}
}

const mistakes = `[http]
listen = 8080
[log]
level = "loud"
colour = true
[streams.main.video]
bitrate = "9G"
gpo = "2s"
gop = "never"
[streams.main.input]
kind = "camera"
width = 99999
[streams.main.destinations.a]
url = "ftp://user:hunter2-hunter2@example.com/STREAM-KEY"
[streams.main.destinations.b]
enabled = "yes"
[streams.main.destinations.c]
url = "srt://live.example.com:9000?streamid=STREAM-KEY"
passphrase = "short-one"
retry_limt = 3
[streams.Main_Stage]
[stroage]
`

// TestCheckSaysEverythingAtOnce wants each mistake on one line, with its place,
// its key and what was expected.
func TestCheckSaysEverythingAtOnce(t *testing.T) {
	t.Parallel()
	file := write(t, "mistakes.toml", []byte(mistakes))
	for _, option := range []string{"-check", "-config"} {
		stdout, stderr, code := command(t, option, file)
		if code != 2 || stdout != "" {
			t.Errorf("%s: exit code %d, stdout %q", option, code, stdout)
		}
		for _, want := range []string{
			`2:\d+: http.listen: .*8080`,
			`4:\d+: log.level: .*"loud".*"debug", "info", "warn"`,
			`5:\d+: log.colour: unknown key`,
			`7:\d+: streams.main.video.bitrate: .*"9G".*64k to 100M`,
			`8:\d+: streams.main.video.gpo: unknown key; did you mean "gop"`,
			`9:\d+: streams.main.video.gop: .*"never".*100ms to 10s`,
			`11:\d+: streams.main.input.kind: .*"camera".*pattern`,
			`12:\d+: streams.main.input.width: .*99999.*0 to 4096`,
			`14:\d+: streams.main.destinations.a.url: .*rtmp`,
			`15:\d+: streams.main.destinations.b.*url`,
			`16:\d+: streams.main.destinations.b.enabled: .*true or false`,
			`19:\d+: streams.main.destinations.c.passphrase: .*10 to 79`,
			`20:\d+: streams.main.destinations.c.retry_limt: unknown key; did you mean "retry_limit"`,
			`21:\d+: streams."Main_Stage": not a name`,
			`22:\d+: stroage: unknown .*did you mean "storage"`,
		} {
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(file) + `:` + want).MatchString(stderr) {
				t.Errorf("%s: no line %s", option, want)
			}
		}
		for _, secret := range []string{"hunter2", "STREAM-KEY", "short-one"} {
			if strings.Contains(stderr, secret) {
				t.Errorf("%s shows %s", option, secret)
			}
		}
		for line := range strings.Lines(stderr) {
			if !strings.HasPrefix(line, file+":") {
				t.Errorf("%s: a line without its place: %s", option, line)
			}
		}
		if t.Failed() {
			t.Fatal(stderr)
		}
	}
	torn := write(t, "torn.toml", []byte("[streams.main\nurl = \"rtmp://a/b/STREAM-KEY\"\n"))
	if _, stderr, code := command(t, "-check", torn); code != 2 || !strings.Contains(stderr, "torn.toml:1:") || strings.Contains(stderr, "STREAM-KEY") {
		t.Errorf("no TOML: exit code %d, %s", code, stderr)
	}
}

// TestExamplesAreFine checks every configuration that people are told to start from.
func TestExamplesAreFine(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/*.toml")
	if err != nil || len(files) < 3 {
		t.Fatalf("examples %q, error %v", files, err)
	}
	for _, file := range files {
		if stdout, stderr, code := command(t, "-check", file); code != 0 || !strings.Contains(stdout, "is fine") {
			t.Errorf("exit code %d, %s%s", code, stdout, stderr)
		}
	}
	if _, err := os.Stat("../../docs/configuration.md"); err != nil {
		t.Errorf("the reference that the help names: %v", err)
	}
}
