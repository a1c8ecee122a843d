package adapt

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
)

// A link gets narrow, breaks off, and comes back: through the loop with the law that
// the product has.
func TestTheTargetFollowsALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		r.pass(time.Minute)
		if s, _ := r.encoder.told(); s.Bitrate != 6_000_000 || r.status().Code != string(rate.AtMax) {
			t.Errorf("with nothing connected: %+v, %s", s, r.status().Code)
		}
		p := r.path(1, 20_000_000)
		defer r.Add("a", p)()
		r.pass(100 * time.Millisecond)
		if s, _ := r.encoder.told(); s.Bitrate > 4_000_000 {
			t.Errorf("an unknown link begins with %d", s.Bitrate)
		}
		r.pass(time.Minute)
		if s, _ := r.encoder.told(); s.Bitrate < 5_400_000 {
			t.Errorf("a wide link gets %d", s.Bitrate)
		}

		p.carry(2_000_000)
		r.pass(10 * time.Second)
		if s, _ := r.encoder.told(); s.Bitrate > 2_000_000 || s.Bitrate < 500_000 || r.status().Decider != "a" {
			t.Errorf("a link of 2 Mb/s gets %+v, %+v", s, r.status())
		}
		if h := r.History(0); len(h.Changes) == 0 {
			t.Error("nothing changed, it says")
		}

		p.carry(0)
		r.pass(5 * time.Second)
		if k := r.status(); k.Paths[0].Acked != 0 {
			t.Errorf("in an outage: %+v", k.Paths[0])
		}
		p.connect(2, 6_000_000)
		r.Wake()
		r.pass(time.Minute)
		if s, _ := r.encoder.told(); s.Bitrate < 4_000_000 || s.Divider > 1 || s.AudioOnly {
			t.Errorf("a link of 6 Mb/s gets %+v, %+v", s, r.status())
		}

		c := testConfig()
		c.Fixed, c.Max = true, 3_000_000
		r.SetConfig(c)
		r.pass(time.Second)
		if s, _ := r.encoder.told(); s.Bitrate != 3_000_000 {
			t.Errorf("fixed: %+v", s)
		}
		r.stop()
	})
}
