// Command grabber is a USB grabber made of software, plugged into the kernel's
// virtual host controller, for tests in the virtual box. It takes commands on
// its standard input, a line each, and answers each with a line: "ok", or
// "error: " and why.
//
//	unplug               as if pulled out
//	plug [PORT]          into a port of the controller, from 0; without, the last
//	stall, resume        sends no pictures; sends them again
//	truncate N           the next N pictures are cut in half
//	pattern NAME         moving, frozen, blue
//	mute, unmute         the sound is digital silence
//	silence, sound       sends no samples; sends them again
//	ppm N                how much faster than the picture's the sound's clock is
//	quit
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/encoderbox/encoderbox/lab/usbip"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "grabber:", err)
		os.Exit(1)
	}
}

func run() error {
	// One processor hands over between goroutines faster than an emulated one
	// wakes another.
	runtime.GOMAXPROCS(1)
	var c usbip.Config
	flag.IntVar(&c.Vendor, "vendor", 0x1209, "vendor id")
	flag.IntVar(&c.ProductID, "product-id", 0x0001, "product id")
	flag.StringVar(&c.Maker, "maker", "Encoderbox lab", "manufacturer")
	flag.StringVar(&c.Product, "product", "Virtual grabber", "name of the product")
	flag.StringVar(&c.Serial, "serial", "LAB0001", "serial number")
	port := flag.Int("port", 0, "port of the controller")
	plugged := flag.Bool("plugged", true, "plug it in at the start")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	g := &grabber{device: usbip.NewDevice(c), controller: usbip.Controller, port: *port}
	defer g.unplug()
	if *plugged {
		if err := g.plug(ctx, *port); err != nil {
			return err
		}
	}
	fmt.Println("ok")
	return g.commands(ctx, os.Stdin, os.Stdout)
}

// grabber is the device and whether it is plugged in.
type grabber struct {
	device     *usbip.Device
	controller string
	port       int
	cancel     context.CancelFunc // nil when it is not plugged in
	done       chan struct{}
}

var errQuit = errors.New("quit")

// commands does what it reads until the end of input, "quit", or the end of ctx.
func (g *grabber) commands(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := make(chan string)
	go func() { // ends with the process, since reading cannot be interrupted
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, more := <-lines:
			if !more {
				return nil
			}
			err := g.command(ctx, strings.Fields(line))
			if errors.Is(err, errQuit) {
				return nil
			} else if err != nil {
				_, err = fmt.Fprintln(out, "error:", err)
			} else {
				_, err = fmt.Fprintln(out, "ok")
			}
			if err != nil {
				return err
			}
		}
	}
}

func (g *grabber) command(ctx context.Context, words []string) error {
	if len(words) == 0 || len(words) > 2 {
		return errors.New("a command, and at most one word after it")
	}
	argument := append(words, "")[1]
	change, err := fault(words[0], argument)
	if err != nil {
		return err
	}
	if change != nil {
		g.device.Change(change)
		return nil
	}
	switch words[0] {
	case "unplug":
		g.unplug()
		return nil
	case "plug":
		port := g.port
		if argument != "" {
			if port, err = strconv.Atoi(argument); err != nil {
				return fmt.Errorf("port %q is not a number", argument)
			}
		}
		return g.plug(ctx, port)
	case "quit":
		return errQuit
	}
	return fmt.Errorf("unknown command %q", words[0])
}

// fault is what a command changes about the device; nil for other commands.
func fault(command, argument string) (func(*usbip.Faults), error) {
	switch command {
	case "stall", "resume":
		return func(f *usbip.Faults) { f.Stalled = command == "stall" }, nil
	case "mute", "unmute":
		return func(f *usbip.Faults) { f.Muted = command == "mute" }, nil
	case "silence", "sound":
		return func(f *usbip.Faults) { f.Silent = command == "silence" }, nil
	case "pattern":
		p := usbip.Pattern(argument)
		if !slices.Contains([]usbip.Pattern{usbip.Moving, usbip.Frozen, usbip.Blue}, p) {
			return nil, fmt.Errorf("unknown pattern %q: moving, frozen, blue", argument)
		}
		return func(f *usbip.Faults) { f.Pattern = p }, nil
	case "truncate", "ppm":
		n, err := strconv.Atoi(argument)
		if err != nil || n < -10000 || n > 10000 || command == "truncate" && n < 0 {
			return nil, fmt.Errorf("%s %q: a number up to 10000 is needed", command, argument)
		}
		return func(f *usbip.Faults) {
			if command == "ppm" {
				f.AudioPPM = n
			} else {
				f.Truncate = n
			}
		}, nil
	}
	return nil, nil //nolint:nilnil // another command
}

func (g *grabber) plug(ctx context.Context, port int) error {
	if g.cancel != nil {
		return errors.New("it is plugged in")
	}
	conn, err := usbip.Plug(ctx, g.controller, port)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	g.port, g.cancel, g.done = port, cancel, make(chan struct{})
	go func() {
		defer close(g.done)
		if err := g.device.Serve(ctx, conn); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "grabber:", err)
		}
	}()
	return nil
}

func (g *grabber) unplug() {
	if g.cancel != nil {
		g.cancel()
		<-g.done
		g.cancel = nil
	}
}
