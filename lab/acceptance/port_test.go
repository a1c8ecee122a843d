package acceptance

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// TestAPortInUse has another program on the page's port: the pushes go on
// without a page, and the page comes once the port is free.
func TestAPortInUse(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	addr := other.Addr().String()
	d := encoderd.Launch(t, encoderd.Options{
		Binary: binary, TOML: patternInput("main") + destination("good", n.URL("good")), Listen: addr,
	})
	eventually(t, "the log to tell", func() bool {
		log := d.WholeLog()
		return strings.Contains(log, "listen on "+addr) && strings.Contains(log, "the port is in use by another program") &&
			strings.Contains(log, "set http.listen to a free port")
	})
	if _, err := n.AwaitPublish(within(t, patience), "good"); err != nil {
		t.Error(err)
	}
	if strings.Contains(d.WholeLog(), "The page:") {
		t.Error("an address was announced that another program has")
	}
	other.Close()
	d.AwaitPage()
	s := awaitState(t, d, "good", status.Active)
	if s.Attempts != 1 {
		t.Errorf("the push was disturbed: %+v", s)
	}
	if c := d.Status().Conditions; len(c) != 0 {
		t.Errorf("conditions once the page is there: %+v", c)
	}
	if page := string(d.Get("/")); !strings.Contains(page, "<html") {
		t.Errorf("the page: %s", page)
	}
}

// TestTheListenerMoves changes http.listen by the API that listens there: the
// answer arrives, and the page is at the new address, and only there.
func TestTheListenerMoves(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	d := encoderd.Start(t, binary, patternInput("main")+destination("good", n.URL("good")))
	before := awaitState(t, d, "good", status.Active)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	old, next := d.URL, free.Addr().String()
	d.Patch(`{"http":{"listen":%q}}`, next)
	eventually(t, "the page at the new address", func() bool {
		resp, err := http.Get("http://" + next + "/healthz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return err == nil && string(body) == "ok\n"
	})
	if resp, err := http.Get(old + "/healthz"); err == nil {
		resp.Body.Close()
		t.Errorf("the old address still answers: %s", resp.Status)
	}
	d.URL = "http://" + next
	if after := awaitState(t, d, "good", status.Active); !after.ConnectedAt.Equal(*before.ConnectedAt) {
		t.Error("the push reconnected because the page moved")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	// A port that is in use is taken for now: the other program may go.
	d.Patch(`{"http":{"listen":%q}}`, taken.Addr().String())
	eventually(t, "the log to tell", func() bool {
		return strings.Contains(d.WholeLog(), fmt.Sprintf("listen on %s: the port is in use", taken.Addr()))
	})
	taken.Close()
	d.URL = "http://" + taken.Addr().String()
	eventually(t, "the page on the port that was in use", func() bool {
		resp, err := http.Get(d.URL + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	if after := awaitState(t, d, "good", status.Active); !after.ConnectedAt.Equal(*before.ConnectedAt) {
		t.Error("the push reconnected because the page moved")
	}
}

// TestTheConfigurationIsForTheBoxAlone asks from every other address that this
// machine has, by a proxy, and by a foreign name.
func TestTheConfigurationIsForTheBoxAlone(t *testing.T) {
	t.Parallel()
	d := encoderd.Launch(t, encoderd.Options{Binary: binary, TOML: patternInput("main"), Listen: "0.0.0.0:0"})
	d.AwaitPage()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(d.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	d.URL = "http://127.0.0.1:" + port
	foreign := []func(*http.Request){
		func(r *http.Request) { r.Host = "attacker.example:" + port },
		func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.7") },
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip := a.(*net.IPNet).IP; ip.To4() != nil && !ip.IsLoopback() {
			foreign = append(foreign, func(r *http.Request) { r.URL.Host = net.JoinHostPort(ip.String(), port); r.Host = r.URL.Host },
				// The sender's address counts, whatever it says it asks for.
				func(r *http.Request) { r.URL.Host = net.JoinHostPort(ip.String(), port); r.Host = "localhost" })
		}
	}
	config := string(d.Get("/api/v1/config"))
	for i, change := range foreign {
		for _, method := range []string{http.MethodGet, http.MethodPatch} {
			r, err := http.NewRequestWithContext(within(t, patience), method, d.URL+"/api/v1/config", strings.NewReader(`{"log":{"level":"debug"}}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/merge-patch+json")
			change(r)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "from the box itself only") {
				t.Errorf("%s, case %d: %s %s, error %v", method, i, resp.Status, body, err)
			}
		}
	}
	if after := string(d.Get("/api/v1/config")); after != config {
		t.Errorf("the configuration changed:\n%s", after)
	}
}
