// Command inbox is what the hardware benchmark runs inside the virtual ARM box
// beside the contenders:
//
//	inbox meter -pid N …   says what a process costs over a number of coded pictures
//	inbox path …           capture device, encoder, and nothing behind them
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "inbox:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("meter or path?")
	}
	switch args[0] {
	case "meter":
		return meter(ctx, args[1:], os.Stdout)
	case "path":
		return path(ctx, args[1:])
	}
	return fmt.Errorf("%q is neither meter nor path", args[0])
}
