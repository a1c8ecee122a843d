// Command shell starts a virtual ARM box and connects the terminal with the
// shell on its serial port. The box ends with poweroff in there, or with
// Ctrl-] here. See make lab-box-shell.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/peer"
)

const escape = 0x1d // Ctrl-]

func main() {
	load := flag.String("load", "vivid,vh264", "kernel modules to load, separated by commas")
	ports := flag.String("forward", "8080", "TCP ports of the box's to be reachable on the host's loopback, separated by commas")
	memory := flag.Int("memory", 512, "memory of the box in MB")
	flag.Parse()
	if err := run(list(*load), list(*ports), *memory); err != nil {
		fmt.Fprintln(os.Stderr, "shell:", err)
		os.Exit(1)
	}
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func run(modules, ports []string, memory int) error {
	dir, err := os.MkdirTemp("", "box-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := box.Build(context.Background(), dir, "cmd/encoderd")
	if err != nil { // of use without it, too
		fmt.Fprintln(os.Stderr, err)
	}
	return peer.Do(dir, os.Stderr, func(tb peer.TB) {
		b := box.Start(tb, box.Options{MemoryMB: memory, Reboots: true, Kernel: []string{"box.shell"}, Console: os.Stdout})
		for _, m := range modules {
			b.LoadModule(m)
		}
		for _, p := range ports {
			n, err := strconv.Atoi(p)
			if err != nil {
				tb.Fatalf("forward %q: not a port", p)
			}
			tb.Logf("port %s of the box is %s here", p, b.Forward("tcp", n))
		}
		if program != "" {
			tb.Logf("encoderd is %s in the box", b.Share(program))
		}
		tb.Logf("Ctrl-] ends the box, as pulling the plug does; poweroff ends it in order")
		if err := converse(b); err != nil {
			tb.Fatalf("%w", err)
		}
	})
}

// converse passes what is typed on to the box until that ends.
func converse(b *box.Box) error {
	restore, err := rawMode(int(os.Stdin.Fd()))
	if err != nil {
		return err
	}
	defer restore()
	// The goroutine cannot be waited for: a read of a terminal does not end. The program does.
	over := make(chan error, 1)
	go func() { over <- typed(b) }()
	_, _ = io.WriteString(b.ConsoleInput(), "\n") // brings the prompt
	select {
	case err := <-over:
		return err
	case <-b.Done():
		return nil
	}
}

func typed(b *box.Box) error {
	buf := make([]byte, 256)
	for {
		n, err := os.Stdin.Read(buf)
		keys, _, ends := strings.Cut(string(buf[:n]), string(rune(escape)))
		_, _ = io.WriteString(b.ConsoleInput(), keys) // fails when the box has ended, which converse sees
		if ends {
			return nil
		}
		if errors.Is(err, io.EOF) { // of a script's: its commands shall run
			<-b.Done()
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the terminal: %w", err)
		}
	}
}

// rawMode makes a terminal pass every key on, and returns what undoes it. What
// is no terminal is left alone.
func rawMode(fd int) (func(), error) {
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if errors.Is(err, unix.ENOTTY) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the terminal's mode: %w", err)
	}
	raw := *old
	raw.Iflag &^= unix.BRKINT | unix.ICRNL | unix.INPCK | unix.ISTRIP | unix.IXON
	raw.Lflag &^= unix.ECHO | unix.ICANON | unix.IEXTEN | unix.ISIG
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &raw); err != nil {
		return nil, fmt.Errorf("set the terminal's mode: %w", err)
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, old) }, nil
}
