package whip

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

func TestRefusalsInWords(t *testing.T) {
	for _, tc := range []struct {
		name     string
		opts     peer.WHIPOptions
		want     string
		cause    output.Cause
		rejected bool
		limit    time.Duration
	}{
		{"wrong token", peer.WHIPOptions{Token: "another"}, "set authorization (it says: no such token)", output.CauseAuth, true, 0},
		{"403", peer.WHIPOptions{Status: 403}, "does not let this token publish", output.CauseAuth, true, 0},
		{"404", peer.WHIPOptions{Status: 404}, "no such stream", output.CauseRejected, true, 0},
		{"405", peer.WHIPOptions{Status: 405}, "no WHIP endpoint", output.CauseRejected, true, 0},
		{"409", peer.WHIPOptions{Status: 409}, "is another encoder publishing it?", output.CauseRejected, true, 0},
		{"422", peer.WHIPOptions{Status: 422}, "does not take what is offered", output.CauseRejected, true, 0},
		{"500", peer.WHIPOptions{Status: 500}, "the server has failed", output.CauseRejected, false, 0},
		{"503", peer.WHIPOptions{Status: 503}, "asks to come later", output.CauseRejected, false, 0},
		{"redirect loop", peer.WHIPOptions{Status: 307}, "redirects in a circle", output.CauseRejected, true, 0},
		{"redirect to nowhere", peer.WHIPOptions{Status: 308, RedirectTo: "mailto:me"}, "no usable address", output.CauseRejected, true, 0},
		{"HTML", peer.WHIPOptions{Body: "<html>", Type: "text/html"}, "is the path of the URL a WHIP endpoint?", output.CauseRejected, true, 0},
		{"garbage SDP", peer.WHIPOptions{Body: "v=0\r\n\x01\xff garbage"}, "cannot be used", output.CauseRejected, true, 0},
		{"no media", peer.WHIPOptions{Body: "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"}, "another number of media sections", output.CauseRejected, true, 0},
		{"endless answer", peer.WHIPOptions{Body: "v=0\r\n", Endless: true}, "larger than 64 KiB", output.CauseRejected, true, 0},
		{"no answer", peer.WHIPOptions{Silent: true}, "no answer from 127.0.0.1", output.CauseNetwork, false, time.Second},
		{"no H.264", peer.WHIPOptions{NoVideo: true}, "it does not take H.264 with profile-level-id 42c028", output.CauseRejected, true, 0},
		{"ICE never connects", peer.WHIPOptions{NoICE: true}, "does every firewall let UDP through?", output.CauseNetwork, false, 2 * time.Second},
		{"DTLS never ends", peer.WHIPOptions{NoDTLS: true}, "the encryption (DTLS) was not agreed on", output.CauseNetwork, false, 2 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := peer.StartWHIP(t, tc.opts)
			tg := target(t, w.URL()+"/SECRET-PATH?secret=query")
			tg.Options["authorization"] = secretToken
			limit := 10 * time.Second
			if tc.limit != 0 {
				limit = tc.limit
			}
			_, err := dial(t, tg, limit, testVideo, soundTrack)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tc.want) || output.CauseOf(err) != tc.cause || errors.Is(err, output.ErrRejected) != tc.rejected {
				t.Errorf("%q is %s, rejected: %v; want %q, %s, %v", err, output.CauseOf(err), errors.Is(err, output.ErrRejected), tc.want, tc.cause, tc.rejected)
			}
			for _, secret := range []string{secretToken, "SECRET-PATH", "secret=query"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q shows %q", err, secret)
				}
			}
			for _, s := range w.Sessions() {
				if !s.Closed() {
					t.Error("the session was left at the endpoint")
				}
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := dial(t, target(t, "whip+http://"+l.Addr().String()+"/whip"), 5*time.Second, testVideo); output.CauseOf(err) != output.CauseRefused {
		t.Errorf("%v is %s", err, output.CauseOf(err))
	}
}

func TestConnectingEndsWithItsContext(t *testing.T) {
	w := peer.StartWHIP(t, peer.WHIPOptions{NoICE: true})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(w.Sessions()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := Dial(ctx, target(t, w.URL()), []*media.Track{testVideo}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	cancel()
	for _, s := range w.Sessions() {
		until(t, "the session has ended", s.Closed)
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 307, 308} {
		w := peer.StartWHIP(t, peer.WHIPOptions{})
		front := peer.StartWHIP(t, peer.WHIPOptions{Status: status, RedirectTo: "http://" + w.Addr() + "/whip"})
		tg := target(t, front.URL())
		tg.Options["authorization"] = secretToken
		mustDial(t, tg, testVideo).Close()
		if m := w.Methods(); !slices.Equal(m, []string{"POST", "DELETE"}) {
			t.Errorf("%d: the second endpoint got %v", status, m)
		}
		if got := w.Requests()[0]; got.Header.Get("Authorization") != "" || !strings.HasPrefix(got.Body, "v=0") {
			t.Errorf("%d: the other host got authorization %q, body %.10q", status, got.Header.Get("Authorization"), got.Body)
		}
	}
}

func TestEndpointNamesNoResource(t *testing.T) {
	w := peer.StartWHIP(t, peer.WHIPOptions{NoLocation: true})
	var log journal
	tg := target(t, w.URL())
	tg.Log = log.logger()
	mustDial(t, tg, testVideo).Close()
	if m := w.Methods(); !slices.Equal(m, []string{"POST"}) || !strings.Contains(log.String(), "no usable address") {
		t.Errorf("the endpoint got %v, log %s", m, log.String())
	}
}

func TestEndpointsOwnServersAreTaken(t *testing.T) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	w := peer.StartWHIP(t, peer.WHIPOptions{NoICE: true, Links: []string{"<stun:" + server.LocalAddr().String() + `>; rel="ice-server"`}})
	if _, err := dial(t, target(t, w.URL()), 6*time.Second, testVideo); err == nil {
		t.Fatal("no error")
	}
	_ = server.SetReadDeadline(time.Now().Add(time.Second))
	buf := make([]byte, 1500)
	if n, _, err := server.ReadFrom(buf); err != nil || n < 20 || buf[0] != 0 || buf[1] != 1 {
		t.Errorf("the STUN server got %x, %v; want a binding request", buf[:n], err)
	}
	if m := w.Methods(); !slices.Equal(m, []string{"POST", "DELETE", "POST", "DELETE"}) {
		t.Errorf("the endpoint got %v", m)
	}
}

func TestProgrammesThatCannotBeCarried(t *testing.T) {
	w := peer.StartWHIP(t, peer.WHIPOptions{})
	if _, err := dial(t, target(t, w.URL()), time.Second, aacTrack); output.CauseOf(err) != output.CauseLocal {
		t.Errorf("AAC alone: %v", err)
	}
	if _, err := dial(t, target(t, w.URL()), time.Second); output.CauseOf(err) != output.CauseLocal {
		t.Errorf("nothing: %v", err)
	}
	c := mustDial(t, target(t, w.URL()), testVideo, soundTrack)
	b := picture(0, 100, true)
	b.PTS += 40 * time.Millisecond
	if err := c.Write(b); output.CauseOf(err) != output.CauseLocal || !strings.Contains(err.Error(), "baseline") {
		t.Errorf("B-frames: %v", err)
	}
	if err := c.Write(media.Packet{Track: aacTrack, Data: []byte{1}}); output.CauseOf(err) != output.CauseLocal {
		t.Errorf("AAC: %v", err)
	}
	high := *testVideo.Video
	high.SPS = append([]byte{0x67, 0x64, 0, 0x28}, high.SPS[4:]...)
	if err := c.Write(media.Packet{Track: &media.Track{Codec: media.H264, Video: &high}, Key: true, Data: b.Data}); !errors.Is(err, output.ErrTrackChanged) {
		t.Errorf("another profile: %v", err)
	}
	same := *testVideo.Video
	p := picture(1, 100, true)
	p.Track = &media.Track{Codec: media.H264, Video: &same}
	if err := c.Write(p); err != nil {
		t.Errorf("the same profile: %v", err)
	}
	c.Close()
	if err := c.Write(picture(2, 100, true)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// certificate is self-signed, for a name and until a time.
func certificate(t *testing.T, name string, until time.Time) (*tls.Certificate, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func TestTLSOfTheSignalling(t *testing.T) {
	good, trust := certificate(t, "127.0.0.1", time.Now().Add(time.Hour))
	other, otherTrust := certificate(t, "other.example", time.Now().Add(time.Hour))
	old, oldTrust := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour))
	for _, tc := range []struct {
		name  string
		cert  *tls.Certificate
		trust *tls.Config
		want  string // in the error; empty: none
	}{
		{"trusted", good, trust, ""},
		{"another authority", good, otherTrust, "set tls_ca"},
		{"wrong host name", other, otherTrust, "is not for the name"},
		{"expired", old, oldTrust, "out of its dates"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := peer.StartWHIP(t, peer.WHIPOptions{Certificate: tc.cert})
			tg := target(t, w.URL())
			tg.TLS = tc.trust
			c, err := dial(t, tg, 5*time.Second, testVideo)
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
				return
			}
			if output.CauseOf(err) != output.CauseTLS || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v is %s", err, output.CauseOf(err))
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		url  string
		opts map[string]string
		want string // in the error; empty: none
	}{
		{"whip+https://h/whip", map[string]string{"ice_server": "stun:s.example:3478", "authorization": "token", "audio_bitrate": "128000", "header.X-Key": "v"}, ""},
		{"whip+https://h/whip", map[string]string{"ice_server": "turn:me:pw@t.example:3478?transport=tcp"}, ""},
		{"whip+https://h/whip", map[string]string{"ice_server": "auto"}, ""},
		{"whip+https:///whip", nil, "no host"},
		{"whip+https://h/whip", map[string]string{"ice_server": "turn:t.example"}, "ice_server: a TURN server wants a name and a password"},
		{"whip+https://h/whip", map[string]string{"ice_server": "stun:me:very-secret@t.example"}, "ice_server: a STUN server has no name"},
		{"whip+https://h/whip", map[string]string{"ice_server": "https://very-secret"}, "ice_server: write"},
		{"whip+https://h/whip", map[string]string{"authorization": "a\nb"}, "Authorization"},
		{"whip+https://h/whip", map[string]string{"latency": "2s"}, "latency is no option of whip"},
	} {
		tg := target(t, tc.url)
		tg.Options = tc.opts
		err := Check(tg)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%v: %v, want %q", tc.opts, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%v shows a secret", err)
		}
	}
}
