package device

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
)

// A file stands in for the device: it keeps what a watchdog is told.
func TestHardwareWatchdog(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(d *box)
		want string // food is F
	}{
		"is fed while all is well, and stopped at the end": {func(d *box) { d.feedWatchdog(); d.leaveWatchdog() }, "FV"},
		"is left on at the end where it has to bite": {func(d *box) {
			d.feedWatchdog()
			d.health.set("main", true)
			d.feedWatchdog()
			d.leaveWatchdog()
		}, "F"},
		"is stopped when it is not wanted any more": {func(d *box) { d.health.set("main", true); d.followWatchdog("") }, "V"},
		"is fed again once the bad stream is gone": {func(d *box) {
			d.health.set("main", true)
			d.feedWatchdog()
			d.health.set("main", false)
			d.feedWatchdog()
		}, "F"},
		"is fed for none while one stream of two is bad": {func(d *box) {
			d.health.set("main", true)
			d.health.set("second", false)
			d.feedWatchdog()
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "watchdog")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			d := &box{log: slog.New(slog.DiscardHandler), store: status.NewStore("")}
			d.followWatchdog(path)
			c.do(d)
			d.followWatchdog(path) // the same again changes nothing
			got, err := os.ReadFile(path)
			for i, b := range got {
				if b == 0 {
					got[i] = 'F'
				}
			}
			if err != nil || string(got) != c.want {
				t.Errorf("it was told %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestAWatchdogThatComesLateIsStarted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog")
	d := &box{log: slog.New(slog.DiscardHandler), store: status.NewStore("")}
	d.followWatchdog(path)
	d.feedWatchdog()
	if got := d.store.Load().Conditions; len(got) != 1 || got[0].Code != conditionWatchdog {
		t.Errorf("conditions %+v", got)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.feedWatchdog()
	if d.watchdog == nil || len(d.store.Load().Conditions) != 0 {
		t.Errorf("it is not started: %+v", d.store.Load().Conditions)
	}
	d.leaveWatchdog()
}
