package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/hwbench/wire"
	"github.com/encoderbox/encoderbox/lab/measure"
)

// bench is what all trials share.
type bench struct {
	o               options
	box             *box.Box
	encoderd, inbox string // in the box
	log             io.Writer
}

func (b *bench) rounds(ctx context.Context, r *report) error {
	for _, p := range pictures {
		var todo []benchCase
		for _, c := range cases(p) {
			if b.o.only.MatchString(c.name()) {
				todo = append(todo, c)
			}
		}
		for round := range b.o.repeats {
			for _, c := range measure.Order(todo, round) {
				t, err := b.trial(ctx, c)
				if err != nil {
					return fmt.Errorf("round %d, %s: %w", round+1, c.name(), err)
				}
				r.add(c, t)
				fmt.Fprintf(b.log, "%d/%d  %-40s %s\n", round+1, b.o.repeats, c.name(), t)
			}
		}
	}
	if len(r.Rows) == 0 {
		return fmt.Errorf("-only %s: matches no case", b.o.only)
	}
	return nil
}

// trial is what one run of a case has cost, for each coded picture.
type trial struct {
	wire.Cost
	MS     float64 `json:"ms"`     // CPU
	System float64 `json:"system"` // the part of it in the kernel
	Rate   float64 `json:"rate"`   // pictures a second that were coded
	Wakes  float64 `json:"wakes"`  // context switches
}

func newTrial(c wire.Cost) trial {
	n := float64(c.Pictures)
	return trial{
		Cost: c, MS: c.CPU.Seconds() * 1000 / n, System: c.System.Seconds() / max(0.01, (c.User+c.System).Seconds()),
		Rate: n / c.Wall.Seconds(), Wakes: float64(c.Switches) / n,
	}
}

func (t trial) String() string {
	return fmt.Sprintf("%6.3f ms a picture, %2.0f %% of it in the kernel; %4.1f switches, %.1f pictures/s, %.1f kB a picture",
		t.MS, 100*t.System, t.Wakes, t.Rate, float64(t.Bits)/8000/float64(t.Pictures))
}

// trial runs a case, measures it and ends it.
func (b *bench) trial(ctx context.Context, c benchCase) (t trial, err error) {
	if _, err := b.box.Run(ctx, "sh", "-c", "rm -rf "+hlsFolder+" && mkdir "+hlsFolder); err != nil {
		return t, err
	}
	if err := b.still(ctx); err != nil {
		return t, err
	}
	if err := b.box.WriteFile(ctx, configFile, strings.NewReader(daemonConfig(c.picture)), 0o600); err != nil {
		return t, err
	}
	var said bytes.Buffer
	cmd := b.box.Command(c.command(b, c.picture)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(ctx); err != nil {
		return t, err
	}
	cost, err := b.observe(ctx, cmd.PID())
	if err == nil && c.job == jobHLS {
		err = b.segments(ctx)
	}
	if err := errors.Join(err, b.end(cmd)); err != nil {
		return t, fmt.Errorf("%w; it wrote:\n%s", err, &said)
	}
	return newTrial(cost), nil
}

// still has every picture be the same: what is coded does not depend on when.
func (b *bench) still(ctx context.Context) error {
	_, err := b.box.Run(ctx, "v4l2-ctl", "-d", device, "-c", "osd_text_mode=2")
	return err
}

func (b *bench) observe(ctx context.Context, pid int) (c wire.Cost, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	r, err := b.box.Run(ctx, b.inbox, "meter", "-pid", fmt.Sprint(pid),
		"-settle", fmt.Sprint(b.o.settle), "-pictures", fmt.Sprint(b.o.pictures))
	if err != nil {
		return c, err
	}
	err = json.Unmarshal([]byte(r.Stdout), &c)
	if err == nil && (c.Pictures < b.o.pictures || c.CPU <= 0) {
		err = fmt.Errorf("the meter says %+v", c)
	}
	return c, err
}

// end ends a contender as a person would.
func (b *bench) end(cmd *box.Cmd) error {
	select {
	case <-cmd.Done():
		return errors.Join(errors.New("it ended by itself"), cmd.Wait())
	default:
	}
	if err := cmd.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := cmd.Wait()
	var exit *box.ExitError
	if errors.As(err, &exit) && exit.Code == 255 && cmd.Args[0] == ffmpeg {
		return nil // its way to say that a signal ended it
	}
	return err
}

// segments checks that a contender wrote what it was measured for.
func (b *bench) segments(ctx context.Context) error {
	r, err := b.box.Run(ctx, "find", hlsFolder, "-name", "*.m4s", "-size", "+4k")
	if n := strings.Count(r.Stdout, "\n"); err == nil && n < 3 {
		err = fmt.Errorf("it wrote %d segments", n)
	}
	return err
}
