// Command linkcheck measures how exactly lab/link carries packets on this machine:
// the rate and delay that datagrams meet against what the model of the bottleneck
// promises for the very moments they were sent at, and what TCP and capacity steps
// make of it, up to SRT, RTMP and HTTP. It needs root, or a user who may make user
// namespaces and open /dev/net/tun. It prints figures, and "ok" or "short" after each.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/netns"
)

func main() { os.Exit(netns.Main(linkcheck)) }

func linkcheck() int {
	seconds := flag.Int("seconds", 10, "length of each check")
	csv := flag.String("log", "", "file that gets the log of the capacity step's queue as CSV")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, time.Duration(*seconds)*time.Second, *csv); err != nil {
		fmt.Fprintln(os.Stderr, "linkcheck:", err)
		return 1
	}
	return 0
}

var errShort = errors.New("the link is less exact than it should be here: is the machine busy?")

// check is one figure and how far it may be from what is right.
type check struct {
	w     io.Writer
	short bool
}

func (c *check) line(name, figure string, ok bool) {
	verdict := "ok"
	if !ok {
		verdict, c.short = "short", true
	}
	fmt.Fprintf(c.w, "%-28s %-64s %s\n", name, figure, verdict)
}

func run(ctx context.Context, w io.Writer, d time.Duration, csv string) error {
	c := &check{w: w}
	if err := constant(ctx, c, "constant 3 of 6 Mb/s", 3e6, d); err != nil {
		return err
	}
	if err := constant(ctx, c, "overload 9 of 6 Mb/s", 9e6, d); err != nil {
		return err
	}
	if err := competition(ctx, c, d); err != nil {
		return err
	}
	if err := step(ctx, c, d, csv); err != nil {
		return err
	}
	if err := transports(ctx, c, d); err != nil {
		return err
	}
	if c.short {
		return errShort
	}
	return nil
}
