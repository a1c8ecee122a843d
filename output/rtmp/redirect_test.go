package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

func TestRedirectsKeepTheKey(t *testing.T) {
	for _, tc := range []struct{ url, to, want string }{
		{"rtmp://h/live/k?s=1", "rtmp://edge:1936/live", "rtmp://edge:1936/live|live|k?s=1"},
		{"rtmp://h/live/k?s=1", "rtmp://edge/other/app/", "rtmp://edge/other/app|other/app|k?s=1"},
		{"rtmp://h/live/k?s=1", "rtmps://edge/live", "rtmps://edge/live|live|k?s=1"},
		{"rtmp://h/live/k?s=1", "rtmp://edge/live/k", "rtmp://edge/live|live|k?s=1"}, // some put the key there
		{"rtmp://h/live/k", "//edge:1937/real", "rtmp://edge:1937/real|real|k"},
		{"rtmp://h/live/k", "/real", "rtmp://h/real|real|k"},
		{"rtmps://h:444/live/k", "//edge", "rtmps://edge/live|live|k"},
		{"rtmp://u:p@h/live/k", "rtmp://x:y@edge/live", "rtmp://edge/live|live|k|u:p"},
		{"rtmp://h/live/k%20y", "rtmp://edge/a%2Fb", "rtmp://edge/a%2Fb|a%2Fb|k%20y"},
		{"rtmp://h/app?t=1#k", "rtmp://edge/app?t=2", "rtmp://edge/app?t=2|app?t=2|k"},
		{"rtmps://h/live/k", "rtmp://edge/live", "!" + errPlain.Error()},
		{"rtmp://h/live/k", "http://edge/live", "!scheme"},
		{"rtmp://h/live/k", "rtmp:///live", "!no host"},
		{"rtmp://h/live/k", "rtmp://edge:port/live", "!makes no sense"},
		{"rtmp://h/live/k", "rtmp:opaque", "!no host"},
		{"rtmp://h/live/k", "/" + strings.Repeat("x", 3000), "!too long"},
	} {
		u, err := url.Parse(tc.url)
		if err != nil {
			t.Fatal(err)
		}
		a, err := parse(u)
		if err != nil {
			t.Fatal(err)
		}
		to, err := a.redirected(tc.to)
		if want, isError := strings.CutPrefix(tc.want, "!"); isError {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s → %s: got %v, %v; want %s", tc.url, tc.to, to, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s → %s: %v", tc.url, tc.to, err)
			continue
		}
		// The URL has to survive being written down and read again.
		again, err := url.Parse(to.String())
		if err != nil {
			t.Fatal(err)
		}
		b, err := parse(again)
		got := b.tcURL + "|" + b.app + "|" + b.key
		if b.user != "" {
			got += "|" + b.user + ":" + b.password
		}
		if err != nil || got != tc.want {
			t.Errorf("%s → %s: got %s (%v), want %s", tc.url, tc.to, got, err, tc.want)
		}
	}
}

// redirectTo refuses connect with code 302.
func redirectTo(s *scripted, to string) {
	if c := s.await("connect"); c != nil {
		s.say("_error", c.CommandID, info("error", "NetConnection.Connect.Rejected", "moved", amf0.ObjectEntry{
			Key: "ex", Value: amf0.Object{{Key: "code", Value: 302.0}, {Key: "redirect", Value: to}},
		}))
	}
}

func dialError(t *testing.T, tg output.Target) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := Dial(ctx, tg, []*media.Track{video, audio})
	if err == nil {
		c.Close()
		t.Fatal("no error")
	}
	return err
}

func TestRedirectAtConnect(t *testing.T) {
	to := ""
	addr := script(t, func(s *scripted) { redirectTo(s, to) })
	there, done := server(t)
	to = "rtmp://" + there + "/edge"
	err := dialError(t, target(t, "rtmp://"+addr+"/live/"+secretKey+"?token=secret-token"))
	var again *output.ReconnectError
	if !errors.As(err, &again) {
		t.Fatalf("got %v, want a ReconnectError", err)
	}
	if want := "the receiver sends us to rtmp://" + there + "/edge#***: NetConnection.Connect.Rejected moved"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	tg := target(t, again.URL.String())
	mustDial(t, tg).Close()
	if got := <-done; got.tcURL != "rtmp://"+there+"/edge/"+secretKey+"?token=secret-token" {
		t.Errorf("published as %s", got.tcURL)
	}
}

func TestNoRedirectFromTLSToPlain(t *testing.T) {
	cert, pool := certificate(t, "127.0.0.1")
	addr := serve(t, func(c net.Conn) {
		if s, ok := converse(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})); ok {
			redirectTo(s, "rtmp://127.0.0.1:9/live")
		}
	})
	tg := target(t, "rtmps://"+addr+"/live/"+secretKey)
	tg.TLS = &tls.Config{RootCAs: pool}
	checkCause(t, tg, output.CauseRejected, "from an encrypted connection to a plain one")
}

// A reconnect request may come in every state, with and without an address.
func TestReconnectRequest(t *testing.T) {
	for _, stage := range []string{"connect", "createStream", "publish", "streaming"} {
		for _, to := range []string{"", "rtmp://edge.example/moved", "gopher://edge.example/moved"} {
			t.Run(stage+" "+to, func(t *testing.T) {
				addr := script(t, func(s *scripted) { askToReconnect(s, stage, to) })
				tg := target(t, "rtmp://"+addr+"/live/"+secretKey)
				err := dialThenWrite(t, tg)
				var again *output.ReconnectError
				if !errors.As(err, &again) {
					t.Fatalf("got %v, want a ReconnectError", err)
				}
				if !strings.Contains(again.Words, "going down") || strings.Contains(err.Error(), secretKey) {
					t.Errorf("words %q, error %q", again.Words, err)
				}
				want := ""
				if strings.HasPrefix(to, "rtmp") {
					want = "rtmp://edge.example/moved#" + secretKey
				}
				got := ""
				if again.URL != nil {
					got = again.URL.String()
				}
				if got != want {
					t.Errorf("URL %q, want %q", got, want)
				}
			})
		}
	}
}

func dialThenWrite(t *testing.T, tg output.Target) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := Dial(ctx, tg, []*media.Track{video, audio})
	if err != nil {
		return err
	}
	defer c.Close()
	return writeUntilError(c)
}

// askToReconnect asks in place of the answer to a command, or once it runs.
func askToReconnect(s *scripted, stage, to string) {
	more := amf0.Object{}
	if to != "" {
		more = append(more, amf0.ObjectEntry{Key: "tcUrl", Value: to})
	}
	ask := func() {
		s.say("onStatus", 0, info("status", reconnectRequest, "going down for "+secretKey, more...))
		s.drain()
	}
	switch {
	case stage == "connect":
		s.await("connect")
		ask()
	case stage == "createStream":
		s.connected()
		ask()
	case stage == "publish":
		_ = s.connected() != nil && s.created()
		ask()
	case s.published():
		ask()
	}
}

// The publication is ended in the protocol's own way also when the server has
// asked for the end.
func TestReconnectRequestLeavesTimeToUnpublish(t *testing.T) {
	ended := make(chan bool, 1)
	addr := script(t, func(s *scripted) {
		if s.published() {
			s.say("onStatus", 0, info("status", reconnectRequest, ""))
			ended <- s.await("deleteStream") != nil
		}
	})
	c := mustDial(t, target(t, "rtmp://"+addr+"/live/key"))
	_ = writeUntilError(c)
	c.Close()
	if !<-ended {
		t.Error("the server heard no deleteStream")
	}
}
