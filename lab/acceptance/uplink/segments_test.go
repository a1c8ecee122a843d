package uplink

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/link"
)

// What a push of segments is to come to on a link that is slower than the highest: an
// upload is to take 80 % of its segment, sound and requests included.
const (
	segmentLink    = 1_000_000
	segmentLeast   = segmentLink * 55 / 100
	segmentHighest = 3_000_000
)

// TestTheBitRateOfSegmentsIsNearWhatTheUplinkCarries pushes HLS over a link that
// carries less than the highest bit rate.
func TestTheBitRateOfSegmentsIsNearWhatTheUplinkCarries(t *testing.T) {
	t.Parallel()
	l := startLink(t)
	if err := l.Up().SetBitrate(segmentLink); err != nil {
		t.Fatal(err)
	}
	url := receivePUT(t, l)
	d := startDaemon(t, l, segmentHighest, receiver{url: url}.as("site"))
	u := &uplink{t: t, daemon: d, link: l}
	u.at("the target to come near what the link carries, and the rates of the path with it", func(r *status.Rate, p status.RatePath) bool {
		return r.Target >= segmentLeast && r.Target < segmentLink && r.Code != "app_limited" &&
			p.Sent >= segmentLeast && p.Acked >= segmentLeast && p.Acked < segmentLink
	})
}

// receivePUT takes whatever is uploaded to its URL, beyond the link.
func receivePUT(t *testing.T, l *link.Link) (url string) {
	t.Helper()
	var listener net.Listener
	err := l.ReceiverNS().Do(func() (err error) {
		listener, err = net.Listen("tcp", net.JoinHostPort(l.ReceiverAddr().String(), "0"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			w.WriteHeader(http.StatusCreated)
		}
	}))
	if err := s.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.Listener = listener
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections() // the daemon's may have ended within an upload
		s.Close()
	})
	return s.URL + "/live/"
}
