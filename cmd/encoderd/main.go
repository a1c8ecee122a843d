// Command encoderd is the encoder box's daemon.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/encoderbox/encoderbox/device"
)

// version is set by the linker (-X main.version=…).
var version = "development"

const usage = `encoderd captures, encodes and delivers live video.

Usage:
  encoderd -config FILE    run with this configuration, until SIGINT or SIGTERM;
                           SIGHUP reads FILE again and applies what changed;
                           with -rescue, where FILE is no valid configuration,
                           the last that ran takes its place, else the
                           factory's: for a box that nobody could reach
                           otherwise
  encoderd -check FILE     say what is wrong with a configuration, and exit
  encoderd -kinds          print every way out as JSON: protocol, direction,
                           transports, codecs
  encoderd -probe          say which board this is, and what capture devices,
                           encoders, sound cards, buttons … it has; with -json
                           as JSON, with -model NAME as another board model
  encoderd -version        print the version

Without hardware, try: encoderd -config examples/bench.toml
The settings of FILE are described in docs/configuration.md.

Exit status: 0 fine, 1 failed, 2 wrong usage or configuration.
`

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	// What we log goes by log/slog. This is net/http's, which prints the bytes of
	// servers that talk unasked: they may echo a password.
	log.SetOutput(io.Discard)
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("encoderd", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(flags.Output(), usage) }
	configFile := flags.String("config", "", "")
	rescue := flags.Bool("rescue", false, "")
	checkFile := flags.String("check", "", "")
	kinds := flags.Bool("kinds", false, "")
	probe := flags.Bool("probe", false, "")
	asJSON := flags.Bool("json", false, "")
	model := flags.String("model", "auto", "")
	showVersion := flags.Bool("version", false, "")
	if len(args) > 0 && (args[0] == "--help" || args[0] == "-help" || args[0] == "-h") {
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "encoderd: %q is not an option; see encoderd -help\n", flags.Arg(0))
		return exitUsage
	}
	var err error
	switch {
	case *showVersion:
		_, err = fmt.Fprintln(stdout, "encoderd", version)
	case *kinds:
		err = device.WriteKinds(stdout)
	case *probe:
		err = device.WriteProbe(stdout, *model, *asJSON)
	case *checkFile != "":
		err = device.Check(*checkFile, stdout)
	case *configFile != "":
		err = serve(*configFile, *rescue, stdout, stderr)
	default:
		fmt.Fprint(stderr, "encoderd: nothing to do: give it a configuration (-config FILE)\n\n", usage)
		return exitUsage
	}
	return exitCode(err, stderr)
}

// serve runs the daemon until it is told to end.
func serve(configFile string, rescue bool, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	return device.Run(ctx, device.Options{
		ConfigFile: configFile,
		Rescue:     rescue,
		Version:    version,
		Reload:     reload,
		Stdout:     stdout,
		Stderr:     stderr,
	})
}

func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, device.ErrConfig):
		fmt.Fprintln(stderr, err) // one line for each thing that is wrong
		return exitUsage
	default:
		fmt.Fprintln(stderr, "encoderd:", err)
		return exitFailed
	}
}
