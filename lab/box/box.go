// Package box starts a virtual ARM box from a test: Debian's arm64 kernel in
// QEMU, with virtual V4L2, sound, USB and watchdog hardware to be loaded as
// modules. The test runs on the host; what it wants done in the box it asks of
// an agent in there, over a port of its own, so that it reaches the box
// whatever it does to the network.
//
// make lab-box fetches and builds what is needed; see README.md. Nothing but
// the test itself can reach the box, and it is gone when the test is.
package box

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

const (
	bootTimeout     = 2 * time.Minute // an idle machine needs 3 s, a busy one is patient
	powerOffTimeout = time.Minute
)

// Options of a box that is not the usual one.
type Options struct {
	CPUs     int // 2 when 0
	MemoryMB int // 512 when 0
	Disks    []Disk
	// Watchdog adds an Intel 6300ESB watchdog (module i6300esb); says what QEMU
	// does when nobody feeds it: "poweroff", "reset", "pause" or "none".
	Watchdog string
	// Serial adds a serial port, /dev/ttyS0, whose other end is Box.Serial.
	Serial bool
	// USB adds a USB host, module xhci-pci. USB disks bring it themselves.
	USB bool
	// Systemd has systemd's programs and D-Bus at hand: see LaySystemd.
	Systemd bool
	// Reboots lets the box start again after a reboot or a reset from inside;
	// otherwise that ends it, as a power-off does.
	Reboots bool
	Kernel  []string // words added to the kernel's command line; "box.shell" puts a shell on the console
	Args    []string // arguments added to QEMU's
	// Accelerator is QEMU's -accel. Empty: "tcg,thread=multi", a thread for each
	// of the box's processors.
	Accelerator string
	Console     io.Writer // gets a copy of what the box writes on its console
}

// Disk is a virtio disk: /dev/vda is the first. The module is virtio_blk.
type Disk struct {
	// Path is a raw image file. What the box has sent to it survives a power cut,
	// flushed or not.
	Path string
	// Socket is the Unix socket of a server of network block devices (NBD), such
	// as package disk's, instead of a file.
	Socket   string
	ReadOnly bool
	// USB makes it a USB stick instead: /dev/sda is the first. The modules are
	// xhci-pci, usb-storage and sd_mod. Unplug takes it out, and Plug puts it in.
	USB bool
}

// Box is a running box. Its methods may be called from several goroutines.
type Box struct {
	tb      peer.TB
	image   image
	options Options
	share   string // folder of the host that the box has as /share
	qemu    *process
	qmp     *qmp
	console *console
	serial  *wireEnd
	plugs   int // adapters that PlugSerial has plugged in

	agent *wireEnd
	mu    sync.Mutex // guards the field below, and connecting
	link  *link
}

// Start boots a box, and returns once it does what it is told. It is ended at
// the end of the test, or when the test's process dies. When the test fails,
// the end of its console goes into the test's output.
func Start(tb peer.TB, o Options) *Box {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bootTimeout)
	defer cancel()
	b, err := start(ctx, tb, o)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	return b
}

func start(ctx context.Context, tb peer.TB, o Options) (*Box, error) {
	o.CPUs, o.MemoryMB = cmp.Or(o.CPUs, 2), cmp.Or(o.MemoryMB, 512)
	img, err := findImage(ctx)
	if err != nil {
		return nil, err
	}
	dir := tb.TempDir()
	b := &Box{tb: tb, image: img, options: o, share: filepath.Join(dir, "share")}
	if err := b.launch(dir); err != nil {
		return nil, err
	}
	tb.Cleanup(func() {
		b.PowerCut()
		if tb.Failed() {
			tb.Logf("the box's console:\n%s", b.Console())
		}
	})
	if err := b.qmp.greet(ctx); err != nil {
		return nil, b.explain(err)
	}
	if err := b.Await(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// Await waits until the box answers: after a Reset, or after a reboot from
// inside where Options.Reboots allows it.
func (b *Box) Await(ctx context.Context) error {
	_, err := b.connect(ctx)
	return err
}

// explain adds to an error what is known of a box that has ended.
func (b *Box) explain(err error) error {
	select {
	case <-b.qemu.done:
		return fmt.Errorf("%w: %w: %s", err, errEnded, b.qemu.says())
	default:
		return err
	}
}

var errEnded = errors.New("the box has ended")

// Done is closed once the box is off.
func (b *Box) Done() <-chan struct{} { return b.qemu.done }

// PID is the process id of the box's QEMU.
func (b *Box) PID() int { return b.qemu.pid() }

// PowerOff has the box shut down in order, and returns once it is off.
func (b *Box) PowerOff(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, powerOffTimeout)
	defer cancel()
	// The agent may be gone before it has told how the command ended.
	_, err := b.Run(ctx, "poweroff")
	select {
	case <-b.qemu.done:
		b.PowerCut() // releases what the box held
		return nil
	case <-ctx.Done():
		return fmt.Errorf("box: power off: %w", errors.Join(context.Cause(ctx), err))
	}
}

// PowerCut turns the box off at once, as pulling the plug does, and returns
// once it is off. What it had not written is lost. Doing it twice is harmless.
func (b *Box) PowerCut() {
	b.qemu.kill()
	b.disconnect(errEnded)
	b.qmp.close()
	b.console.close()
	b.agent.close()
	b.serial.close()
}

// Reset presses the reset button, and returns once the box answers again.
// Commands that were running fail.
func (b *Box) Reset(ctx context.Context) error {
	before := b.qmp.resets()
	if !b.options.Reboots {
		if err := b.setReboots(ctx, "reset"); err != nil {
			return err
		}
	}
	if _, err := b.QMP(ctx, "system_reset", nil); err != nil {
		return err
	}
	if err := b.qmp.awaitReset(ctx, before); err != nil {
		return b.explain(err)
	}
	if err := b.Await(ctx); err != nil || b.options.Reboots {
		return err
	}
	return b.setReboots(ctx, "shutdown")
}

func (b *Box) setReboots(ctx context.Context, action string) error {
	_, err := b.QMP(ctx, "set-action", map[string]any{"reboot": action})
	return err
}

// AwaitReboot waits for a reboot from inside that began after n resets, and
// until the box answers again; Resets tells n. Options.Reboots must be set.
func (b *Box) AwaitReboot(ctx context.Context, n int) error {
	if err := b.qmp.awaitReset(ctx, n); err != nil {
		return b.explain(err)
	}
	return b.Await(ctx)
}

// Resets is how often the box was reset, or has rebooted, since its start.
func (b *Box) Resets() int { return b.qmp.resets() }

// Console is the end of what the box has written on its console, the kernel's
// messages included.
func (b *Box) Console() string { return b.console.text() }

// ConsoleInput takes what is typed on the console.
func (b *Box) ConsoleInput() io.Writer { return b.console.wire }
