package tshttp

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo/pathtest"
)

func TestPath(t *testing.T) {
	ps, tracks := street(t, 2*time.Second)
	for _, secure := range []bool{false, true} {
		uploads := make(chan upload, 1)
		s := httptest.NewUnstartedServer(receiver(uploads))
		tg := target(t, "tshttp://host/live")
		if secure {
			s.StartTLS()
			tg.TLS = &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
		tg.URL = target(t, tshttp(s.URL)+"/live").URL
		c, err := dial(t, tg, tracks)
		if err != nil {
			t.Fatal(err)
		}
		least := uint64(0)
		for _, p := range ps {
			least += uint64(len(p.Data))
			if err := c.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		pathtest.Arrives(t, c.(output.PathConn), least)
		if n := c.(*conn).Written(); n < least {
			t.Errorf("%d bytes written, of at least %d", n, least)
		}
	}
}
