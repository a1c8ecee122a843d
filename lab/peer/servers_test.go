package peer_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func street(t *testing.T) string {
	t.Helper()
	path, err := footage.StreetMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func awaitPublish(t *testing.T, n *peer.Nginx, stream string) *peer.NginxStream {
	t.Helper()
	s, err := n.AwaitPublish(limited(t), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNginxTakesRecordsAndPlays(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{Record: true})
	if s, err := n.Stream(limited(t), "cam"); s != nil || err != nil {
		t.Fatalf("before publishing: %+v, error %v", s, err)
	}
	pub := peer.Publish(t, street(t), n.URL("cam"))
	s := awaitPublish(t, n, "cam")
	if s.Video.Codec != "H264" || s.Video.Profile != "High" || s.Video.Width != 768 || s.Video.Height != 576 || s.Video.FrameRate != 25 {
		t.Errorf("video: %+v", s.Video)
	}
	if s.Audio.Codec != "AAC" || s.Audio.Profile != "LC" || s.Audio.SampleRate != 48000 || s.Audio.Channels != 2 {
		t.Errorf("audio: %+v", s.Audio)
	}
	if len(s.Clients) != 1 || !bool(s.Clients[0].Publishing) || !strings.Contains(s.Clients[0].Version, "Lavf") {
		t.Errorf("clients: %+v", s.Clients)
	}
	d, err := peer.Decode(limited(t), n.URL("cam"), 4*time.Second)
	if err != nil || d.Frames < 40 {
		t.Errorf("played %+v, error %v", d, err)
	}
	after, err := n.Stream(limited(t), "cam")
	if err != nil || after == nil || after.BytesIn <= s.BytesIn || after.BytesOut == 0 {
		t.Errorf("statistics: first %+v, then %+v, error %v", s, after, err)
	}
	if err := n.DropPublisher(limited(t), "cam"); err != nil {
		t.Fatal(err)
	}
	if err := pub.Wait(limited(t)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the publisher, dropped: %v", err)
	}
	files, err := n.Recordings("cam")
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings %q, error %v", files, err)
	}
	if d, err := peer.Decode(limited(t), files[0], 0); err != nil || d.Frames < 40 {
		t.Errorf("recorded %+v, error %v", d, err)
	}
	if err := n.DropPublisher(limited(t), "cam"); err == nil {
		t.Error("dropped a publisher who had gone")
	}
}

func TestNginxRefusesAWrongKey(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{Key: "secret"})
	if err := peer.Publish(t, street(t), n.URL("guess")).Wait(limited(t)); err == nil {
		t.Error("a wrong key was let in")
	}
	peer.Publish(t, street(t), n.URL("secret"))
	awaitPublish(t, n, "secret")
}

func TestNginxComesBackOnItsPorts(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	url, pid := n.URL("cam"), n.Process().PID()
	n.Kill()
	if _, err := n.Stat(limited(t)); err == nil {
		t.Error("a killed nginx answered")
	}
	n.Start()
	n.Start() // running: nothing
	if n.URL("cam") != url || n.Process().PID() == pid {
		t.Errorf("was %s, process %d; is %s, process %d", url, pid, n.URL("cam"), n.Process().PID())
	}
	peer.Publish(t, street(t), url)
	awaitPublish(t, n, "cam")

	n.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := n.Stat(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a paused nginx gave %v", err)
	}
	n.Resume()
	if _, err := n.Stat(limited(t)); err != nil {
		t.Error(err)
	}
	n.Pause() // and is stopped so, at the end
}

func TestNginxTakesPUT(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{DAV: true})
	req, err := http.NewRequestWithContext(limited(t), http.MethodPut, n.DAVURL()+"new/folder/a.m4s", strings.NewReader("segment"))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	got, err := os.ReadFile(filepath.Join(n.DAVDir(), "new/folder/a.m4s"))
	if err != nil || string(got) != "segment" || resp.StatusCode != http.StatusCreated {
		t.Errorf("status %s, file %q, error %v", resp.Status, got, err)
	}
}

func TestTLSFrontMakesRTMPS(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	ca := peer.NewCA(t)
	f := peer.StartTLSFront(t, ca, n.Addr(), peer.CertOptions{})
	peer.Publish(t, street(t), f.RTMPS("cam"))
	if s := awaitPublish(t, n, "cam"); s.Video.Codec != "H264" {
		t.Errorf("video: %+v", s.Video)
	}
	if err := handshake(f.Addr(), ca.Pool); err != nil {
		t.Errorf("with its CA: %v", err)
	}
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(ca.File)
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("CA's file: %q, error %v", pem, err)
	}
	if err := handshake(f.Addr(), pool); err != nil {
		t.Errorf("with its CA's file: %v", err)
	}
	var unknown x509.UnknownAuthorityError
	if err := handshake(f.Addr(), peer.NewCA(t).Pool); !errors.As(err, &unknown) {
		t.Errorf("with another CA: %v", err)
	}
	old := peer.StartTLSFront(t, ca, n.Addr(), peer.CertOptions{NotAfter: time.Now().Add(-time.Hour)})
	var invalid x509.CertificateInvalidError
	if err := handshake(old.Addr(), ca.Pool); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
		t.Errorf("expired: %v", err)
	}
	other := peer.StartTLSFront(t, ca, n.Addr(), peer.CertOptions{Hosts: []string{"live.example.com"}})
	var host x509.HostnameError
	if err := handshake(other.Addr(), ca.Pool); !errors.As(err, &host) {
		t.Errorf("another's name: %v", err)
	}
}

func handshake(addr string, ca *x509.CertPool) error {
	c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: ca})
	if err != nil {
		return err
	}
	return c.Close()
}

func publishSRT(t *testing.T, r *peer.SRT, atLeast int64) {
	t.Helper()
	p := peer.Publish(t, street(t), r.FFmpegURL())
	eventually(t, "the listener received", func() bool { return r.Bytes() >= atLeast })
	p.Stop()
}

func TestSRTListensAgainAfterEachCaller(t *testing.T) {
	t.Parallel()
	r := peer.StartSRT(t, peer.SRTOptions{Passphrase: "correct-horse", StatsEvery: 20})
	publishSRT(t, r, 300<<10)
	first := r.Bytes()
	publishSRT(t, r, first+100<<10)

	wrong := peer.Publish(t, street(t), strings.Replace(r.FFmpegURL(), "correct", "battery", 1))
	if err := wrong.Wait(limited(t)); err == nil {
		t.Error("a wrong passphrase was let in")
	}
	r.Stop()
	stats, err := r.Stats()
	if err != nil || len(stats) == 0 {
		t.Fatalf("statistics %+v, error %v", stats, err)
	}
	sockets := map[int64]bool{}
	for _, s := range stats {
		sockets[s.SID] = true
		if s.Recv.Bytes == 0 || s.Recv.LatencyMS != 120 {
			t.Errorf("statistics: %+v", s)
		}
	}
	if len(sockets) != 2 {
		t.Errorf("statistics of %d callers, want 2", len(sockets))
	}
	p, err := peer.Probe(limited(t), r.File(), peer.ProbeOptions{Packets: true})
	if err != nil {
		t.Fatal(err)
	}
	if v, a := p.First("video"), p.First("audio"); v == nil || v.Codec != "h264" || a == nil || a.Codec != "aac" {
		t.Errorf("streams: %+v", p.Streams)
	}
	if err := p.CheckTimestamps(); err == nil {
		t.Error("two callers' timestamps in one file passed as rising")
	}
	r.Start()
	publishSRT(t, r, r.Bytes()+100<<10)
}
