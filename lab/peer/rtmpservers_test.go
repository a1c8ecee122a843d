package peer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// flvRecorder is an RTMP server that records.
type flvRecorder interface {
	URL(stream string) string
	Recordings(stream string) ([]string, error)
	Stop()
	Start()
	Log() string
}

func TestRTMPServersRecordAndComeBack(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T, string) flvRecorder{
		"lal": func(t *testing.T, secret string) flvRecorder {
			return peer.StartLal(t, peer.LalOptions{Secret: secret})
		},
		"node-media-server": func(t *testing.T, secret string) flvRecorder {
			return peer.StartNodeMedia(t, peer.NodeMediaOptions{Secret: secret})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, "")
			pub := peer.Publish(t, street(t), r.URL("cam"))
			eventually(t, "a recording begins", func() bool {
				files, err := r.Recordings("cam")
				return err == nil && len(files) == 1
			})
			d, err := peer.Decode(limited(t), r.URL("cam"), 2*time.Second)
			if err != nil || d.Frames < 20 {
				t.Errorf("played %+v, error %v", d, err)
			}
			pub.Stop()
			r.Stop()
			files, err := r.Recordings("cam")
			if err != nil || len(files) != 1 {
				t.Fatalf("recordings %q, error %v", files, err)
			}
			p, err := peer.Probe(limited(t), files[0], peer.ProbeOptions{})
			if err != nil || p.First("video") == nil || p.First("audio") == nil {
				t.Errorf("recorded %+v, error %v", p, err)
			}
			r.Start()

			guarded := start(t, "secret")
			err = peer.Publish(t, street(t), guarded.URL("cam")).Wait(limited(t))
			if err == nil || strings.Contains(err.Error(), "deadline") {
				t.Errorf("without the secret: %v", err)
			}
		})
	}
}
