package push

import (
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// publishes says whether somebody publishes to an nginx that runs.
func publishes(t *testing.T, n *peer.Nginx) bool {
	t.Helper()
	s, err := n.Stream(t.Context(), streamKey)
	if err != nil {
		t.Fatal(err)
	}
	return s != nil && bool(s.Active)
}

func awaitGroup(d *encoderd.Daemon, what string, wanted func(status.Group) bool) status.Snapshot {
	return d.Await(what, patience, func(s status.Snapshot) bool {
		return len(main(s).Groups) == 1 && wanted(main(s).Groups[0])
	})
}

// TestBackupStandsIn has a second server take over while the first is away.
func TestBackupStandsIn(t *testing.T) {
	t.Parallel()
	first, second := peer.StartNginx(t, peer.NginxOptions{}), peer.StartNginx(t, peer.NginxOptions{})
	d := encoderd.Start(t, binary, pattern+
		(&receiver{name: "first", url: first.URL(streamKey)}).table()+(&receiver{name: "second", url: second.URL(streamKey)}).table()+`
[streams.main.groups.air]
members = "first, second"
policy = "primary_backup"
minimum = 1
failover_after = "1s"
failback_after = "2s"
grace = "3s"
`)
	awaitState(d, "first", status.Active)
	s := d.Await("the second to be held", patience, func(s status.Snapshot) bool { return dest(s, "second").Held })
	if b := dest(s, "second"); b.State != status.Disabled || !strings.Contains(b.Reason, "standby") || b.Attempts != 0 || publishes(t, second) {
		t.Errorf("on standby: %+v", b)
	}
	first.Kill()
	s = awaitGroup(d, "the second to stand in", func(g status.Group) bool {
		return g.Active == 1 && strings.Contains(g.Text, "second stands in for first")
	})
	if a, b := dest(s, "first"), dest(s, "second"); a.State != status.Reconnecting || a.Cause != "refused" || a.Held || b.State != status.Active || b.Held {
		t.Errorf("the first %+v, the second %+v", a, b)
	}
	eventually(t, "the second to be published to", func() bool { return publishes(t, second) })
	first.Start()
	awaitState(d, "first", status.Active)
	s = d.Await("the first to be alone again", patience, func(s status.Snapshot) bool {
		return dest(s, "first").State == status.Active && dest(s, "second").Held
	})
	if g := main(s).Groups[0]; g.Name != "air" || g.Policy != "primary_backup" || g.Active != 1 || g.Alarm != "" {
		t.Errorf("after the return: %+v", g)
	}
	eventually(t, "the second to be left", func() bool { return publishes(t, first) && !publishes(t, second) })

	// Both away: the minimum's alarm.
	first.Kill()
	second.Kill()
	s = awaitGroup(d, "the alarm", func(g status.Group) bool { return g.Alarm != "" })
	if !encoderd.HasCondition(main(s).Conditions, "group.minimum.air") {
		t.Errorf("conditions %+v", main(s).Conditions)
	}
	second.Start()
	awaitGroup(d, "the alarm's end", func(g status.Group) bool { return g.Alarm == "" && g.Active == 1 })
}

// TestAllOrNone has nobody published to for long while one of two cannot be.
func TestAllOrNone(t *testing.T) {
	t.Parallel()
	good, late := peer.StartNginx(t, peer.NginxOptions{}), peer.StartNginx(t, peer.NginxOptions{})
	late.Kill()
	d := encoderd.Start(t, binary, pattern+
		(&receiver{name: "good", url: good.URL(streamKey)}).table()+(&receiver{name: "late", url: late.URL(streamKey)}).table()+`
[streams.main.groups.air]
members = "good, late"
policy = "all"
grace = "1s"
`)
	held := func() status.Snapshot {
		t.Helper()
		s := d.Await("the good one to be held", patience, func(s status.Snapshot) bool {
			return dest(s, "good").State == status.Disabled && dest(s, "good").Held
		})
		eventually(t, "the good one to be left", func() bool { return !publishes(t, good) })
		return s
	}
	s := held()
	if g := main(s).Groups[0]; g.Active != 0 || !strings.Contains(g.Text, "late") {
		t.Errorf("the group: %+v", g)
	}
	if g := dest(s, "good"); !strings.Contains(g.Reason, "late") {
		t.Errorf("the good one does not say whom it waits for: %+v", g)
	}
	for range 15 { // it stays away
		time.Sleep(200 * time.Millisecond)
		if publishes(t, good) {
			t.Fatal("the good one is published to while the other is away")
		}
	}
	late.Start()
	awaitGroup(d, "both to be active", func(g status.Group) bool { return g.Active == 2 })
	eventually(t, "both to be published to", func() bool { return publishes(t, good) && publishes(t, late) })
	late.Kill()
	held()
}
