package link

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// Real servers in the receiver's namespace, reached over the link only.
func TestPeersRunInside(t *testing.T) {
	l := started(t, Config{})
	place := peer.Place{Do: l.ReceiverNS().Do, Addr: l.ReceiverAddr()}
	n := peer.StartNginx(t, peer.NginxOptions{DAV: true, Place: place})
	r := peer.StartSRT(t, peer.SRTOptions{Place: place})
	for _, addr := range []string{n.Addr(), r.Addr()} {
		if !strings.HasPrefix(addr, l.ReceiverAddr().String()+":") {
			t.Errorf("it listens on %s", addr)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if s, err := n.Stat(ctx); err != nil || len(s.Streams) != 0 {
		t.Errorf("statistics %+v, %v", s, err)
	}
	tr := l.SenderNS().Transport()
	defer tr.CloseIdleConnections()
	for _, again := range []bool{false, true} {
		if again {
			n.Stop()
			n.Start() // on the same ports of the place
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, n.DAVURL()+"file", strings.NewReader("content"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if b, err := os.ReadFile(filepath.Join(n.DAVDir(), "file")); string(b) != "content" {
		t.Errorf("file %q, %v", b, err)
	}
	if l.Stats().Up.Delivered.Bytes < int64(len("content")) {
		t.Error("it did not go over the link")
	}
}
