package uplink

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

const (
	// common is what the link carries of both copies, bits per second: less than two thirds
	// of what they take before.
	common = 1_300_000
	// settling is what two laws have to agree, watching how long they are looked at then.
	settling, watching = 10 * time.Second, 15 * time.Second
)

// TestTwoDestinationsOnOneUplink sends one stream to two receivers over one link, which
// gets too narrow for both. That must be noticed, and each be left about half of it: nobody
// is to go without pictures for long, as one would if the primary took all.
func TestTwoDestinationsOnOneUplink(t *testing.T) {
	for _, c := range []struct {
		name   string
		second func(*testing.T, peer.Place) receiver
	}{{"srt and srt", receiveSRT}, {"srt and rtmp", receiveRTMP}} {
		t.Run(c.name, func(t *testing.T) {
			l := startLink(t)
			place := peer.Place{Do: l.ReceiverNS().Do, Addr: l.ReceiverAddr()}
			first, second := receiveSRT(t, place), c.second(t, place)
			u := &uplink{t: t, daemon: startDaemon(t, l, highest, first.as("first")+"primary = true\n"+second.as("second")), link: l}
			u.shares()
			for _, r := range []receiver{first, second} {
				decodes(t, r.received(u.daemon))
			}
		})
	}
}

// shares makes the link too narrow for both, and looks at what becomes of them.
func (u *uplink) shares() {
	t := u.t
	t.Helper()
	u.both("both to be given more than half of what the link will carry", func(r *status.Rate, first, second status.RatePath) bool {
		return r.Target > common/2 && first.State == "following" && second.State == "following" && first.Acked > common/2 && second.Acked > common/2
	})
	u.carries(common)
	u.both("both to be known to share an uplink", func(_ *status.Rate, first, second status.RatePath) bool {
		return slices.Equal(first.Shares, []string{"second"}) && slices.Equal(second.Shares, []string{"first"})
	})
	time.Sleep(settling)
	before := u.history(0).Next
	time.Sleep(watching)
	points := u.history(before).Points
	if len(points) == 0 {
		t.Fatal("no points in the history")
	}
	target, following := 0, map[string]int{}
	for _, p := range points {
		target += p.Target
		for name, path := range p.Paths {
			if path.State == "following" {
				following[name]++
			}
		}
	}
	// Half of the link, less sound and overhead, and much less on a busy machine.
	if target /= len(points); target > common/2 || target < lowest*5/4 {
		t.Errorf("on a link of %d b/s for both, each is given %d", common, target)
	}
	for _, name := range []string{"first", "second"} {
		if following[name] < len(points)*3/4 {
			t.Errorf("%s is given pictures for %d of %d points of time", name, following[name], len(points))
		}
		if d := encoderd.Destination(encoderd.Stream(u.daemon.Status(), "main"), name); d.State != status.Active {
			t.Errorf("%s is %s: %+v", name, d.State, d.Errors)
		}
	}
	t.Logf("each is given %d b/s, with pictures at %v of %d points of time", target, following, len(points))
}

// both waits until it is so of the bit rate and the two paths.
func (u *uplink) both(what string, wanted func(r *status.Rate, first, second status.RatePath) bool) {
	u.t.Helper()
	u.daemon.Await(what, patience, func(s status.Snapshot) bool {
		r := encoderd.Stream(s, "main").Rate
		return r != nil && len(r.Paths) == 2 && wanted(r, r.Paths[0], r.Paths[1]) // by name
	})
}

// decodes looks at what arrived.
func decodes(t *testing.T, file string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := peer.Decode(ctx, file, 0)
	if err != nil {
		t.Errorf("what arrived: %v", err)
	}
	if got.Frames < 300 {
		t.Errorf("%d pictures arrived", got.Frames)
	}
}
