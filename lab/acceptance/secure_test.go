package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// TestEncryptedPushes pushes through TLS to a server with a certificate of a
// private authority, and by SRT with a passphrase. A destination that was not
// told to trust the authority must not send it a byte of the programme.
func TestEncryptedPushes(t *testing.T) {
	t.Parallel()
	const passphrase = "correcthorsebattery"
	nginx := peer.StartNginx(t, peer.NginxOptions{Record: true})
	ca := peer.NewCA(t)
	front := peer.StartTLSFront(t, ca, nginx.Addr(), peer.CertOptions{})
	srt := peer.StartSRT(t, peer.SRTOptions{Passphrase: passphrase})
	d := encoderd.Start(t, binary, fileInput(t, "main", footage.StreetMP4)+
		destination("trusting", front.RTMPS("trusting"), fmt.Sprintf("tls_ca = %q", ca.File))+
		destination("stranger", front.RTMPS("stranger"))+
		destination("srt", srt.URL(), fmt.Sprintf("passphrase = %q", passphrase)))
	awaitState(t, d, "trusting", status.Active)
	awaitState(t, d, "srt", status.Active)
	s := d.Await("the stranger to be refused more than once", patience, func(s status.Snapshot) bool {
		return len(mainDestination(s, "stranger").Errors) > 1
	})
	if stranger := mainDestination(s, "stranger"); stranger.State != status.Reconnecting ||
		!said(stranger, "certificate", "tls_ca") || stranger.Bytes != 0 {
		t.Errorf("the stranger is %s, has sent %d bytes, and says%s", stranger.State, stranger.Bytes, messages(stranger))
	}
	if log := d.WholeLog() + string(d.Get("/api/v1/status")) + string(d.Get("/api/v1/config")); strings.Contains(log, passphrase) {
		t.Error("the passphrase is shown")
	}

	at := mainDestination(s, "srt").ConnectedAt
	time.Sleep(time.Until(at.Add(10 * time.Second)))
	for _, name := range []string{"trusting", "srt"} {
		if dest := mainDestination(d.Status(), name); dest.State != status.Active || dest.Attempts != 1 || dest.Dropped != 0 {
			t.Errorf("%s: %+v", name, dest)
		}
	}
	d.Stop()
	srt.Stop()
	if n, err := nginx.Recordings("stranger"); err != nil || len(n) != 0 {
		t.Errorf("what the stranger sent was recorded: %q, %v", n, err)
	}
	want := source{want: contents{768, 576, 25, 48000, true}, length: 8 * time.Second}
	want.judgeFile(t, "RTMPS", recording(t, nginx, "trusting"))
	want.judgeFile(t, "SRT with a passphrase", srt.File())
}
