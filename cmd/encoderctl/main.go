// Command encoderctl talks to a running encoderd.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/encoderbox/encoderbox/device/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := remote.Main(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
