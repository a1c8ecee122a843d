package cmaf

import (
	"testing"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/output/tcpinfo/pathtest"
)

// Both requests are one path.
func TestPath(t *testing.T) {
	_, to := receiver(t)
	street := clip(t, footage.StreetMP4)
	c := mustDial(t, target(t, to), street.Tracks, nil)
	least := uint64(0)
	for _, p := range street.Packets[:100] {
		mustWrite(t, c, p)
		least += uint64(len(p.Data))
	}
	pathtest.Arrives(t, c, least*9/10)
	if n := c.Written(); n < least*9/10 {
		t.Errorf("%d bytes written", n)
	}
}
