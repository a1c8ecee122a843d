package device

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

func (d *box) timeCommands() []control.Command {
	zones := timeZones(d.system.zones)
	timedatectl := func(verb, arg string) func(context.Context, control.Call) (control.Result, error) {
		return func(ctx context.Context, call control.Call) (control.Result, error) {
			value := call.Args.Get(arg)
			if arg == "zone" && len(zones) > 0 && !slices.Contains(zones, value) {
				return control.Result{}, control.Errorf(control.NotFound, "there is no time zone %s: they are named such as Europe/Vienna", strconv.Quote(value))
			}
			_, err := d.system.run(ctx, "timedatectl", verb, value)
			return control.Result{}, err
		}
	}
	return []control.Command{
		{Name: "time show", Help: "The box's clock: time, zone, and whether the network sets it", Role: control.Viewer, Reads: true, Run: d.showTime},
		{
			Name: "time zone", Help: "Set the time zone; schedules of recordings follow it after a restart", Role: control.Admin,
			Args: []control.Arg{{
				Name: "zone", Kind: control.Word, Help: "such as Europe/Vienna",
				Values: func(*status.Snapshot, control.Args) []string { return zones },
			}},
			Run: timedatectl("set-timezone", "zone"),
		},
		{
			Name: "time set", Help: "Set the clock by hand, of a box that no network sets", Role: control.Admin,
			Args: []control.Arg{{Name: "time", Kind: control.Text, Help: "local time, such as 2026-01-31 18:05:00"}},
			Run: func(ctx context.Context, call control.Call) (control.Result, error) {
				at := call.Args.Get("time")
				if _, err := time.Parse(time.DateTime, at); err != nil {
					return control.Result{}, control.Errorf(control.Usage, "time: %s is not such as 2026-01-31 18:05:00", strconv.Quote(at))
				}
				return timedatectl("set-time", "time")(ctx, call)
			},
		},
		{
			Name: "time sync", Help: "Have the network set the clock, or not", Role: control.Admin,
			Args: []control.Arg{{Name: "network", Kind: control.Switch, Help: "whether the network sets it"}},
			Run: func(ctx context.Context, call control.Call) (control.Result, error) {
				_, err := d.system.run(ctx, "timedatectl", "set-ntp", strconv.FormatBool(call.Args.On("network")))
				return control.Result{}, err
			},
		},
	}
}

// clock is the box's clock for programs.
type clock struct {
	Time         time.Time `json:"time"`
	Zone         string    `json:"zone"`
	Sync         bool      `json:"sync"`         // the network is to set it
	Synchronized bool      `json:"synchronized"` // and has
}

// showTime says what timedatectl does, and the time alone where there is none.
func (d *box) showTime(ctx context.Context, _ control.Call) (control.Result, error) {
	c := clock{Time: time.Now()}
	c.Zone, _ = c.Time.Zone()
	said, err := d.system.run(ctx, "timedatectl", "show")
	for line := range strings.Lines(said) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "Timezone":
			c.Zone = value
		case "NTP":
			c.Sync = value == "yes"
		case "NTPSynchronized":
			c.Synchronized = value == "yes"
		}
	}
	if zone, err := time.LoadLocation(c.Zone); err == nil {
		c.Time = c.Time.In(zone)
	}
	text := fmt.Sprintf("%s, zone %s", c.Time.Format("2006-01-02 15:04:05 -07:00"), c.Zone)
	switch {
	case err != nil:
		text += "; whether the network sets it is not known"
	case c.Synchronized:
		text += ", set by the network"
	case c.Sync:
		text += ", the network has not set it yet"
	default:
		text += ", not set by the network"
	}
	return control.Result{Text: text, Data: c}, nil
}

// timeZones are the names of time zones, as a folder's table has them; none where
// there is no table.
func timeZones(dir string) (zones []string) {
	f, err := os.Open(filepath.Join(dir, "zone1970.tab"))
	if err != nil {
		if f, err = os.Open(filepath.Join(dir, "zone.tab")); err != nil {
			return nil
		}
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Split(lines.Text(), "\t"); len(fields) > 2 && !strings.HasPrefix(fields[0], "#") {
			zones = append(zones, fields[2])
		}
	}
	zones = append(zones, "UTC")
	slices.Sort(zones)
	return zones
}
