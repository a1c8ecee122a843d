package acceptance

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// TestTwentyLiveBitrateChanges turns the bit rate up and down while ffmpeg plays
// the HLS and two receivers record. Nobody may notice but by the bytes.
func TestTwentyLiveBitrateChanges(t *testing.T) {
	t.Parallel()
	const low, high = 250_000, 900_000
	isLow := func(rate int) bool { return rate < low*3/2 }
	isHigh := func(rate int) bool { return rate > high*2/3 }
	r := startRig(t, rawFiles(t))
	seen := startWatch(t, r.HLS("main"))
	var player errgroup.Group
	player.Go(func() error {
		_, err := peer.Decode(within(t, 5*patience), r.HLS(""), 45*time.Second)
		return err
	})
	for i := range 20 {
		bitrate, holds := high, isHigh
		if i%2 == 0 {
			bitrate, holds = low, isLow
		}
		r.Patch(`{"streams":{"main":{"video":{"bitrate":%d}}}}`, bitrate)
		r.Await(fmt.Sprintf("change %d, to %d b/s, to show", i+1, bitrate), patience, func(s status.Snapshot) bool {
			v := encoderd.Stream(s, "main").Video
			return v != nil && v.Target == bitrate && holds(v.Bitrate)
		})
	}
	if err := player.Wait(); err != nil {
		t.Errorf("HLS: %v", err)
	}
	r.steady()
	if err := seen.Stop(); err != nil {
		t.Errorf("playlists: %v", err)
	}
	if len(seen.Inits) != 2 {
		t.Errorf("%d headers for two tracks: a change of the bit rate made a new one", len(seen.Inits))
	}
	for name, h := range seen.Tracks {
		for _, s := range h.Segments {
			if s.Discontinuity || s.Gap {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
	s := source{want: contents{384, 288, 25, 48000, false}, length: 20 * time.Second}
	for protocol, file := range r.received() {
		s.judgeFile(t, protocol, file)
		wentUpAndDown(t, protocol, file, isLow, isHigh)
	}
}

// wentUpAndDown checks that the bit rate of what a receiver recorded did.
func wentUpAndDown(t *testing.T, protocol, file string, isLow, isHigh func(int) bool) {
	t.Helper()
	p, err := peer.Probe(within(t, patience), file, peer.ProbeOptions{Packets: true})
	if err != nil {
		t.Fatal(err)
	}
	const window = 2 // seconds: one group of pictures
	bits := map[int]int{}
	for _, pkt := range p.Packets {
		if pkt.Kind == "video" {
			bits[int(pkt.DTS.Seconds())/window] += 8 * pkt.Size
		}
	}
	ups, downs, up := 0, 0, true
	first := int(p.Packets[0].DTS.Seconds()) / window
	for i := first; bits[i] > 0; i++ {
		switch rate := bits[i] / window; {
		case isHigh(rate) && !up:
			up = true
			ups++
		case isLow(rate) && up:
			up = false
			downs++
		}
	}
	if ups < 5 || downs < 5 {
		t.Errorf("%s: the bit rate went up %d and down %d times: %v", protocol, ups, downs, bits)
	}
}
