package uplink

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/link"
	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/trace"
	"github.com/encoderbox/encoderbox/lab/peer"
)

const (
	patience = 90 * time.Second // of each wait
	phase    = 5 * time.Second  // how long the link stays as it is, at least

	// Of the bit rate, and what the link carries at first and in the end, and when it
	// is slow, bits per second. Much less than highest counts as high: on a busy machine
	// receivers answer late, which looks like a slow link.
	lowest, highest = 150_000, 1_000_000
	wide, narrow    = 3_000_000, 400_000
	high            = narrow * 5 / 4

	delay = 20 * time.Millisecond
	queue = 100_000 // bytes: a quarter of a second of wide, two of narrow
)

// TestTheBitRateFollowsAnUplink pushes to a real receiver over a link that carries
// enough, too little, and enough again.
func TestTheBitRateFollowsAnUplink(t *testing.T) {
	t.Parallel()
	for name, receive := range map[string]func(*testing.T, peer.Place) receiver{"srt": receiveSRT, "rtmp": receiveRTMP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startLink(t)
			r := receive(t, peer.Place{Do: l.ReceiverNS().Do, Addr: l.ReceiverAddr()})
			d := startDaemon(t, l, highest, r.as("site"))
			u := &uplink{t: t, daemon: d, link: l}
			u.follows()
			received := r.received(d)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			got, err := peer.Decode(ctx, received, 0)
			if err != nil {
				t.Errorf("what arrived: %v", err)
			}
			if got.Frames < 100 {
				t.Errorf("%d pictures arrived", got.Frames)
			}
		})
	}
}

// startLink makes the uplink.
func startLink(t *testing.T) *link.Link {
	t.Helper()
	l, err := link.Start(t.Context(), link.Config{
		Up:   bottleneck.Config{Trace: trace.Constant(wide), QueueBytes: queue, Delay: delay},
		Down: bottleneck.Config{Delay: delay},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// startDaemon encodes real footage behind the link, between two bit rates, for what the
// TOML of destinations names.
func startDaemon(t *testing.T, l *link.Link, most int, destinations string) *encoderd.Daemon {
	t.Helper()
	y4m, wav, err := footage.Raw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := encoderd.Launch(t, encoderd.Options{
		Binary: binary, Place: peer.Place{Do: l.SenderNS().Do},
		TOML: fmt.Sprintf(`
[streams.main.input]
kind = "file"
path = %q
audio_path = %q
[streams.main.video.bitrate]
min = %d
max = %d
policy = "protect-primary"
`, y4m, wav, lowest, most) + destinations,
	})
	d.AwaitPage()
	return d
}

// as is the TOML of a destination that is the receiver.
func (r receiver) as(name string) string {
	return fmt.Sprintf("[streams.main.destinations.%s]\nurl = %q\n%s\n", name, r.url, r.more)
}

// uplink is the daemon and the link before it.
type uplink struct {
	t      *testing.T
	daemon *encoderd.Daemon
	link   *link.Link
}

// follows makes the link slow and fast again, and looks at what the API tells.
func (u *uplink) follows() {
	t := u.t
	t.Helper()
	u.carries(wide)
	u.at("the target to be more than the slow link will carry", func(r *status.Rate, p status.RatePath) bool {
		return r.Target > high && p.State == "following" && p.Acked > narrow
	})
	before := u.history(0).Next

	u.carries(narrow)
	slow := u.at("the target to fall below what the link carries", func(r *status.Rate, _ status.RatePath) bool { return r.Target < narrow })
	if slow.Mode != "adaptive" || slow.Decider != "site" || slow.Code == "" || slow.Reason == "" || slow.Min != lowest || slow.Max != highest {
		t.Errorf("the status does not say why: %+v", slow)
	}
	h := u.history(before)
	cut := slices.IndexFunc(h.Changes, func(c status.RateChange) bool {
		return c.To < c.From && c.Destination == "site" && c.Code != "" && c.Text != ""
	})
	if h.Stream != "main" || len(h.Points) == 0 || cut < 0 {
		t.Errorf("no cut in the history: %d points, changes %+v", len(h.Points), h.Changes)
	}

	u.carries(wide)
	u.at("the target to rise again", func(r *status.Rate, _ status.RatePath) bool { return r.Target > high })
	h = u.history(h.Next)
	if !slices.ContainsFunc(h.Changes, func(c status.RateChange) bool { return c.To > c.From }) {
		t.Errorf("no rise in the history: %+v", h.Changes)
	}
	// It may have connected anew for smaller pictures, but not because anything failed.
	s := u.daemon.Status()
	if site := encoderd.Destination(encoderd.Stream(s, "main"), "site"); site.State != status.Active || len(site.Errors) != 0 {
		t.Errorf("the destination is %s: %+v", site.State, site.Errors)
	}
}

// carries is another phase.
func (u *uplink) carries(bitrate float64) {
	u.t.Helper()
	if err := u.link.Up().SetBitrate(bitrate); err != nil {
		u.t.Fatal(err)
	}
	time.Sleep(phase)
}

// at waits until it is so of the bit rate and the path.
func (u *uplink) at(what string, wanted func(*status.Rate, status.RatePath) bool) status.Rate {
	u.t.Helper()
	s := u.daemon.Await(what, patience, func(s status.Snapshot) bool {
		r := encoderd.Stream(s, "main").Rate
		return r != nil && len(r.Paths) == 1 && wanted(r, r.Paths[0])
	})
	return *encoderd.Stream(s, "main").Rate
}

func (u *uplink) history(since uint64) (h status.RateHistory) {
	u.t.Helper()
	if err := json.Unmarshal(u.daemon.Get(fmt.Sprintf("/api/v1/streams/main/rate?since=%d", since)), &h); err != nil {
		u.t.Fatal(err)
	}
	return h
}

// receiver is a real one, and the destination that leads to it.
type receiver struct {
	url, more string // of the destination, and its other lines
	// received ends the push, and returns the file of what came.
	received func(*encoderd.Daemon) string
}

func receiveSRT(t *testing.T, place peer.Place) receiver {
	t.Helper()
	s := peer.StartSRT(t, peer.SRTOptions{Latency: 2 * time.Second, Place: place})
	return receiver{s.URL(), `latency = "2s"`, func(d *encoderd.Daemon) string {
		d.Stop()
		s.Stop()
		return s.File()
	}}
}

func receiveRTMP(t *testing.T, place peer.Place) receiver {
	t.Helper()
	n := peer.StartNginx(t, peer.NginxOptions{Record: true, Place: place})
	return receiver{n.URL("main"), "", func(d *encoderd.Daemon) string {
		t.Helper()
		d.Stop()
		n.Stop()
		files, err := n.Recordings("main")
		if err != nil || len(files) == 0 {
			t.Fatalf("nginx has recorded %q: %v", files, err)
		}
		return files[len(files)-1] // one for each connection
	}}
}
