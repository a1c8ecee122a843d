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
	code := remote.Program{Env: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}.Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
