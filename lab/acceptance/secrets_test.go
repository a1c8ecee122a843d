package acceptance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// The secrets of the test below. Each is a different one, to tell which of
// them came out.
const (
	keyInPath     = "sk-8f2e6c41d0"
	keyInQuery    = "tok-55aa91bc7e"
	userPassword  = "pw-d41d8cd98f"
	passphrase    = "pass phrase & 100% /secret+"
	srtStreamID   = "sid-1b6453892473"
	keyBadConfig  = "sk-bad-e99a18c428"
	keyBadPatch   = "sk-patch-ab56b4d92b"
	passBadPatch  = "short99"
	keyBadlyTyped = "sk-typed-40713acc13"
)

var secrets = []string{
	keyInPath, keyInQuery, userPassword, passphrase, srtStreamID, keyBadConfig, keyBadPatch, passBadPatch, keyBadlyTyped,
}

// checkNoSecret looks for all secrets, as they are and as URLs write them.
func checkNoSecret(t *testing.T, where, text string) {
	t.Helper()
	if text == "" {
		t.Errorf("%s: nothing to search", where)
	}
	for _, s := range secrets {
		for _, form := range []string{s, url.PathEscape(s), url.QueryEscape(s)} {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s shows %q: …%s…", where, s, text[max(0, i-120):min(len(text), i+len(form)+20)])
				break
			}
		}
	}
}

// secretDestinations fail, or work, in every way that has words.
func secretDestinations(t *testing.T) (config string, names []string) {
	t.Helper()
	n := peer.StartNginx(t, peer.NginxOptions{})
	picky := peer.StartNginx(t, peer.NginxOptions{Key: "another"})
	untrusted := peer.StartTLSFront(t, peer.NewCA(t), n.Addr(), peer.CertOptions{})
	locked := peer.StartSRT(t, peer.SRTOptions{Passphrase: "correct-horse"})
	bad := func(m peer.Manner) string { return peer.StartBadPeer(t, m).Addr() }
	full := func(addr string) string {
		return fmt.Sprintf("rtmp://%s/live/%s?token=%s", addr, keyInPath, keyInQuery)
	}
	pass := fmt.Sprintf("passphrase = %q", passphrase)
	add := func(name, url string, lines ...string) {
		config += destination(name, url, lines...)
		names = append(names, name)
	}
	add("works", n.URL(keyInPath))
	add("resets", full(bad(peer.ResetAtOnce())))
	add("refuses", full(peer.Refused(t)))
	add("rejects", picky.URL(keyInPath))
	add("mute", full(bad(peer.NeverAnswer())))
	add("garbage", full(bad(peer.Answer([]byte(strings.Repeat("garbage ", 600))))))
	add("echo", full(bad(func(_ context.Context, c *peer.BadConn) { _, _ = io.Copy(c, c) })))
	add("nowhere", full("nowhere.invalid"))
	add("untrusted", untrusted.RTMPS(keyInPath))
	add("locked", locked.URL()+"?streamid="+srtStreamID, pass)
	add("silent", "srt://"+peer.Silent(t)+"?streamid="+srtStreamID, pass)
	add("srt-nowhere", "srt://nowhere.invalid:9?streamid="+srtStreamID, pass)
	return config, names
}

func TestSecretsStayInTheFile(t *testing.T) {
	t.Parallel()
	destinations, names := secretDestinations(t)
	const debug = "[log]\nlevel = \"debug\"\n"
	d := encoderd.Start(t, binary, patternInput("main")+destinations+debug)
	events := follow(t, d)
	d.Await("two attempts of each", patience, func(s status.Snapshot) bool {
		for _, name := range names[1:] {
			dest := mainDestination(s, name)
			if dest.Attempts < 2 && dest.State != status.Active {
				return false
			}
		}
		return mainDestination(s, "works").State == status.Active
	})
	var answers strings.Builder
	for _, patch := range []string{
		fmt.Sprintf(`{"streams":{"main":{"destinations":{"works":{"url":"ftp://h/live/%s"}}}}}`, keyBadPatch),
		fmt.Sprintf(`{"streams":{"main":{"destinations":{"works":{"url":"rtmp://h:port/live/%s"}}}}}`, keyBadPatch),
		fmt.Sprintf(`{"streams":{"main":{"destinations":{"works":{"url":"%s"}}}}}`, keyBadPatch),
		fmt.Sprintf(`{"streams":{"main":{"destinations":{"works":{"url":["rtmp://h/live/%s"]}}}}}`, keyBadPatch),
		fmt.Sprintf(`{"streams":{"main":{"destinations":{"works":{"url":{"%s":1}}}}}}`, "x"),
		fmt.Sprintf(`{"streams":{"main":{"destinations":{"locked":{"passphrase":"%s"}}}}}`, passBadPatch),
		fmt.Sprintf(`{"streams":{"main":{"destinations":{"works":{"url":"rtmp://h/live/%s"`, keyBadPatch),
	} {
		answers.WriteString(d.Refused("%s", patch))
	}
	d.Patch(`{"streams":{"main":{"destinations":{"works":{"retry_limit":7}}}}}`)
	for _, line := range []string{
		fmt.Sprintf("url = \"gopher://h/%s\"\n", keyBadConfig),
		fmt.Sprintf("url = \"srt://user:%s@h:9?streamid=%s\"\n", userPassword, keyBadConfig),
		fmt.Sprintf("url = \"rtmp://h:port/live/%s\"\n", keyBadConfig),
		fmt.Sprintf("url = [\"rtmp://h/live/%s\"]\n", keyBadlyTyped),
		fmt.Sprintf("url = \"rtmp://h/live/%s\n", keyBadConfig), // no TOML
		fmt.Sprintf("url = \"srt://h:9\"\npassphrase = \"%s\"\n", passBadPatch),
	} {
		before := strings.Count(d.WholeLog(), "not reloaded")
		d.WriteConfig(patternInput("main") + destinations + debug + "[streams.main.destinations.wrong]\n" + line)
		d.Reload()
		eventually(t, "the refusal of "+line, func() bool { return strings.Count(d.WholeLog(), "not reloaded") > before })
		answers.Write(d.Get("/api/v1/status"))
	}
	shown := string(d.Get("/api/v1/config"))
	if !strings.Contains(shown, `"***"`) || !strings.Contains(shown, "/live/***") {
		t.Errorf("the configuration does not show that there are secrets: %s", shown)
	}
	checkNoSecret(t, "the configuration by the API", shown)
	checkNoSecret(t, "the refusals", answers.String())
	checkNoSecret(t, "the status", string(d.Get("/api/v1/status")))
	checkNoSecret(t, "the events", events())
	checkNoSecret(t, "the page", page(t, d))
	checkNoSecret(t, "the playlist", string(d.Get("/hls/index.m3u8"))+string(d.Get("/hls/main/"+mediaPlaylist(t, d, "main"))))
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", d.PID()))
	if err != nil {
		t.Fatal(err)
	}
	checkNoSecret(t, "the command line", string(cmdline))
	d.Stop()
	checkNoSecret(t, "the log", d.WholeLog())
	if n := strings.Count(d.WholeLog(), "level=DEBUG") + strings.Count(d.WholeLog(), "level=WARN"); n < len(names) {
		t.Errorf("only %d lines of failures to search", n)
	}
}

// follow reads the daemon's events; what it returns gives those so far.
func follow(t *testing.T, d *encoderd.Daemon) func() string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	var mu sync.Mutex
	var all strings.Builder
	go func() { // ends with the body
		for lines := bufio.NewReader(resp.Body); ; {
			line, err := lines.ReadString('\n')
			mu.Lock()
			all.WriteString(line)
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

// page is the page with all that it loads from the box.
func page(t *testing.T, d *encoderd.Daemon) string {
	t.Helper()
	html := string(d.Get("/"))
	all := html
	for _, m := range regexp.MustCompile(`(?:src|href)="\.?(/[^"]+)"`).FindAllStringSubmatch(html, -1) {
		all += string(d.Get(m[1]))
	}
	return all
}
