package preset

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// TestShape holds every preset to what a preset is.
func TestShape(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	var seen []string
	for _, p := range All() {
		t.Run(p.Name, func(t *testing.T) {
			if !name.MatchString(p.Name) || slices.Contains(seen, p.Name) {
				t.Errorf("name %q is not one of its own in a-z, 0-9 and -", p.Name)
			}
			seen = append(seen, p.Name)
			if p.Title == "" || !strings.HasPrefix(p.Source, "https://") {
				t.Error("title or source is missing")
			}
			if strings.Count(p.URL, "{server}") != 1 || strings.Count(p.URL, "{key}") > 1 {
				t.Errorf("URL %q: one {server}, at most one {key}", p.URL)
			}
			if p.ServerHelp == "" || strings.Contains(p.URL, "{key}") != (p.KeyHelp != "") {
				t.Error("a help is missing, or too many")
			}
			if l := p.Limits; l.KeyInterval < 0 || l.KeyInterval > 0 && l.KeyInterval < time.Second {
				t.Errorf("key interval %v", l.KeyInterval)
			}
			server, key := "host.example", ""
			if p.needsApplication() {
				server += "/live"
			}
			switch {
			case strings.Contains(p.URL, "{key}@"):
				key = "abcd:1234-efgh"
			case strings.Contains(p.URL, "{key}"):
				key = "abcd-1234-efgh"
			}
			address, err := p.Resolve(server, key)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(address)
			if err != nil || u.Hostname() != "host.example" || strings.ContainsAny(address, "{}") || !strings.Contains(address, key) {
				t.Errorf("%q: %v", address, err)
			}
			if p.Server != "" {
				if u, err := url.Parse(strings.NewReplacer("{server}", p.Server, "{key}", "k").Replace(p.URL)); err != nil || u.Hostname() != p.Server {
					t.Errorf("its own server makes %v, %v", u, err)
				}
			}
		})
	}
	for _, platform := range []string{"youtube", "twitch", "facebook", "akamai", "aws-medialive", "cloudflare", "wowza", "mediamtx", "nginx-rtmp"} {
		if _, ok := ByName(platform); !ok {
			t.Errorf("no preset for %s", platform)
		}
	}
	if !slices.Equal(Names(), seen) {
		t.Errorf("Names %q, seen %q", Names(), seen)
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct{ name, server, key, want string }{
		{"youtube", "", "k-e-y", "rtmps://a.rtmps.youtube.com:443/live2/k-e-y"},
		{"youtube", "b.rtmps.youtube.com", "k", "rtmps://b.rtmps.youtube.com:443/live2/k"},
		{"twitch", "", "live_1?bandwidthtest=true", "rtmps://ingest.global-contribute.live-video.net:443/app/live_1?bandwidthtest=true"},
		{"mediamtx-srt", "h:8890", "a&b", "srt://h:8890?streamid=publish%3Aa%26b"},
		{"mediamtx-whip", "h:8889", "cam/1", "whip+http://h:8889/cam/1/whip"},
		{"nginx-rtmp", "h/live/", "a b", "rtmp://h/live/a%20b"},
		{"akamai", "h/1/e", "", "hls+https://h/1/e/"},
		{"aws-mediapackage", "h/in/v2/x", "na@me:p/w:d", "hls+https://na%40me:p%2Fw%3Ad@h/in/v2/x/"},
		{"mediamtx", "h:1936/live", "cam", "rtmp://h:1936/live/cam"},
	} {
		p, _ := ByName(c.name)
		if got, err := p.Resolve(c.server, c.key); got != c.want || err != nil {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	for _, c := range []struct{ name, server, key, want string }{
		{"youtube", "", "", "needs key"},
		{"nginx-rtmp", "", "secret-key", "needs server"},
		{"akamai", "h/1/e", "secret-key", "has no key"},
		{"nginx-rtmp", "rtmp://h/live", "secret-key", "without rtmp://"},
		{"nginx-rtmp", "user@h/live", "secret-key", "not HOST"},
		{"nginx-rtmp", "h:x/live", "secret-key", "no address"},
		{"mediamtx", "h:1935", "secret-key", "no application: the server and the path"},
		{"aws-medialive", "h:1935/", "secret-key", "no application"},
		{"aws-mediapackage", "h/x", "secret-key", "NAME:PASSWORD"},
	} {
		p, _ := ByName(c.name)
		_, err := p.Resolve(c.server, c.key)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret-key") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestJudge(t *testing.T) {
	limits := Limits{VideoBitrate: 6_000_000, AudioBitrate: 160_000, KeyInterval: 2 * time.Second, Height: 1080, FrameRate: 60, NeedsAudio: true}
	fine := Stream{VideoBitrate: 6_000_000, AudioBitrate: 128_000, KeyInterval: 2 * time.Second, Video: &media.VideoParams{Height: 1080, FrameRate: media.Rational{Num: 60, Den: 1}}, Audio: true}
	if got := limits.Judge(fine); len(got) > 0 {
		t.Errorf("a good stream: %q", got)
	}
	if got := (Limits{}).Judge(Stream{VideoBitrate: 1 << 40}); len(got) > 0 {
		t.Errorf("no limits: %q", got)
	}
	bad := Stream{VideoBitrate: 8_500_000, AudioBitrate: 192_000, KeyInterval: 10 * time.Second, Video: &media.VideoParams{Height: 2160, FrameRate: media.Rational{Num: 120, Den: 1}}}
	got := limits.Judge(bad)
	for i, want := range []string{"8.5 Mb/s, at most 6 Mb/s", "192 kb/s", "every 10s", "2160 rows", "120 pictures", "no sound"} {
		if i >= len(got) || !strings.Contains(got[i], want) {
			t.Fatalf("got %q, want %q at %d", got, want, i)
		}
	}
}

// TestDocumented holds the table of docs/destinations.md against the presets.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/destinations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(doc), "\n## Presets\n")
	if !ok {
		t.Fatal("docs/destinations.md has no section Presets")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]string{}
	for line := range strings.Lines(section) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); ok && strings.HasPrefix(line, "| `") {
			rows[name] = strings.TrimSpace(line)
		}
	}
	for _, p := range All() {
		if want := row(p); rows[p.Name] != want {
			t.Errorf("docs/destinations.md is to say\n%s\nand says\n%s", want, rows[p.Name])
		}
		delete(rows, p.Name)
	}
	for name := range rows {
		t.Errorf("docs/destinations.md has %s, which is no preset", name)
	}
}

// row is a preset in the table of docs/destinations.md.
func row(p Preset) string {
	server := p.ServerHelp
	if p.Server != "" {
		server = "`" + p.Server + "`; " + server
	}
	key := p.KeyHelp
	if key == "" {
		key = "none"
	}
	var sets []string
	for _, option := range slices.Sorted(maps.Keys(p.Options)) {
		sets = append(sets, fmt.Sprintf("`%s = %q`", option, p.Options[option]))
	}
	return fmt.Sprintf("| `%s` | %s | `%s` | %s | %s | %s | %s |", p.Name, p.Title, p.URL, server, key, asks(p.Limits), strings.Join(sets, ", "))
}

// asks is what limits ask, in words.
func asks(l Limits) string {
	var all []string
	add := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(l.VideoBitrate > 0, "video ≤ %s", bitrate(l.VideoBitrate))
	add(l.AudioBitrate > 0, "audio ≤ %s", bitrate(l.AudioBitrate))
	add(l.KeyInterval > 0, "a key picture every %v or more often", l.KeyInterval)
	add(l.Height > 0, "≤ %d rows", l.Height)
	add(l.FrameRate > 0, "≤ %d pictures a second", l.FrameRate)
	add(l.NeedsAudio, "sound")
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}
