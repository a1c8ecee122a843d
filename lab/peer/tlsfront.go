package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// CA signs certificates for the length of a test.
type CA struct {
	// File holds the CA's certificate as PEM, for a client's configuration.
	File string
	// Pool holds it for a client in Go.
	Pool *x509.CertPool

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes a CA.
func NewCA(tb TB) *CA {
	tb.Helper()
	ca, err := newCA(tb.TempDir())
	if err != nil {
		tb.Fatalf("peer: make a CA: %v", err)
	}
	return ca
}

func newCA(dir string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test bench CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	ca := &CA{File: filepath.Join(dir, "ca.pem"), Pool: x509.NewCertPool(), cert: cert, key: key}
	ca.Pool.AddCert(cert)
	return ca, os.WriteFile(ca.File, pemBlock("CERTIFICATE", der), 0o644)
}

// CertOptions say what certificate a server shows. The zero value is a good one.
type CertOptions struct {
	Hosts    []string  // names and addresses; 127.0.0.1 and localhost when empty
	NotAfter time.Time // tomorrow when zero
}

// Certificate signs a server's certificate.
func (ca *CA) Certificate(o CertOptions) (tls.Certificate, error) {
	chain, key, err := ca.sign(o)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("peer: sign a certificate: %w", err)
	}
	return tls.X509KeyPair(chain, key)
}

// sign returns the certificate and its key as PEM.
func (ca *CA) sign(o CertOptions) (cert, key []byte, err error) {
	if o.Hosts == nil {
		o.Hosts = []string{"127.0.0.1", "localhost"}
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = time.Now().Add(24 * time.Hour)
	}
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: o.Hosts[0]},
		NotBefore: o.NotAfter.Add(-48 * time.Hour), NotAfter: o.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range o.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.cert, &priv.PublicKey, ca.key)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, err
	}
	return pemBlock("CERTIFICATE", der), pemBlock("PRIVATE KEY", pkcs8), nil
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// TLSFront is an stunnel that takes TLS and passes plain TCP on.
type TLSFront struct {
	*server
	addr string
}

// StartTLSFront starts an stunnel before the server at target (host:port), with
// a certificate of ca. Before an [Nginx], it makes RTMPS.
func StartTLSFront(tb TB, ca *CA, target string, o CertOptions) *TLSFront {
	tb.Helper()
	dir := tb.TempDir()
	cert, key, err := ca.sign(o)
	if err != nil {
		tb.Fatalf("peer: sign a certificate: %v", err)
	}
	pemFile := filepath.Join(dir, "server.pem")
	if err := os.WriteFile(pemFile, append(key, cert...), 0o600); err != nil {
		tb.Fatalf("peer: write stunnel's certificate: %v", err)
	}
	f := &TLSFront{}
	f.server = startServer(tb, Place{}, []string{"tcp"}, func(s []socket) (Command, error) {
		f.addr = loopback(s[0].port)
		conf := filepath.Join(dir, "stunnel.conf")
		text := fmt.Sprintf("foreground = yes\npid =\ndebug = info\nsyslog = no\n"+
			"[front]\naccept = %s\nconnect = %s\ncert = %s\nsslVersionMin = TLSv1.2\nTIMEOUTclose = 0\n", f.addr, target, pemFile)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			return Command{}, fmt.Errorf("peer: write stunnel's configuration: %w", err)
		}
		return Command{Name: "stunnel", Dir: dir, Args: []string{"stunnel4", conf}}, nil
	})
	return f
}

// Addr is the host and port that takes TLS.
func (f *TLSFront) Addr() string { return f.addr }

// RTMPS is where to publish a stream of the application "live" behind the front.
func (f *TLSFront) RTMPS(stream string) string { return "rtmps://" + f.addr + "/live/" + stream }
