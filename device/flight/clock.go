package flight

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

// stepLeast is the least change of the wall clock against the monotonic one,
// from one look to the next, that is a step. Slewing (at most 500 ppm) is none.
const stepLeast = 500 * time.Millisecond

// clock has the two times of the box: how long it is up, which only rises, and
// the time of day, which may be unknown and may jump.
type clock struct {
	boot  string    // which boot this is
	start time.Time // monotonic, of the recorder
	up    time.Duration
	wall  func() time.Time // the time of day
	known func() bool      // it has been set
}

// systemClock is the machine's. Without /proc every run is a boot of its own.
func systemClock() clock {
	c := clock{start: time.Now(), wall: time.Now, known: wallKnown}
	c.boot = "run-" + time.Now().UTC().Format("20060102T150405.000")
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		c.boot = strings.SplitN(strings.TrimSpace(string(id)), "-", 2)[0]
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err == nil {
		c.up = time.Duration(ts.Nano())
	}
	return c
}

// wallKnown asks the one place that knows from when on a clock is believed.
func wallKnown() bool {
	_, ok := media.NewClock().Wall(0)
	return ok
}

// uptime is the time since the boot.
func (c *clock) uptime() time.Duration { return c.up + time.Since(c.start) }

// uptimeOf is a moment as time since the boot. A moment with a monotonic reading
// is exact; of others only the age by the time of day is known.
func (c *clock) uptimeOf(t time.Time) time.Duration {
	now := c.uptime()
	switch {
	case t.IsZero():
		return now
	case t != t.Round(0): // it has a monotonic reading
		return min(now, c.up+t.Sub(c.start))
	}
	return min(now, max(0, now-c.wall().Round(0).Sub(t)))
}

// bootWall is the time of day at which the box came up, as the clock says now.
func (c *clock) bootWall() time.Time { return c.wall().Round(0).UTC().Add(-c.uptime()) }
