package acceptance

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// The bounds of TestTheBitRateFollowsALink, and its slow link with the sound on it,
// in bits per second.
const lowest, highest, narrow = 150_000, 900_000, 400_000

// TestTheBitRateFollowsALink narrows the way to an RTMP server while the software
// encoder works, and opens it again. The target goes down and up, the API says why,
// and nothing fails over it.
func TestTheBitRateFollowsALink(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	g := peer.StartGate(t, n.Addr())
	d := encoderd.Start(t, binary, rawFiles(t)+fmt.Sprintf("[streams.main.destinations.site]\nurl = %q\n", rtmpURL(g.Addr(), "main")))
	d.Patch(`{"streams":{"main":{"video":{"bitrate":{"min":%d,"max":%d,"mode":"adaptive"}}}}}`, lowest, highest)
	at := func(what string, wanted func(*status.Rate, status.RatePath) bool) status.Rate {
		t.Helper()
		s := d.Await(what, 4*patience, func(s status.Snapshot) bool {
			k := encoderd.Stream(s, "main").Rate
			if k == nil || len(k.Paths) != 1 {
				return false
			}
			return wanted(k, k.Paths[0])
		})
		return *encoderd.Stream(s, "main").Rate
	}

	at("the target to be near the highest", func(k *status.Rate, p status.RatePath) bool {
		return k.Target > highest*9/10 && p.State == "following" && p.Acked > 0
	})

	g.Trickle(narrow / 8)
	slow := at("the target to fall below what the link carries", func(k *status.Rate, _ status.RatePath) bool {
		return k.Target < narrow
	})
	if slow.Decider != "site" || slow.Code == "" || slow.Reason == "" || slow.Min != lowest || slow.Max != highest {
		t.Errorf("it does not say why: %+v", slow)
	}
	var h status.RateHistory
	if err := json.Unmarshal(d.Get("/api/v1/streams/main/rate"), &h); err != nil {
		t.Fatal(err)
	}
	cut := slices.IndexFunc(h.Changes, func(c status.RateChange) bool { return c.To < c.From && c.Destination == "site" && c.Text != "" })
	if cut < 0 || len(h.Points) == 0 || h.Stream != "main" {
		t.Errorf("no cut in the history: %d points, changes %+v", len(h.Points), h.Changes)
	}

	g.Open()
	at("the target to rise again", func(k *status.Rate, _ status.RatePath) bool { return k.Target > highest*8/10 })
	var later status.RateHistory
	if err := json.Unmarshal(d.Get(fmt.Sprintf("/api/v1/streams/main/rate?since=%d", h.Next)), &later); err != nil {
		t.Fatal(err)
	}
	if len(later.Points) == 0 || later.Points[0].Sequence <= h.Next {
		t.Errorf("the history does not go on after %d: %+v", h.Next, later.Points)
	}
	// It may have connected anew for smaller pictures, but not because anything failed.
	if now := mainDestination(d.Status(), "site"); len(now.Errors) != 0 {
		t.Errorf("the link was not too slow for this: %+v", now.Errors)
	}
}
