package rtmp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/message"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secretKey = "very-secret-key"

var (
	sps = []byte{ // 1920x1080 Baseline
		0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04,
		0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20,
	}
	pps  = []byte{0x68, 0xce, 0x3c, 0x80}
	pps2 = []byte{0x68, 0xce, 0x38, 0x80} // same id, other content
	asc  = []byte{0x11, 0x90}             // AAC-LC 48 kHz stereo

	video = &media.Track{Codec: media.H264, Video: &media.VideoParams{
		Width: 1920, Height: 1080, FrameRate: media.Rational{Num: 30, Den: 1}, SPS: sps, PPS: pps}}
	audio = &media.Track{Codec: media.AAC, Audio: &media.AudioParams{SampleRate: 48000, Channels: 2, Config: asc}}
)

// picture is an access unit of n bytes besides the parameter sets it brings.
func picture(ptsMS, dtsMS int, key bool, n int, sets ...[]byte) media.Packet {
	var data []byte
	for _, s := range sets {
		data = h264.AppendUnit(data, s)
	}
	slice := bytes.Repeat([]byte{byte(dtsMS) | 1}, n)
	slice[0] = 0x41
	if key {
		slice[0] = 0x65
	}
	return media.Packet{Track: video, PTS: ms(ptsMS), DTS: ms(dtsMS), Key: key, Data: h264.AppendUnit(data, slice)}
}

func sound(dtsMS, n int) media.Packet {
	return media.Packet{Track: audio, PTS: ms(dtsMS), DTS: ms(dtsMS), Key: true, Data: bytes.Repeat([]byte{0x21}, n)}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// serve accepts connections on loopback until the test ends and returns its
// host:port. Handlers have ended when the test has.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() { defer c.Close(); handle(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

func target(t *testing.T, rawURL string) output.Target {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return output.Target{
		Name: "test", URL: u, WriteTimeout: 5 * time.Second, Agent: "encoderbox 0.0",
		Log: slog.New(slog.DiscardHandler),
	}
}

func mustDial(t *testing.T, tg output.Target, tracks ...*media.Track) output.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if len(tracks) == 0 {
		tracks = []*media.Track{video, audio}
	}
	c, err := Dial(ctx, tg, tracks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mustWrite(t *testing.T, c output.Conn, ps ...media.Packet) {
	t.Helper()
	for _, p := range ps {
		if err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
}

// publication is what gortmplib's server has seen of one connection.
type publication struct {
	tcURL    string // URL with the key behind it, as the server joins them
	messages []message.Message
	err      error
}

// server runs gortmplib's server; each connection is delivered when it ends.
func server(t *testing.T) (addr string, done <-chan publication) {
	out := make(chan publication, 4)
	return serve(t, func(c net.Conn) { out <- receive(c) }), out
}

func receive(c net.Conn) (p publication) {
	sc := &gortmplib.ServerConn{RW: c}
	if p.err = sc.Initialize(); p.err != nil {
		return p
	}
	if p.err = sc.Accept(); p.err != nil {
		return p
	}
	p.tcURL = sc.URL.String()
	for {
		m, err := sc.Read()
		if err != nil {
			p.err = err
			return p
		}
		p.messages = append(p.messages, m)
	}
}

// certificate makes a self-signed certificate for a name and the trust in it.
func certificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
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
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
