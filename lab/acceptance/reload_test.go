package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// unchanged checks that a destination has kept its connection, and the encoder
// its count.
func unchanged(t *testing.T, d *encoderd.Daemon, before status.Snapshot, destinations ...string) {
	t.Helper()
	now := d.Status()
	for _, name := range destinations {
		a, b := mainDestination(before, name), mainDestination(now, name)
		if a.ConnectedAt == nil || b.ConnectedAt == nil || !a.ConnectedAt.Equal(*b.ConnectedAt) || b.Attempts != 1 || b.Dropped != 0 {
			t.Errorf("%s was %+v, is %+v", name, a, b)
		}
	}
	a, b := encoderd.Stream(before, "main"), encoderd.Stream(now, "main")
	if b.Video == nil || b.Video.Frames < a.Video.Frames || b.HLS == nil || b.HLS.Discontinuities != a.HLS.Discontinuities || b.HLS.LastSequence < a.HLS.LastSequence {
		t.Errorf("the programme was video %+v, HLS %+v; is video %+v, HLS %+v", a.Video, a.HLS, b.Video, b.HLS)
	}
}

func reloaded(t *testing.T, d *encoderd.Daemon, text string) {
	t.Helper()
	before := strings.Count(d.WholeLog(), "configuration reloaded")
	d.WriteConfig(text)
	d.Reload()
	eventually(t, "the log to tell of the reload", func() bool {
		return strings.Count(d.WholeLog(), "configuration reloaded") > before
	})
}

func steady(t *testing.T, d *encoderd.Daemon, destinations ...string) status.Snapshot {
	t.Helper()
	return d.Await("everything to run", patience, func(s status.Snapshot) bool {
		st := encoderd.Stream(s, "main")
		for _, name := range destinations {
			if mainDestination(s, name).State != status.Active {
				return false
			}
		}
		return st.Video != nil && st.Video.Frames > 0 && st.HLS != nil && st.HLS.Segments > 0
	})
}

// TestReloadChangesWhatChanged edits the file of a running daemon and sends
// SIGHUP, edit by edit.
func TestReloadChangesWhatChanged(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	r := peer.StartSRT(t, peer.SRTOptions{})
	rtmp, srt := destination("rtmp", n.URL("a")), destination("srt", r.URL())
	third := destination("third", n.URL("third"))
	text := patternInput("main") + rtmp + srt
	d := encoderd.Start(t, binary, text)
	before := steady(t, d, "rtmp", "srt")

	// Nothing at all, then the log alone: no component notices.
	reloaded(t, d, text)
	reloaded(t, d, text+"[log]\nlevel = \"debug\"\nformat = \"json\"\n")
	unchanged(t, d, before, "rtmp", "srt")

	// A file that is wrong.
	d.WriteConfig(text + third + "retry_limt = 3\n")
	d.Reload()
	s := d.Await("config.invalid", patience, func(s status.Snapshot) bool {
		return encoderd.HasCondition(s.Conditions, "config.invalid")
	})
	c := condition(s.Conditions, "config.invalid")
	if !strings.Contains(c.Message, d.Config+":") || !strings.Contains(c.Message, `retry_limt: unknown key; did you mean "retry_limit"?`) {
		t.Errorf("condition %+v", c)
	}
	if got := mainDestination(s, "third"); got.Name != "" {
		t.Errorf("a file that is wrong was half applied: %+v", got)
	}
	unchanged(t, d, before, "rtmp", "srt")

	// A destination more; the condition goes.
	reloaded(t, d, text+third)
	awaitState(t, d, "third", status.Active)
	if c := d.Status().Conditions; len(c) != 0 {
		t.Errorf("conditions after a good file: %+v", c)
	}
	unchanged(t, d, before, "rtmp", "srt")

	// One that changes: it alone reconnects.
	third = strings.Replace(third, "/third", "/renamed", 1)
	reloaded(t, d, text+third)
	if _, err := n.AwaitPublish(within(t, patience), "renamed"); err != nil {
		t.Error(err)
	}
	unchanged(t, d, before, "rtmp", "srt")

	// And one that goes.
	reloaded(t, d, patternInput("main")+rtmp+third)
	if got := mainDestination(d.Status(), "srt"); got.Name != "" {
		t.Errorf("removed, but still there: %+v", got)
	}
	unchanged(t, d, before, "rtmp")

	// The bit rate changes without a restart of anything.
	reloaded(t, d, strings.Replace(patternInput("main")+rtmp+third, "500k", "400k", 1))
	d.Await("the new bit rate", patience, func(s status.Snapshot) bool {
		v := encoderd.Stream(s, "main").Video
		return v != nil && v.Target == 400_000
	})
	unchanged(t, d, before, "rtmp")
}

// TestAnotherInputIsAnotherTrack changes the input of a running stream: a
// discontinuity for players, a new connection for RTMP, none for SRT.
func TestAnotherInputIsAnotherTrack(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{Record: true})
	dest := destination("rtmp", n.URL("a"))
	other := "[streams.other.input]\nkind = \"pattern\"\nwidth = 160\nheight = 90\nframe_rate = 10\n"
	d := encoderd.Start(t, binary, patternInput("main")+dest+other)
	before := steady(t, d, "rtmp")
	reloaded(t, d, fileInput(t, "main", footage.StreetMP4)+"[streams.main.segment]\nduration = \"1s\"\n"+dest+other)
	s := d.Await("the new input everywhere", patience, func(s status.Snapshot) bool {
		st := encoderd.Stream(s, "main")
		dest := mainDestination(s, "rtmp")
		return st.Video != nil && st.Video.Width == 768 && st.HLS != nil && st.HLS.Discontinuities == 1 &&
			dest.State == status.Active && dest.ConnectedAt.After(*mainDestination(before, "rtmp").ConnectedAt)
	})
	if got := mainDestination(s, "rtmp"); got.Attempts != 2 || len(got.Errors) != 0 {
		t.Errorf("a new track is no error: %+v", got)
	}
	playlist := string(d.Get("/hls/main/" + mediaPlaylist(t, d, "main")))
	if strings.Count(playlist, "#EXT-X-DISCONTINUITY\n") != 1 || strings.Count(playlist, "#EXT-X-MAP:") < 2 {
		t.Errorf("the playlist across the change:\n%s", playlist)
	}
	if o := encoderd.Stream(d.Status(), "other"); o.Video == nil || o.HLS == nil || o.HLS.Discontinuities != 0 || len(o.Conditions) != 0 {
		t.Errorf("the other stream: %+v", o)
	}
	d.Await("4 s of it", patience, func(s status.Snapshot) bool {
		at := mainDestination(s, "rtmp").ConnectedAt
		return at != nil && time.Since(*at) > 4*time.Second
	})
	d.Stop()
	files, err := n.Recordings("a")
	if err != nil || len(files) == 0 {
		t.Fatalf("recordings %q, error %v", files, err)
	}
	// The last connection's: two within one second share a file.
	if _, err := peer.Decode(within(t, patience), files[len(files)-1], 0); err != nil {
		t.Error(err)
	}
}

const commented = `# Our studio. Ask Ann before you change it.
[streams.main.input]
kind = "pattern"        # until the camera is there
width = 320
height = 180
frame_rate = 25
[streams.main.video]
bitrate = "500k"        # the uplink's limit is 1M
[streams.main.segment]
duration = "1s"
`

// TestPatchIsSavedAndApplied changes the configuration by the API.
func TestPatchIsSavedAndApplied(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	d := encoderd.Start(t, binary, commented+destination("rtmp", n.URL("a-secret-key")))
	before := steady(t, d, "rtmp")
	old := read(t, d.Config)

	d.Patch(`{"streams":{"main":{"video":{"bitrate":"400k"}}},"log":{"level":"debug"}}`)
	if got := encoderd.Stream(d.Await("the new bit rate in status", patience, func(s status.Snapshot) bool {
		return encoderd.Stream(s, "main").Video.Target == 400_000
	}), "main"); len(got.Conditions) != 0 {
		t.Errorf("conditions: %+v", got.Conditions)
	}
	unchanged(t, d, before, "rtmp")
	saved := read(t, d.Config)
	for _, kept := range []string{"# Our studio. Ask Ann before you change it.", "# until the camera is there", `bitrate = "400k"        # the uplink's limit is 1M`, "/live/a-secret-key"} {
		if !strings.Contains(saved, kept) {
			t.Errorf("saved without %q:\n%s", kept, saved)
		}
	}
	if previous := read(t, d.Config+".previous"); previous != old {
		t.Errorf("the version before is\n%s\nwant\n%s", previous, old)
	}
	if info, err := os.Stat(d.Config); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the secrets: %v, error %v", info.Mode(), err)
	}
	if _, stderr, code := command(t, "-check", d.Config); code != 0 {
		t.Errorf("what was saved is not valid: %s", stderr)
	}
	// What it shows can be sent back: the secrets in it stay what they are.
	d.Patch("%s", d.Get("/api/v1/config"))
	unchanged(t, d, before, "rtmp")

	checkRefused(t, d, saved)
	unchanged(t, d, before, "rtmp")

	// An edit by hand is not overwritten.
	if err := os.WriteFile(d.Config, []byte(saved+"# Ann was here\n[streams.second]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if answer := d.Refuses(409, `{"log":{"level":"info"}}`); !strings.Contains(answer, "edited since it was loaded") || !strings.Contains(answer, "SIGHUP") {
		t.Errorf("a patch over an edit: %s", answer)
	}
	if after := read(t, d.Config); !strings.Contains(after, "Ann was here") {
		t.Errorf("the edit is lost:\n%s", after)
	}
	d.Reload()
	d.Await("the second stream", patience, func(s status.Snapshot) bool { return encoderd.Stream(s, "second").Video != nil })
	d.Patch(`{"streams":{"second":null}}`)
	if s := d.Status(); encoderd.Stream(s, "second").Name != "" {
		t.Errorf("a stream that was removed: %+v", encoderd.Stream(s, "second"))
	}
	unchanged(t, d, before, "rtmp")
}

// checkRefused sends changes that are not valid.
func checkRefused(t *testing.T, d *encoderd.Daemon, file string) {
	t.Helper()
	config := string(d.Get("/api/v1/config"))
	for patch, words := range map[string][]string{
		`{"streams":{"main":{"video":{"bitrate":"9G","gpo":1}}}}`: {"streams.main.video.bitrate", "64k to 100M", `did you mean \"gop\"`},
		`{"streams":{"main":{"destinations":{"x":{}}}}}`:          {"streams.main.destinations.x.url", "missing"},
		`{"streams":null}`:              {"stream"},
		`{"log":{"level":"info"},"x":1`: {"JSON"},
		`[1]`:                           {"object"},
		`{"log":{"level":3}}`:           {"log.level"},
	} {
		answer := d.Refused("%s", patch)
		for _, w := range words {
			if !strings.Contains(answer, w) {
				t.Errorf("%s: %s, want %q", patch, answer, w)
			}
		}
		if !json.Valid([]byte(answer)) {
			t.Errorf("%s: %s is not JSON", patch, answer)
		}
	}
	if after := string(d.Get("/api/v1/config")); after != config {
		t.Errorf("a refused change changed\n%s\nto\n%s", config, after)
	}
	if after := read(t, d.Config); after != file {
		t.Errorf("a refused change was saved:\n%s", after)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAPatchThatCannotBeSavedChangesNothing has no room for the new file.
func TestAPatchThatCannotBeSavedChangesNothing(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	s := limited(t, patternInput("main")+destination("rtmp", n.URL("a"))+"[streams.main.hls]\nenabled = false\n")
	awaitState(t, s.d, "rtmp", status.Active)
	file, config := read(t, s.d.Config), string(s.d.Get("/api/v1/config"))
	s.limit(100)
	answer := s.d.Refuses(500, `{"log":{"level":"debug"}}`)
	for _, word := range []string{s.d.Config, "file too large", "the file is unchanged"} {
		if !strings.Contains(answer, word) {
			t.Errorf("%s, want %q", answer, word)
		}
	}
	s.free()
	if after := read(t, s.d.Config); after != file {
		t.Errorf("the file is now\n%s", after)
	}
	if after := string(s.d.Get("/api/v1/config")); after != config {
		t.Errorf("the running configuration is now\n%s", after)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(s.d.Config), ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, error %v", left, err)
	}
	s.d.Patch(`{"log":{"level":"debug"}}`)
	if got := awaitState(t, s.d, "rtmp", status.Active); got.Attempts != 1 {
		t.Errorf("the push was disturbed: %+v", got)
	}
}
