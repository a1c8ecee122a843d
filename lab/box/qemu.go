package box

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/lab/box/wire"
)

const firstExtraFD = 3 // of a child's: os/exec says so

// launch starts QEMU with its sockets.
func (b *Box) launch(dir string) (err error) {
	if err := os.Mkdir(b.share, 0o755); err != nil {
		return fmt.Errorf("box: make the share: %w", err)
	}
	var wires []*wireEnd
	defer func() {
		for _, w := range wires {
			_ = w.peer.Close() // QEMU has its own
			if err != nil {
				w.close()
			}
		}
	}()
	names := []string{"console", "qmp", "agent"}
	if b.options.Serial {
		names = append(names, "serial")
	}
	args := b.arguments()
	for i, name := range names {
		w, err := newWire(name)
		if err != nil {
			return err
		}
		wires = append(wires, w)
		args = append(args, "-chardev", fmt.Sprintf("socket,id=%s,fd=%d", name, firstExtraFD+i))
	}
	args = append(args, "-serial", "chardev:console", "-mon", "chardev=qmp,mode=control",
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name="+wire.Port)
	if b.options.Serial {
		args = append(args, "-device", "pci-serial,chardev=serial")
		b.serial = wires[3]
	}
	var files []*os.File
	for _, w := range wires {
		files = append(files, w.peer)
	}
	args = append(args, b.options.Args...)
	if b.qemu, err = spawn(args, files); err != nil {
		return err
	}
	b.console, b.qmp, b.agent = readConsole(wires[0], b.options.Console), newQMP(wires[1], b.brokenByReset), wires[2]
	return nil
}

// brokenByReset ends the connection to an agent that is no more.
func (b *Box) brokenByReset() { b.disconnect(errors.New("the box was reset")) }

// arguments are QEMU's, but for its sockets.
func (b *Box) arguments() []string {
	// Without KASLR the kernel keeps its pages mapped, which an emulated processor is the faster for.
	words := append([]string{"console=ttyAMA0", "quiet", "panic=-1", "audit=0", "nokaslr", "mitigations=off"}, b.options.Kernel...)
	args := []string{
		"qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-accel", cmp.Or(b.options.Accelerator, "tcg,thread=multi"),
		"-smp", strconv.Itoa(b.options.CPUs), "-m", strconv.Itoa(b.options.MemoryMB),
		"-nodefaults", "-no-user-config", "-display", "none",
		"-kernel", b.image.kernel, "-initrd", b.image.initramfs, "-append", strings.Join(words, " "),
		"-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=",
		"-device", "virtio-rng-pci",
	}
	type share struct{ tag, path string }
	shares := []share{{"userland", b.image.userland}, {"modules", b.image.modules}, {"ffmpeg", b.image.ffmpeg}, {"share", b.share}}
	if b.options.Systemd {
		shares = append(shares, share{"systemd", b.image.systemd})
	}
	for _, s := range shares {
		args = append(args, "-fsdev", "local,security_model=none,readonly=on,id="+s.tag+",path="+escape(s.path),
			"-device", "virtio-9p-pci,fsdev="+s.tag+",mount_tag="+s.tag)
	}
	args = append(args, b.diskArguments()...)
	if b.options.Watchdog != "" {
		args = append(args, "-device", "i6300esb", "-action", "watchdog="+b.options.Watchdog)
	}
	if !b.options.Reboots {
		args = append(args, "-no-reboot")
	}
	return slices.Clip(args)
}

// escape doubles commas, which end a value in QEMU's options.
func escape(s string) string { return strings.ReplaceAll(s, ",", ",,") }

// Serial is the host's end of the serial port that Options.Serial added.
func (b *Box) Serial() net.Conn { return b.serial }
