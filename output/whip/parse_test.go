package whip

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

func TestLinkServers(t *testing.T) {
	turn := webrtc.ICEServer{URLs: []string{"turn:t.example?transport=udp"}, Username: "user", Credential: "p,a;s\"s", CredentialType: webrtc.ICECredentialTypePassword}
	for _, tc := range []struct {
		name    string
		headers []string
		want    []webrtc.ICEServer
	}{
		{"none", nil, nil},
		{"as in the standard, two in one header", []string{
			`<stun:s.example>; rel="ice-server", <turn:t.example?transport=udp>; rel="ice-server"; username="user"; credential="p,a;s\"s"; credential-type="password"`,
		}, []webrtc.ICEServer{{URLs: []string{"stun:s.example"}}, turn}},
		{"bare words, several relations", []string{`<stun:s.example:3478> ;REL = "next ICE-Server"`, `<turn:t.example?transport=udp>;rel=ice-server;username=user;credential="p,a;s\"s"`},
			[]webrtc.ICEServer{{URLs: []string{"stun:s.example:3478"}}, turn}},
		{"others, and malformed ones", []string{`<https://h/>; rel="next"`, `garbage, <stun:s.example>; rel=ice-server`, `<stun:s.example`, `<http://h>; rel="ice-server"`},
			[]webrtc.ICEServer{{URLs: []string{"stun:s.example"}}}},
		{"TURN without a password", []string{`<turn:t.example>; rel="ice-server"`}, nil},
		{"TURN by OAuth", []string{`<turn:t.example>; rel="ice-server"; username=u; credential=c; credential-type=oauth`}, nil},
		{"too many", []string{strings.Repeat(`<stun:s>; rel=ice-server,`, 100)}, slicesRepeat(webrtc.ICEServer{URLs: []string{"stun:s"}}, maxServers)},
	} {
		if got := linkServers(tc.headers); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

func slicesRepeat(s webrtc.ICEServer, n int) (all []webrtc.ICEServer) {
	for range n {
		all = append(all, s)
	}
	return all
}

func TestResource(t *testing.T) {
	for _, tc := range []struct{ at, location, want string }{
		{"https://h/whip", "/s/1", "https://h/s/1"},
		{"https://h/whip/x", "1?token=2", "https://h/whip/1?token=2"},
		{"https://h/whip", "https://other:8443/s", "https://other:8443/s"},
		{"http://h/whip", "https://h/s#f", "https://h/s"},
		{"https://h/whip", "http://h/s", ""},
		{"https://h/whip", "ftp://h/s", ""},
		{"https://h/whip", "", ""},
		{"https://h/whip", "://", ""},
		{"https://h/whip", strings.Repeat("x", maxLinkSize+1), ""},
	} {
		at, err := url.Parse(tc.at)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if u := resource(at, tc.location); u != nil {
			got = u.String()
		}
		if got != tc.want {
			t.Errorf("%.40s at %s: %q, want %q", tc.location, tc.at, got, tc.want)
		}
	}
}

const testAnswer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:old\r\na=ice-pwd:oldoldoldoldoldoldoldold\r\n" +
	"a=recvonly\r\na=rtpmap:96 H264/90000\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=end-of-candidates\r\n" +
	"m=audio 0 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n"

const testFragment = "a=ice-options:trickle ice2\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:new\r\na=ice-pwd:newnewnewnewnewnewnewnew\r\n" +
	"a=candidate:2 1 udp 1 192.0.2.2 2 typ host\r\na=end-of-candidates\r\n"

func TestAccepted(t *testing.T) {
	got, err := accepted(testAnswer, []string{"H264", "opus"})
	if err != nil || !reflect.DeepEqual(got, []bool{true, false}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := accepted(testAnswer, []string{"H264"}); err == nil {
		t.Errorf("another number of sections: %v", got)
	}
	if got, err := accepted(strings.Replace(testAnswer, "H264/90000", "VP8/90000", 1), []string{"H264", "opus"}); err != nil || got[0] {
		t.Errorf("another codec: %v, %v", got, err)
	}
}

func TestRestartedAnswer(t *testing.T) {
	got, err := restarted(testAnswer, testFragment)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got, "old") || strings.Contains(got, "192.0.2.1") || strings.Count(got, "a=ice-ufrag:new\r\n") != 2 || strings.Count(got, "192.0.2.2") != 1 {
		t.Errorf("got %s", got)
	}
	again, err := fragment(got)
	if err != nil || !strings.Contains(again, "a=ice-ufrag:new\r\n") || !strings.Contains(again, "m=video 9") || !strings.Contains(again, "192.0.2.2") {
		t.Errorf("fragment %s, %v", again, err)
	}
	if _, err := restarted(testAnswer, "a=ice-ufrag:x\r\n"); err == nil {
		t.Error("no error without a password")
	}
}

func FuzzLinkServers(f *testing.F) {
	f.Add(`<stun:s.example>; rel="ice-server", <turn:t.example?transport=udp>; rel="ice-server"; username="user"; credential="p\"s"`)
	f.Add(`<,;="`)
	f.Fuzz(func(t *testing.T, h string) {
		servers := linkServers([]string{h, h})
		if len(servers) > maxServers {
			t.Fatalf("%d servers", len(servers))
		}
		if len(servers) == 0 {
			return
		}
		pc, err := webrtc.NewPeerConnection(webrtc.Configuration{ICEServers: servers})
		if err != nil {
			t.Fatalf("pion refuses %+v: %v", servers, err)
		}
		_ = pc.GracefulClose()
	})
}

func FuzzLocation(f *testing.F) {
	f.Add("/s/1")
	f.Add("//other/s?x#y")
	f.Add("http://h/")
	at := &url.URL{Scheme: "https", Host: "h.example", Path: "/whip"}
	f.Fuzz(func(t *testing.T, location string) {
		if u := resource(at, location); u != nil && (u.Scheme != "https" || u.Host == "") {
			t.Fatalf("%q leads to %v", location, u)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add(testAnswer, testFragment)
	f.Add("v=0", "a=ice-ufrag:\r\na=ice-pwd:")
	f.Fuzz(func(t *testing.T, answer, frag string) {
		if takes, err := accepted(answer, []string{"H264", "opus"}); err == nil && len(takes) != 2 {
			t.Fatalf("%v", takes)
		}
		got, err := restarted(answer, frag)
		if err != nil {
			return
		}
		var d sdp.SessionDescription
		if err := d.UnmarshalString(got); err != nil {
			t.Fatalf("what was made of %q and %q cannot be read: %v", answer, frag, err)
		}
		_, _ = fragment(got)
	})
}
