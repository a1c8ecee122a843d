package push

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output/preflight"
)

// Exit statuses of encoderctl, as its help has them.
const (
	exitFine        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
)

// ctl is encoderctl, asked to command a daemon.
type ctl struct {
	t *testing.T
	d *encoderd.Daemon
}

// run wants an exit status, and returns what was printed.
func (c ctl) run(code int, args ...string) (stdout, stderr string) {
	c.t.Helper()
	stdout, stderr, got := execute(c.t, []string{"ENCODERBOX_ADDRESS=" + c.d.URL}, append([]string{control}, args...)...)
	if got != code {
		c.t.Errorf("encoderctl %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	if (code == exitUsage || code == exitUnreachable) != (stderr != "") && code != exitFailed {
		c.t.Errorf("encoderctl %s: stderr %q", strings.Join(args, " "), stderr)
	}
	return stdout, stderr
}

// preflight wants go or no go, asks for JSON, and returns the report.
func (c ctl) preflight(goes bool, args ...string) preflight.Report {
	c.t.Helper()
	code := map[bool]int{true: exitFine, false: exitFailed}[goes]
	stdout, _ := c.run(code, append([]string{"--json", "preflight"}, args...)...)
	var r preflight.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		c.t.Fatalf("preflight %v: %v: %s", args, err, stdout)
	}
	c.t.Logf("preflight %v: go %v, %s (%s)", args, r.Go, r.Reason, r.Cause)
	if r.Go != goes || r.Reason == "" || len(r.Steps) == 0 {
		c.t.Errorf("preflight %v: %s", args, stdout)
	}
	return r
}

// off is a destination that a preflight may publish to, since nothing else does.
func off(name, url string, lines ...string) string {
	return fmt.Sprintf("[streams.main.destinations.%s]\nurl = %q\nenabled = false\n%s\n", name, url, strings.Join(lines, "\n"))
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	const wrong = "wrong-secret-word-17"
	nginx, web, bucket := peer.StartNginx(t, peer.NginxOptions{Record: true}), peer.StartOrigin(t, peer.OriginOptions{}), peer.StartMinIO(t)
	keys := func(secret string) []string {
		return []string{
			fmt.Sprintf("endpoint = %q", bucket.Endpoint()), fmt.Sprintf("access_key = %q", peer.MinIOAccessKey), fmt.Sprintf("secret_key = %q", secret),
		}
	}
	secrets := []string{wrong, streamKey, peer.MinIOSecretKey}
	d := encoderd.Start(t, binary, pattern+
		off("nginx", nginx.URL(streamKey))+off("refused", "rtmp://"+peer.Refused(t)+"/live/"+streamKey)+off("web", "hls+"+web.URL())+
		off("bucket", "s3://"+peer.MinIOBucket+"/live", keys(peer.MinIOSecretKey)...)+
		off("locked", "s3://"+peer.MinIOBucket+"/live", keys(wrong)...))
	d.Await("the stream", patience, func(s status.Snapshot) bool { return main(s).Video != nil })
	c := ctl{t, d}

	if r := c.preflight(false, "refused"); r.Cause != "refused" {
		t.Errorf("a port that nobody listens on: %+v", r)
	}
	if c.preflight(true, "nginx"); len(all(t, nginx)) > 0 {
		t.Error("a preflight published that was not asked to")
	}
	if r := c.preflight(true, "nginx", "-publish", "-seconds", "2"); r.Throughput < r.Needed || r.Needed < 900_000 {
		t.Errorf("nginx took %d bit/s, the stream needs %d", r.Throughput, r.Needed)
	}
	if files := all(t, nginx); len(files) != 1 {
		t.Errorf("recordings of the test pattern: %q", files)
	} else if _, err := peer.Decode(within(t), files[0], 0); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"web", "bucket"} {
		if r := c.preflight(true, "main/"+name, "-publish", "-seconds", "1"); r.Throughput == 0 {
			t.Errorf("%s: no throughput: %+v", name, r)
		}
	}
	if left, err := os.ReadDir(web.Dir()); err != nil || len(left) > 0 {
		t.Errorf("left on the web server: %v, %v", left, err)
	}
	if left, err := bucket.Keys(t.Context(), ""); err != nil || len(left) > 0 {
		t.Errorf("left in the bucket: %v, %v", left, err)
	}
	if r := c.preflight(false, "locked", "-publish", "-seconds", "1"); r.Cause != "auth" {
		t.Errorf("a wrong secret key: %+v", r)
	}
	text, _ := c.run(exitFailed, "preflight", "locked", "-publish", "-seconds", "1")
	if !strings.Contains(text, "NO GO: ") {
		t.Errorf("for people: %s", text)
	}
	noSecret(t, "what encoderctl prints", text, secrets)
	d.Stop()
	noSecret(t, "the log", d.WholeLog(), secrets)
}

func all(t *testing.T, n *peer.Nginx) []string {
	t.Helper()
	eventually(t, "nginx to see the publisher leave", left(t, n))
	files, err := n.Recordings(streamKey)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCommands(t *testing.T) {
	t.Parallel()
	nginx, web := peer.StartNginx(t, peer.NginxOptions{}), peer.StartOrigin(t, peer.OriginOptions{})
	gone := peer.Refused(t)
	d := encoderd.Start(t, binary, pattern+(&receiver{name: "tv", url: nginx.URL(streamKey)}).table()+
		(&receiver{name: "web", url: "hls+" + web.URL(), files: true}).table()+
		(&receiver{name: "gone", url: "rtmp://" + gone + "/live/" + streamKey, lines: []string{`breaker_failures = 1`, `breaker_pause = "1h"`}}).table())
	awaitState(d, "tv", status.Active)
	before := await(d, "the breaker to open", "gone", func(x status.Destination) bool { return x.Breaker == "open" })
	c := ctl{t, d}

	list, _ := c.run(exitFine, "destinations")
	for _, want := range []string{"main/tv", "main/gone", "active", "reconnecting", "connection refused"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	noSecret(t, "the list", list, []string{streamKey})
	list, _ = c.run(exitFine, "--json", "destinations")
	var shown map[string][]status.Destination
	if err := json.Unmarshal([]byte(list), &shown); err != nil || len(shown["main"]) != 3 {
		t.Errorf("%v: %s", err, list)
	}

	for _, name := range []string{"tv", "web"} {
		awaitState(d, name, status.Active)
		c.run(exitFine, "pause", name)
		paused := awaitState(d, name, status.Disabled)
		if !paused.Paused || !strings.Contains(paused.Reason, "paused") {
			t.Errorf("paused: %+v", paused)
		}
		if name == "tv" {
			eventually(t, "nginx to see the publisher leave", left(t, nginx))
		}
		c.run(exitFine, "resume", "main/"+name)
		if now := awaitState(d, name, status.Active); now.Paused || len(now.Errors) > 0 {
			t.Errorf("resumed: %+v", now)
		}
	}

	time.Sleep(time.Second)
	if now := dest(d.Status(), "gone"); now.Attempts != before.Attempts {
		t.Errorf("an attempt while the breaker is open: %+v", now)
	}
	c.run(exitFine, "retry", "gone")
	await(d, "the attempt that was asked for", "gone", func(x status.Destination) bool { return x.Attempts > before.Attempts })

	if _, text := c.run(exitFailed, "pause", "nobody"); !strings.Contains(text, "main/gone, main/tv, main/web") {
		t.Errorf("an unknown name: %s", text)
	}
	c.run(exitUsage, "pause")
	c.run(exitUsage, "dance")
	c.run(exitUnreachable, "-address", "http://"+gone, "destinations")
	c.run(exitFailed, "preflight", "nobody")
}
