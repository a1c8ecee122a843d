package rtsp

import (
	"testing"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo/pathtest"
)

func TestPathOverTCPAlone(t *testing.T) {
	street := clip(t, footage.StreetMP4)
	for _, transport := range []string{"tcp", "udp"} {
		addr := serve(t, &handler{}, nil, transport == "udp")
		c := mustDial(t, target(t, "rtsp://"+addr+"/live", transport), street.Tracks).(output.PathConn)
		least := uint64(0)
		for _, p := range street.Packets[:100] {
			if err := c.Write(p); err != nil {
				t.Fatal(err)
			}
			least += uint64(len(p.Data))
		}
		if transport == "tcp" {
			pathtest.Arrives(t, c, least*9/10)
			continue
		}
		if p, ok := c.Path(); ok || c.Pace(1_000_000) != nil || c.(*conn).Written() != 0 {
			t.Errorf("over UDP the path is %+v", p)
		}
	}
}
