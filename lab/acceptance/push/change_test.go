package push

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

func preset(lines ...string) string {
	return "[streams.main.destinations.tv]\n" + strings.Join(lines, "\n") + "\n"
}

// TestPreset configures a destination by a server and a key, wrongly and rightly.
func TestPreset(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{Record: true})
	server, key := fmt.Sprintf("server = %q", n.Addr()+"/live"), fmt.Sprintf("key = %q", streamKey)
	const name = `preset = "nginx-rtmp"`
	for what, c := range map[string]struct {
		text  string
		words []string
	}{
		"no server":      {preset(name, key), []string{"preset nginx-rtmp needs server", "application"}},
		"no key":         {preset(name, server), []string{"preset nginx-rtmp needs key", "name of the stream"}},
		"a URL too":      {preset(name, server, key, fmt.Sprintf("url = %q", n.URL(streamKey))), []string{"url", "remove one"}},
		"no such preset": {preset(`preset = "nginx-rmtp"`, server, key), []string{"nginx-rmtp", "nginx-rtmp"}},
		"no preset":      {preset(server, key), []string{"belongs to a preset"}},
		"a scheme":       {preset(name, key, `server = "rtmp://media.example/live"`), []string{"without rtmp://"}},
	} {
		file := keep(t, "wrong.toml", []byte(pattern+c.text))
		stdout, stderr, code := execute(t, nil, binary, "-check", file)
		if code == 0 {
			t.Errorf("%s: fine: %s", what, stdout)
		}
		for _, w := range c.words {
			if !strings.Contains(stdout+stderr, w) {
				t.Errorf("%s: no %q in %s%s", what, w, stdout, stderr)
			}
		}
		noSecret(t, what, stdout+stderr, []string{streamKey})
	}
	right := pattern + preset(name, server, key)
	if stdout, stderr, code := execute(t, nil, binary, "-check", keep(t, "right.toml", []byte(right))); code != 0 {
		t.Fatalf("%s%s", stdout, stderr)
	}
	d := encoderd.Start(t, binary, right)
	awaitState(d, "tv", status.Active)
	if _, err := n.AwaitPublish(within(t), streamKey); err != nil {
		t.Error(err)
	}
	shown := string(d.Get("/api/v1/config"))
	if !strings.Contains(shown, `"nginx-rtmp"`) || !strings.Contains(shown, n.Addr()) {
		t.Errorf("the configuration does not show the preset: %s", shown)
	}
	noSecret(t, "the configuration", shown, []string{streamKey})
	noSecret(t, "the status", string(d.Get("/api/v1/status")), []string{streamKey})
	// What is shown can be sent back.
	d.Patch(`{"streams":{"main":{"destinations":{"tv":{"preset":"nginx-rtmp","key":"***","retry_limit":3}}}}}`)
	awaitState(d, "tv", status.Active)
	noSecret(t, "the refusal", d.Refused(`{"streams":{"main":{"destinations":{"tv":{"server":""}}}}}`), []string{streamKey})
	d.Stop()
	noSecret(t, "the log", d.WholeLog(), []string{streamKey})
}

// TestChangesLeaveOthersAlone adds, changes, disables, enables and removes one
// destination of five. The connections of the others are those of before.
func TestChangesLeaveOthersAlone(t *testing.T) {
	t.Parallel()
	others := []*receiver{nginxRTMP(t), srtCaller(t), tsHTTP(t), origin("hls", "index.m3u8")(t), cmaf(t)}
	one, another := peer.StartNginx(t, peer.NginxOptions{}), peer.StartNginx(t, peer.NginxOptions{})
	text := pattern
	for _, r := range others {
		text += r.table()
	}
	d := encoderd.Start(t, binary, text)
	before := d.Await("all to be active", patience, func(s status.Snapshot) bool {
		return !slices.ContainsFunc(others, func(r *receiver) bool { return dest(s, r.name).State != status.Active })
	})
	same := func(what string) {
		t.Helper()
		undisturbed(t, before, d.Status(), names(others)...)
		if t.Failed() {
			t.Fatalf("after it was %s", what)
		}
	}
	change := func(format string, args ...any) {
		t.Helper()
		d.Patch(`{"streams":{"main":{"destinations":{"one":`+format+`}}}}`, args...)
	}
	change(`{"url":%q}`, one.URL(streamKey))
	awaitState(d, "one", status.Active)
	same("added")
	change(`{"url":%q}`, another.URL(streamKey))
	eventually(t, "the move", func() bool { return publishes(t, another) && !publishes(t, one) })
	awaitState(d, "one", status.Active)
	same("moved")
	change(`{"retry_limit":5,"queue_packets":512}`)
	same("changed in its options")
	change(`{"enabled":false}`)
	awaitState(d, "one", status.Disabled)
	eventually(t, "the end of it", func() bool { return !publishes(t, another) })
	same("disabled")
	change(`{"enabled":true}`)
	awaitState(d, "one", status.Active)
	same("enabled")
	change(`null`)
	d.Await("it to be gone", patience, func(s status.Snapshot) bool { return dest(s, "one").Name == "" })
	same("removed")
	d.Patch(`{"streams":{"main":{"groups":{"air":{"members":"rtmp, srt"}}}}}`)
	awaitGroup(d, "the group", func(g status.Group) bool { return g.Active == 2 })
	same("followed by a group of two others")
}
